//! Writing steps: dead letters, journal, rows, checkpoint, in that order; and making whole what a crash left of one (docs/decisions/0010).

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use rustc_hash::{FxHashMap, FxHashSet};
use schemas::PartitionId;
use schemas::rows::{Checkpoint, RowKey, RowWrite, View};
use scylla::statement::batch::{Batch, BatchType};

use super::CqlViews;
use super::buckets::{self, DIRECTORY};
use super::journal::Lane;
use super::statements::WriteValues;
use super::step::Step;
use crate::cql::{Work, all};
use crate::views::{Version, ViewBatch, ViewError};

/// Row keys of more bytes are refused, as by the other stores.
const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// Batches without a checkpoint up to this size, in bytes, are written as one: servers refuse logged batches above 50 KiB.
const BATCH_BYTES_MAX: usize = 32 << 10;
/// The same, in rows.
const BATCH_ROWS_MAX: usize = 500;
/// Writes made ready at once.
const ROWS_AT_ONCE: usize = 4_096;

/// The rows of one view in a commit.
struct Part {
    lane: (View, u32, usize),
    rows: Vec<RowWrite>,
    checkpoint: Option<(PartitionId, Checkpoint)>,
}

impl CqlViews {
    pub(super) async fn commit_batch(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        if batch.writes.is_empty() && batch.checkpoints.is_empty() {
            return Ok(());
        }
        let (loose, steps) = self.parts(version, batch).await?.into_iter().partition::<Vec<_>, _>(|part| part.checkpoint.is_none());
        if steps.is_empty() && is_small(&loose) {
            return self.write_as_one(loose).await;
        }
        for part in &loose {
            self.write_rows(part.lane, &part.rows).await?;
        }
        let mut work = Vec::with_capacity(steps.len());
        for part in steps {
            work.push(self.commit_step(part).boxed());
        }
        try_join_all(work).await.map(drop)
    }

    /// The batch by view and partition: every version is resolved before anything is written.
    async fn parts(&self, version: Version, batch: ViewBatch) -> Result<Vec<Part>, ViewError> {
        let seen = self.versions.present(&self.client).await?;
        let mut parts: BTreeMap<(View, Option<PartitionId>), Part> = BTreeMap::new();
        let mut of_view: BTreeMap<View, PartitionId> = BTreeMap::new();
        for (view, partition, checkpoint) in batch.checkpoints {
            let (number, table) = seen.resolve(view, version)?;
            // Rows of a view with several checkpoints go with the first of them.
            of_view.entry(view).or_insert(partition);
            let part = Part { lane: (view, number, table), rows: Vec::new(), checkpoint: Some((partition, checkpoint)) };
            parts.insert((view, Some(partition)), part);
        }
        let mut latest: FxHashMap<RowKey, RowWrite> = FxHashMap::default();
        for write in batch.writes {
            let bytes = write.key.pk.len() + write.key.sk.len();
            if bytes > KEY_BYTES_MAX {
                return Err(ViewError::Fatal(format!(
                    "row key of {bytes} bytes is over the limit of {KEY_BYTES_MAX}: bound the text in it"
                )));
            }
            latest.insert(write.key.clone(), write);
        }
        for (key, write) in latest {
            let view = key.table.view();
            let lane = seen.resolve(view, version).map(|(number, table)| (view, number, table))?;
            let part = parts.entry((view, of_view.get(&view).copied())).or_insert(Part { lane, rows: Vec::new(), checkpoint: None });
            part.rows.push(write);
        }
        Ok(parts.into_values().collect())
    }

    async fn commit_step(&self, part: Part) -> Result<(), ViewError> {
        let Some((partition, checkpoint)) = part.checkpoint else { return Ok(()) };
        let (view, number, table) = part.lane;
        let lane = Lane { view, number, partition };
        if part.rows.is_empty() {
            self.journal.write_checkpoint(&self.client, lane, &checkpoint).await?;
            self.journal.passed(lane, checkpoint.next);
            return Ok(());
        }
        let from = match self.journal.known(lane) {
            Some(from) => from,
            None => self.recover(lane, table).await?.map_or(0, |at| at.next),
        };
        let step = Step { rows: part.rows, checkpoint };
        self.journal.begin(&self.client, lane, from, &step).await?;
        self.write_rows(part.lane, &step.rows).await?;
        self.journal.write_checkpoint(&self.client, lane, &checkpoint).await?;
        self.journal.passed(lane, checkpoint.next);
        Ok(())
    }

