//! A log moved to another place: every record as it is, to the offset that it has (docs/decisions/0016-log-copy.md).
//!
//! ```text
//!  open both ──> compare what the target holds ──> copy the rest ──> open the target again ──> read both, compare checksums
//! ```

mod reading;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use infra::log::place::LogPlace;
use infra::log::{EventLog, LogImport, LogLayout};
use projectors::{Done, Report};
use schemas::PartitionId;
use schemas::log::schema_ids::SchemaIds;
use schemas::log::{Offset, RecordKind, StoredRecord};

use self::reading::{fingerprint, step};
pub use self::told::{Copied, CopiedPartition, Side};

/// Partitions worked on at a time: with one read each, the bound of the memory used.
const PARTITIONS_AT_ONCE: usize = 4;

/// What to copy.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// The log.
    pub from: LogPlace,
    /// Where to.
    pub to: LogPlace,
    /// The schema registry of the log on Kafka that is copied, by its URL: bodies come with compiled-in schema ids then.
    pub registry: Option<String>,
    /// Whether to go on with a copy that was cut off.
    pub resume: bool,
}

/// Copies a log and compares the copy with it. An error leaves a target that `resume` goes on with, unless it says otherwise.
pub async fn copy(request: &CopyRequest, report: Report<'_>) -> anyhow::Result<Copied> {
    let CopyRequest { from, to, registry, resume } = request;
    let source = from.open(registry.as_deref()).await.with_context(|| format!("cannot open {from}"))?;
    let layout = source.layout();
    let ends = ends(&*source, from).await?;
    let target = to.open_to_import(layout).await.with_context(|| format!("cannot fill {to}"))?;
    let work = Work { source, to, layout, ends, done: AtomicU64::new(0), report };
    let filled = work.fill(&*target, *resume, to.needs_compiled_in_ids()).await;
    target.close().await.with_context(|| format!("while closing {to}"))?;
    drop(target);
    filled?;
    // Opened again, so that what is compared comes from where it is kept.
    let copy = to.open(None).await.with_context(|| format!("cannot open {to} again"))?;
    let partitions = work.compare(&*copy).await?;
    Ok(Copied { from: from.to_string(), to: to.to_string(), generation: layout.generation, partitions })
}

/// Where each partition of the source ends now; what is written later is not copied.
async fn ends(source: &dyn EventLog, from: &LogPlace) -> anyhow::Result<Vec<(PartitionId, Offset)>> {
    let mut ends = Vec::new();
    for partition in source.layout().partition_ids() {
        let bounds = source.bounds(partition).await?;
        if bounds.start > 0 {
            let start = bounds.start;
            bail!("{from} cannot be copied: retention has removed the records of partition {partition} before offset {start}");
        }
        ends.push((partition, bounds.end));
    }
    Ok(ends)
}

/// One copy under way.
struct Work<'a> {
    source: Arc<dyn EventLog>,
    to: &'a LogPlace,
    layout: LogLayout,
    /// Where each partition of the source ends.
    ends: Vec<(PartitionId, Offset)>,
    done: AtomicU64,
    report: Report<'a>,
}

