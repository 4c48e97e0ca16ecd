//! The bytes of a step in the journal: the rows of one view and its new checkpoint. Persisted; read again after a crash.

use bytes::Bytes;
use schemas::rows::{Checkpoint, KeyPart, RowKey, RowWrite, Table};

use crate::views::fjall::layout::{decode_checkpoint, encode_checkpoint};

const FORMAT: u8 = 1;
const HEAD_FORMAT: u8 = 1;
const CHECKPOINT_BYTES: usize = 33;
/// Says that a row is removed: no value is that long.
const REMOVED: u32 = u32::MAX;

/// One view's part of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Row changes, one per key.
    pub(super) rows: Vec<RowWrite>,
    /// Where the view is after them.
    pub(super) checkpoint: Checkpoint,
}

impl Step {
    /// Version 1, little-endian: format u8, checkpoint (its own bytes), then per row: table u8, pk and sk each with their length u16 in
    /// front, offset u64, length of the value u32 (all ones: removed), value. Persisted.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend(encode_checkpoint(&self.checkpoint));
        for row in &self.rows {
            bytes.push(row.key.table as u8);
            for part in [&row.key.pk, &row.key.sk] {
                bytes.extend((part.len() as u16).to_le_bytes());
                bytes.extend_from_slice(part);
            }
            bytes.extend(row.offset.to_le_bytes());
            bytes.extend(row.value.as_ref().map_or(REMOVED, |value| value.len() as u32).to_le_bytes());
            bytes.extend(row.value.iter().flatten());
        }
        bytes
    }

    /// Reads any version that was ever written; `None` for bytes that are none of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [FORMAT, rest @ ..] = bytes else { return None };
        let (checkpoint, mut rest) = rest.split_first_chunk::<CHECKPOINT_BYTES>()?;
        let checkpoint = decode_checkpoint(checkpoint)?;
        let mut rows = Vec::new();
        while let Some((tag, after)) = rest.split_first() {
            let table = *Table::ALL.iter().find(|table| **table as u8 == *tag)?;
            let (pk, after) = part(after)?;
            let (sk, after) = part(after)?;
            let (offset, after) = after.split_first_chunk::<8>()?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let (value, after) = match u32::from_le_bytes(*length) {
                REMOVED => (None, after),
                length => {
                    let (value, after) = after.split_at_checked(length as usize)?;
                    (Some(Bytes::copy_from_slice(value)), after)
                }
            };
            rows.push(RowWrite { key: RowKey::new(table, pk, sk), value, offset: u64::from_le_bytes(*offset) });
            rest = after;
        }
        Some(Self { rows, checkpoint })
    }
}

fn part(bytes: &[u8]) -> Option<(KeyPart, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (part, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((KeyPart::from_slice(part), rest))
}

/// What stands beside a head to be compared: how far the step goes, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The offset after the step.
    pub(super) next: u64,
    /// The session that wrote it.
    pub(super) session: i64,
}

impl Mark {
    /// Version 1, little-endian: next u64, session i64. Persisted.
    pub(super) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (next, session) = bytes.split_at_mut(8);
        next.copy_from_slice(&self.next.to_le_bytes());
        session.copy_from_slice(&self.session.to_le_bytes());
        bytes
    }

    /// Reads a mark; `None` for bytes that are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (next, session) = bytes.split_first_chunk::<8>()?;
        Some(Self { next: u64::from_le_bytes(*next), session: i64::from_le_bytes(session.try_into().ok()?) })
    }
}

/// Where the bytes of a step are, and how to know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) mark: Mark,
    /// Pieces that the bytes are in; none: they are in the head.
    pub(super) chunks: u32,
    /// CRC-32C of the bytes.
    pub(super) crc: u32,
    /// The bytes, where they are short.
    pub(super) body: Vec<u8>,
}

impl Head {
    /// Version 1, little-endian: format u8, mark, chunks u32, crc u32, body. Persisted.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![HEAD_FORMAT];
        bytes.extend(self.mark.encode());
        bytes.extend(self.chunks.to_le_bytes());
        bytes.extend(self.crc.to_le_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads any version that was ever written; `None` for bytes that are none of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [HEAD_FORMAT, rest @ ..] = bytes else { return None };
        let (mark, rest) = rest.split_first_chunk::<16>()?;
        let (chunks, rest) = rest.split_first_chunk::<4>()?;
        let (crc, body) = rest.split_first_chunk::<4>()?;
        Some(Self { mark: Mark::decode(mark)?, chunks: u32::from_le_bytes(*chunks), crc: u32::from_le_bytes(*crc), body: body.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::log::{Validity, WriterId};

    use super::*;

    fn step() -> Step {
        let validity = Validity { epoch: 3, writer: WriterId(7), sequence: 41 };
        let row = |pk: &[u8], sk: &[u8], value: Option<&'static [u8]>| RowWrite {
            key: RowKey::new(Table::Status, KeyPart::from_slice(pk), KeyPart::from_slice(sk)),
            value: value.map(Bytes::from_static),
            offset: 258,
        };
        let rows = vec![row(b"pk", b"", Some(b"value")), row(b"p", b"sk", None), row(b"", b"", Some(b""))];
        Step { rows, checkpoint: Checkpoint { generation: 1, next: 259, validity } }
    }

    #[test]
    fn version_1_reads_forever() {
        let bytes = step().encode();
        assert_eq!(hex::encode(&bytes), include_str!("../golden/step.v1.hex").trim());
        assert_eq!(Step::decode(&bytes), Some(step()));
        for end in 1..bytes.len() {
            assert_ne!(Step::decode(bytes.get(..end).unwrap()), Some(step()));
        }
        let head = Head { mark: Mark { next: 259, session: -2 }, chunks: 3, crc: 0x0102_0304, body: b"body".to_vec() };
        assert_eq!(hex::encode(head.encode()), include_str!("../golden/head.v1.hex").trim());
        assert_eq!(Head::decode(&head.encode()), Some(head));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (Step::decode(&bytes), Head::decode(&bytes), Mark::decode(&bytes));
        }

        #[test]
        fn steps_round_trip(rows in proptest::collection::vec((0..Table::ALL.len(), proptest::collection::vec(any::<u8>(), 0..40), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..90)), any::<u64>()), 0..9)) {
            let row = |(table, key, value, offset): (usize, Vec<u8>, Option<Vec<u8>>, u64)| {
                let (pk, sk) = key.split_at(key.len() / 2);
                let key = RowKey::new(Table::ALL[table], KeyPart::from_slice(pk), KeyPart::from_slice(sk));
                RowWrite { key, value: value.map(Bytes::from), offset }
            };
            let step = Step { rows: rows.into_iter().map(row).collect(), checkpoint: Checkpoint::default() };
            prop_assert_eq!(Step::decode(&step.encode()), Some(step));
        }
    }
}
