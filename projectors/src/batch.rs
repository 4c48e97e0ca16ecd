//! Records as projections take them: judged by the validity rule, decoded once, without the void ones.

use std::sync::Arc;

use infra::log::{EventLog, ReadLimits};
use schemas::PartitionId;
use schemas::events::Event;
use schemas::log::{Offset, RecordHeader, RecordKind, StoredRecord, Validity, Verdict, VoidReason, body};
use schemas::rows::Checkpoint;

use crate::error::{ProjectError, Trouble};

/// A valid record of events.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Where it stands.
    pub offset: Offset,
    /// Its header.
    pub header: RecordHeader,
    /// Its events, or why they cannot be read.
    pub events: Result<Vec<Event>, String>,
}

impl Fact {
    /// Decodes a record that is known to be valid.
    pub(crate) fn of(record: &StoredRecord) -> Self {
        let events = body::decode(&record.body).map_err(|error| error.to_string());
        Self { offset: record.offset, header: record.header, events }
    }

    /// The events that can be read.
    pub fn events(&self) -> &[Event] {
        self.events.as_deref().unwrap_or_default()
    }
}

/// A stretch of one partition.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The partition.
    pub(crate) partition: PartitionId,
    /// Where the stretch begins.
    pub(crate) from: Offset,
    /// Where the partition stands after it.
    pub(crate) end: Checkpoint,
    /// Its valid records of events, in order.
    pub(crate) facts: Vec<Fact>,
    /// Its void records, by reason.
    pub(crate) void: Vec<VoidReason>,
    /// Records of the log that come after it.
    pub(crate) behind: u64,
}

impl Batch {
    /// Records in the stretch, void and control ones included.
    pub(crate) fn records(&self) -> u64 {
        self.end.next - self.from
    }
}

/// Reads the next stretch after `at`; empty at the end of the log.
pub(crate) async fn read(log: &dyn EventLog, partition: PartitionId, at: &Checkpoint, limits: ReadLimits) -> Result<Batch, Trouble> {
    let records = log.read(partition, at.next, limits).await?;
    let mut batch = judge(partition, at, records)?;
    batch.behind = log.bounds(partition).await?.end.saturating_sub(batch.end.next);
    Ok(batch)
}

fn judge(partition: PartitionId, at: &Checkpoint, records: Vec<StoredRecord>) -> Result<Batch, ProjectError> {
    let mut batch = Batch { partition, from: at.next, end: *at, facts: Vec::with_capacity(records.len()), void: Vec::new(), behind: 0 };
    for record in records {
        if record.offset != batch.end.next {
            return Err(ProjectError::Gap { partition, expected: batch.end.next, found: record.offset });
        }
        batch.end.next += 1;
        match batch.end.validity.admit(&record.header) {
            Verdict::Void(reason) => batch.void.push(reason),
            Verdict::Valid if record.header.kind == RecordKind::WriterStarted => {}
            Verdict::Valid => batch.facts.push(Fact::of(&record)),
        }
    }
    Ok(batch)
}

/// Reads the valid records of a partition from its beginning, as every projection does: for tools.
pub struct FactReader {
    log: Arc<dyn EventLog>,
    partition: PartitionId,
    at: Checkpoint,
}

/// What a reader brings into memory at once.
const READER_LIMITS: ReadLimits = ReadLimits { records: 256, bytes: 1 << 20 };

impl FactReader {
    /// Makes a reader that stands before the first record.
    pub fn new(log: Arc<dyn EventLog>, partition: PartitionId) -> Self {
        let at = beginning(log.layout().generation);
        Self { log, partition, at }
    }

    /// The next valid records; empty at the present end of the log. A log that is away is an error here: tools do not wait.
    pub async fn next(&mut self) -> Result<Vec<Fact>, ProjectError> {
        loop {
            let batch = read(&*self.log, self.partition, &self.at, READER_LIMITS).await.map_err(|trouble| match trouble {
                Trouble::Fatal(error) => error,
                Trouble::Retryable(cause) => ProjectError::GaveUp { attempts: 1, cause },
                Trouble::Reload => ProjectError::GaveUp { attempts: 1, cause: "the log went back".into() },
            })?;
            self.at = batch.end;
            if !batch.facts.is_empty() || batch.records() == 0 {
                return Ok(batch.facts);
            }
        }
    }

    /// Returns once the log goes on after what was read. Fails when the log is closed before.
    pub async fn wait(&self) -> Result<(), ProjectError> {
        self.log.wait_for(self.partition, self.at.next).await.map_err(ProjectError::Log)
    }
}

/// Where every partition begins.
pub(crate) fn beginning(generation: u32) -> Checkpoint {
    Checkpoint { generation, next: 0, validity: Validity::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use schemas::AccountId;
    use schemas::log::{CommandId, TraceContext, WriterId};

    fn record(offset: Offset, kind: RecordKind, writer: u64, sequence: u64) -> StoredRecord {
        let header = RecordHeader {
            kind,
            epoch: 1,
            writer: WriterId(writer),
            sequence,
            command_id: CommandId(0),
            actor: AccountId(0),
            time_ms: 0,
            causation: CommandId(0),
            trace: TraceContext::default(),
        };
        StoredRecord { offset, header, body: Bytes::from_static(b"junk") }
    }

    #[test]
    fn void_records_are_told_apart_and_what_cannot_be_read_is_kept() {
        let records =
            vec![record(0, RecordKind::WriterStarted, 7, 0), record(1, RecordKind::Command, 8, 1), record(2, RecordKind::Command, 7, 1)];
        let batch = judge(PartitionId(0), &beginning(1), records).expect("no gap");
        assert_eq!((batch.end.next, batch.void), (3, vec![VoidReason::Superseded]));
        assert_eq!(batch.facts.iter().map(|fact| (fact.offset, fact.events.is_err())).collect::<Vec<_>>(), [(2, true)]);
    }

    #[test]
    fn a_gap_stops() {
        let records = vec![record(0, RecordKind::WriterStarted, 7, 0), record(2, RecordKind::Command, 7, 1)];
        let stopped = judge(PartitionId(4), &beginning(1), records);
        assert!(matches!(stopped, Err(ProjectError::Gap { partition: PartitionId(4), expected: 1, found: 2 })));
    }
}
