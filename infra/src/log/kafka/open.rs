//! Becoming a partition's writer: the validity rule up to the end, `WriterStarted` in the log, and a look at whether it came first.

use std::sync::Arc;

use schemas::log::{Offset, RecordHeader, Verdict};

use super::acks::Acks;
use super::cluster::Cluster;
use super::hints;
use super::line::{Bounds, Line};
use super::part::{Known, Part};
use super::writer::{KafkaWriter, Shared, Writer};
use crate::log::stamp::writer_started;
use crate::log::{LogError, ReadLimits};

/// What one read brings into memory on the way to the end.
const STEP: ReadLimits = ReadLimits { records: 4_096, bytes: 4 << 20 };

/// Becomes the writer. See [`crate::log::EventLog::open_writer`].
pub(super) async fn open(cluster: &Arc<Cluster>, part: &Arc<Part>, address: &str) -> Result<KafkaWriter, LogError> {
    let mut known = hints::newest(cluster, part).await?;
    let end = cluster.ask_bounds(part).await?.end;
    run(cluster, part, &mut known, end).await?;
    let header = writer_started(&known.state)?;

    let (shared, starts) = Shared::new(cluster, part);
    let writer = Writer::new(Arc::clone(&shared)).await?;
    writer.send_start(&header, address)?;
    let delivered = starts.await.map_err(|_| LogError::Retryable("the writer's start is not delivered".into()))?;
    let at = delivered.map_err(|cause| LogError::Retryable(format!("the writer's start is not delivered: {cause}")))?;
    part.advance(at + 1);
    run(cluster, part, &mut known, at).await?;
    let first = judge_start(cluster, part, &mut known, at, &header).await?;
    part.remember(known);
    if !first {
        return Err(LogError::Retryable(format!("another writer of partition {} started at the same moment", part.id)));
    }
    let bounds = Bounds { records: cluster.options.queue_records, bytes: cluster.options.queue_bytes };
    shared.serve(Line::new(part.id, Acks::new(known.state, known.next), bounds));
    tracing::debug!(partition = part.id.0, epoch = header.epoch, start = known.next, "writes the partition");
    Ok(KafkaWriter { writer: Arc::new(writer), epoch: header.epoch, id: header.writer, start: known.next })
}

/// Runs the rule up to an offset.
async fn run(cluster: &Cluster, part: &Part, known: &mut Known, end: Offset) -> Result<(), LogError> {
    let from = known.next;
    while known.next < end {
        let records = cluster.read(part, known.next, STEP).await?;
        if records.is_empty() {
            return Err(LogError::Retryable(format!("partition {} cannot be read at offset {}", part.id, known.next)));
        }
        for record in records.iter().filter(|record| record.offset < end) {
            known.state.admit(&record.header);
            known.next = record.offset + 1;
        }
    }
    tracing::debug!(partition = part.id.0, from, end, "ran the validity rule");
    Ok(())
}

/// Whether the start at an offset, up to which the rule has run, is this writer's and counts.
async fn judge_start(cluster: &Cluster, part: &Part, known: &mut Known, at: Offset, own: &RecordHeader) -> Result<bool, LogError> {
    let records = cluster.read(part, at, ReadLimits { records: 1, bytes: 0 }).await?;
    let Some(record) = records.first() else {
        return Err(LogError::Retryable(format!("partition {} cannot be read at offset {at}", part.id)));
    };
    let verdict = known.state.admit(&record.header);
    known.next = at + 1;
    Ok(verdict == Verdict::Valid && record.header == *own)
}
