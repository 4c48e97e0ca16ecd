//! Records of any writers, and all that a partition holds.

#![allow(unreachable_pub, reason = "each test file uses its own part")]

use infra::log::{EventLog, ReadLimits};
use schemas::log::{CommandId, RecordHeader, RecordKind, StoredRecord, TraceContext, WriterId};
use schemas::{AccountId, PartitionId};

/// A header as any writer may have written it.
pub fn header(kind: RecordKind, epoch: u32, writer: u64, sequence: u64) -> RecordHeader {
    RecordHeader {
        kind,
        epoch,
        writer: WriterId(writer),
        sequence,
        command_id: CommandId((u128::from(sequence) << 70) | u128::from(writer)),
        actor: AccountId(writer ^ sequence),
        time_ms: 1_700_000_000_000 + sequence,
        causation: CommandId(u128::from(epoch)),
        trace: TraceContext { trace_id: u128::from(writer) << 64, span_id: sequence },
    }
}

/// All records of a partition.
pub async fn read_all(log: &dyn EventLog, partition: PartitionId) -> Vec<StoredRecord> {
    let end = log.bounds(partition).await.unwrap().end;
    let mut all = Vec::new();
    while (all.len() as u64) < end {
        let some = log.read(partition, all.len() as u64, ReadLimits { records: 1_000, bytes: 1 << 20 }).await.unwrap();
        assert!(!some.is_empty());
        all.extend(some);
    }
    all
}