impl Work<'_> {
    /// Counts records copied, or compared: each is worked on twice.
    fn tell(&self, records: u64) {
        let records = self.done.fetch_add(records, Ordering::Relaxed) + records;
        let all: u64 = self.ends.iter().map(|(_, end)| end).sum();
        (self.report)(Done { records, total: all * 2 });
    }

    /// Copies what the target lacks.
    async fn fill(&self, target: &dyn LogImport, resume: bool, compiled_in_only: bool) -> anyhow::Result<()> {
        let mut held = Vec::new();
        for (partition, end) in self.ends.iter().copied() {
            let bounds = target.bounds(partition).await?;
            if bounds.end > 0 && !resume {
                let (to, records) = (self.to, bounds.end);
                bail!(
                    "{to} is not empty: partition {partition} holds {records} records; name an empty place, or --resume if a copy was cut off"
                );
            }
            held.push((partition, bounds, end));
        }
        // All of it before anything is written.
        for (partition, bounds, end) in &held {
            if bounds.start > 0 || bounds.end > *end {
                let (to, at) = (self.to, if bounds.start > 0 { 0 } else { *end });
                bail!("{to} is not the beginning of a copy: partition {partition} differs from the source at offset {at}");
            }
        }
        let checks = stream::iter(held.iter().map(|(partition, bounds, _)| self.check_held(target, *partition, bounds.end)));
        checks.buffer_unordered(PARTITIONS_AT_ONCE).try_collect::<()>().await?;
        let parts = held.iter().map(|(partition, bounds, end)| self.fill_partition(target, *partition, bounds.end, *end, compiled_in_only));
        stream::iter(parts).buffer_unordered(PARTITIONS_AT_ONCE).try_collect::<()>().await
    }

    /// Compares what the target holds of a partition with the source, record for record.
    async fn check_held(&self, target: &dyn LogImport, partition: PartitionId, end: Offset) -> anyhow::Result<()> {
        let mut at = 0;
        while at < end {
            let ours = step(target, partition, at, end).await?;
            let next = at + ours.len() as u64;
            while at < next {
                let theirs = step(&*self.source, partition, at, next).await?;
                for record in &theirs {
                    let held = ours.get((record.offset + ours.len() as u64).saturating_sub(next) as usize);
                    if held != Some(record) {
                        let (to, offset) = (self.to, record.offset);
                        bail!("{to} is not the beginning of a copy: partition {partition} differs from the source at offset {offset}");
                    }
                }
                at += theirs.len() as u64;
                self.tell(theirs.len() as u64);
            }
        }
        Ok(())
    }

    async fn fill_partition(
        &self,
        target: &dyn LogImport,
        partition: PartitionId,
        from: Offset,
        end: Offset,
        compiled_in_only: bool,
    ) -> anyhow::Result<()> {
        let mut at = from;
        while at < end {
            let records = step(&*self.source, partition, at, end).await?;
            if compiled_in_only {
                check_ids(partition, &records)?;
            }
            let count = records.len() as u64;
            target.import(partition, records).await.with_context(|| {
                format!("partition {partition} is not copied from offset {at} on; begun again with --resume, the copy goes on")
            })?;
            at += count;
            self.tell(count);
        }
        Ok(())
    }

    /// Reads both sides from the start, partition by partition.
    async fn compare(&self, copy: &dyn EventLog) -> anyhow::Result<Vec<CopiedPartition>> {
        if copy.layout() != self.layout {
            bail!("{} has another layout than the log that was copied: {:?}", self.to, copy.layout());
        }
        let parts = self.ends.iter().map(|(partition, end)| self.compare_partition(copy, *partition, *end));
        stream::iter(parts).buffered(PARTITIONS_AT_ONCE).try_collect().await
    }

    async fn compare_partition(&self, copy: &dyn EventLog, partition: PartitionId, end: Offset) -> anyhow::Result<CopiedPartition> {
        let held = copy.bounds(partition).await?.end;
        let from = fingerprint(&*self.source, partition, end, &|records| self.tell(records)).await?;
        let to = fingerprint(copy, partition, held, &|_| {}).await?;
        Ok(CopiedPartition { partition: partition.0, from, to })
    }
}

/// Refuses bodies whose schema id is a registry's, where there is none.
fn check_ids(partition: PartitionId, records: &[StoredRecord]) -> anyhow::Result<()> {
    let ids = SchemaIds::default();
    for record in records.iter().filter(|record| record.header.kind == RecordKind::Command) {
        if let Err(id) = ids.inward(&record.body) {
            let offset = record.offset;
            bail!(
                "the body at offset {offset} of partition {partition} has a registry's schema id, {id}: name the registry with --registry"
            );
        }
    }
    Ok(())
}