    /// How far a version is in a partition, after what a crash left of its last step is written in full.
    pub(super) async fn recover(&self, lane: Lane, table: usize) -> Result<Option<Checkpoint>, ViewError> {
        let mut at = self.journal.checkpoint(&self.client, lane).await?;
        if let Some(step) = self.journal.unfinished(&self.client, lane, at.as_ref()).await? {
            tracing::info!(
                view = lane.view.name(),
                partition = lane.partition.0,
                rows = step.rows.len(),
                "a step is written in full again"
            );
            self.write_rows((lane.view, lane.number, table), &step.rows).await?;
            self.journal.write_checkpoint(&self.client, lane, &step.checkpoint).await?;
            at = Some(step.checkpoint);
        }
        self.journal.passed(lane, at.as_ref().map_or(0, |at| at.next));
        Ok(at)
    }

    /// Writes rows in any order, those of directories first.
    async fn write_rows(&self, (view, number, table): (View, u32, usize), rows: &[RowWrite]) -> Result<(), ViewError> {
        let prepared = self.statements.of(&self.client, view, table);
        self.write_directories(number, table, rows).await?;
        for some in rows.chunks(ROWS_AT_ONCE) {
            let mut work: Vec<Work<'_, ()>> = Vec::with_capacity(some.len());
            for row in some {
                let bucket = buckets::bucket_of(row.key.table, &row.key.sk);
                work.push(prepared.write(number, bucket, row).boxed());
            }
            all(work).await?;
        }
        Ok(())
    }

    /// Names buckets in the directories of their keys, each once per process: before the rows, so that no row is overlooked.
    async fn write_directories(&self, number: u32, table: usize, rows: &[RowWrite]) -> Result<(), ViewError> {
        let (mut names, mut directories) = (FxHashSet::default(), Vec::new());
        for row in rows.iter().filter(|row| row.value.is_some() && buckets::is_cut(row.key.table)) {
            let bucket = buckets::bucket_of(row.key.table, &row.key.sk);
            let name = (number, row.key.table, row.key.pk.clone(), bucket);
            if self.named_buckets.get(&name).is_none() && names.insert(name) {
                let key = RowKey::new(row.key.table, row.key.pk.clone(), buckets::directory_key(bucket).as_slice().into());
                directories.push(RowWrite { key, value: Some(bytes::Bytes::new()), offset: 0 });
            }
        }
        let mut work: Vec<Work<'_, ()>> = Vec::with_capacity(directories.len());
        for row in &directories {
            work.push(self.statements.of(&self.client, row.key.table.view(), table).write(number, DIRECTORY, row).boxed());
        }
        all(work).await?;
        names.into_iter().for_each(|name| self.named_buckets.insert(name, ()));
        Ok(())
    }

    /// Writes the rows of a batch without checkpoints as one logged batch: in the end all of them are there, or none.
    async fn write_as_one(&self, parts: Vec<Part>) -> Result<(), ViewError> {
        let mut batch = Batch::new(BatchType::Logged);
        batch.set_is_idempotent(true);
        let mut values: Vec<WriteValues> = Vec::new();
        for Part { lane: (view, number, table), rows, .. } in parts {
            self.write_directories(number, table, &rows).await?;
            let prepared = self.statements.of(&self.client, view, table);
            for row in rows {
                let bucket = buckets::bucket_of(row.key.table, &row.key.sk);
                let (statement, of_row) = prepared.write_values(number, bucket, &row).await?;
                batch.append_statement(statement.clone());
                values.push(of_row);
            }
        }
        Ok(self.client.batch(&batch, &values).await?)
    }
}

fn is_small(parts: &[Part]) -> bool {
    let bytes = |row: &RowWrite| row.key.pk.len() + row.key.sk.len() + row.value.as_ref().map_or(0, |value| value.len());
    parts.iter().flat_map(|part| &part.rows).map(bytes).sum::<usize>() <= BATCH_BYTES_MAX
        && parts.iter().map(|part| part.rows.len()).sum::<usize>() <= BATCH_ROWS_MAX
}
