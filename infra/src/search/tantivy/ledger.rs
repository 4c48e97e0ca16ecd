//! How far each partition has come: what rests in the payload of every tantivy commit, with the documents that it speaks of.

use std::collections::BTreeMap;

use schemas::log::{Validity, WriterId};
use schemas::rows::Checkpoint;
use schemas::{PartitionId, PostId};
use serde::{Deserialize, Serialize};

use crate::search::SearchError;

/// 2 since documents carry a fingerprint, 3 since they are found by the column that sorts them.
const FORMAT: u32 = 3;

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The index has the format of this build.
    Current(Ledger),
    /// It is of an earlier one, and to be made again from the log.
    Older,
}

/// The state of every partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger(pub(super) BTreeMap<PartitionId, Entry>);

/// The state of one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands.
    pub(super) checkpoint: Checkpoint,
    /// The newest post put in: a newer one is not in the index yet, so nothing need be replaced.
    pub(super) newest: PostId,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    format: u32,
    partitions: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    partition: u16,
    generation: u32,
    next: u64,
    epoch: u32,
    writer: u64,
    sequence: u64,
    newest: u64,
}

impl Ledger {
    /// Version 3, which says what version 2 did: JSON, since tantivy's payload is text. Persisted.
    pub(super) fn encode(&self) -> String {
        let row = |(partition, entry): (&PartitionId, &Entry)| Row {
            partition: partition.0,
            generation: entry.checkpoint.generation,
            next: entry.checkpoint.next,
            epoch: entry.checkpoint.validity.epoch,
            writer: entry.checkpoint.validity.writer.0,
            sequence: entry.checkpoint.validity.sequence,
            newest: entry.newest.0,
        };
        let payload = Payload { format: FORMAT, partitions: self.0.iter().map(row).collect() };
        serde_json::to_string(&payload).expect("numbers are JSON")
    }

    /// Reads any version that was ever written.
    pub(super) fn decode(text: &str) -> Result<Found, SearchError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |error: serde_json::Error| SearchError::Fatal(format!("the commit payload is damaged: {error}"));
        let Format { format } = serde_json::from_str(text).map_err(damaged)?;
        if format > FORMAT {
            return Err(SearchError::Fatal(format!(
                "the search index has format {format}, this build reads {FORMAT}: use the version of Roost that wrote it, or move the folder \
                 away and let the index be rebuilt from the log"
            )));
        }
        if format < FORMAT {
            return Ok(Found::Older);
        }
        let payload: Payload = serde_json::from_str(text).map_err(damaged)?;
        let entry = |row: Row| {
            let validity = Validity { epoch: row.epoch, writer: WriterId(row.writer), sequence: row.sequence };
            let checkpoint = Checkpoint { generation: row.generation, next: row.next, validity };
            (PartitionId(row.partition), Entry { checkpoint, newest: PostId(row.newest) })
        };
        Ok(Found::Current(Self(payload.partitions.into_iter().map(entry).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ledger(rows: Vec<(u16, u32, u64, u32, u64)>) -> Ledger {
        let entry = |(partition, generation, next, epoch, writer)| {
            let validity = Validity { epoch, writer: WriterId(writer), sequence: next / 2 };
            (PartitionId(partition), Entry { checkpoint: Checkpoint { generation, next, validity }, newest: PostId(next / 3) })
        };
        Ledger(rows.into_iter().map(entry).collect())
    }

    #[test]
    fn version_3_reads_forever() {
        let written = ledger(vec![(0, 1, 300, 2, u64::MAX), (7, 1, 12, 3, 5)]);
        let golden = include_str!("../golden/payload.v3.json").trim();
        assert_eq!((written.encode().as_str(), Ledger::decode(golden).unwrap()), (golden, Found::Current(written)));
    }

    #[test]
    fn earlier_versions_are_known_to_be_older() {
        for golden in [include_str!("../golden/payload.v1.json"), include_str!("../golden/payload.v2.json")] {
            assert_eq!(Ledger::decode(golden).unwrap(), Found::Older, "{golden}");
        }
    }

    #[test]
    fn other_formats_are_refused() {
        let refused = Ledger::decode(r#"{"format":4,"partitions":"otherwise"}"#);
        assert!(matches!(&refused, Err(SearchError::Fatal(why)) if why.contains("format 4")), "{refused:?}");
        assert!(Ledger::decode("").is_err());
    }

    proptest! {
        #[test]
        fn ledgers_round_trip(rows in proptest::collection::vec(any::<(u16, u32, u64, u32, u64)>(), 0..9)) {
            let written = ledger(rows);
            prop_assert_eq!(Ledger::decode(&written.encode()).unwrap(), Found::Current(written));
        }
    }
}
