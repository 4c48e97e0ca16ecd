//! The seal of a segment: what a start needs to know of it without reading it, and the sparse index that finds offsets in it.
//!
//! It is written once, whole, when the next segment exists; so one that fails its checksum was changed later. Persisted.

use std::path::{Path, PathBuf};

use schemas::PartitionId;
use schemas::log::{Offset, Validity, WriterId};

use super::files::write_whole;
use super::folder::SEAL;
use super::format::{SEGMENT_HEADER_BYTES, field};

const MAGIC: [u8; 8] = *b"ROOSTIDX";
const VERSION: u16 = 1;
const FIXED_BYTES: usize = 76;
const ENTRY_BYTES: usize = 8;
/// Bytes of frames between two entries of the index: what a read skips through at the most.
const STRIDE_BYTES: u64 = 32 << 10;

/// The sparse index of one segment: where some of its frames stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Offset less the segment's base.
    record: u32,
    position: u32,
}

impl Index {
    /// Notes the frame of the `record`-th record of the segment, if it is far enough from the last one noted.
    pub(super) fn note(&mut self, record: u64, position: u64) {
        let next = self.entries.last().map_or(SEGMENT_HEADER_BYTES as u64, |last| u64::from(last.position)) + STRIDE_BYTES;
        if position >= next
            && let (Ok(record), Ok(position)) = (u32::try_from(record), u32::try_from(position))
        {
            self.entries.push(Entry { record, position });
        }
    }

    /// The record number and position of a frame at or before the `record`-th record.
    pub(super) fn find(&self, record: u64) -> (u64, u64) {
        let after = self.entries.partition_point(|entry| u64::from(entry.record) <= record);
        let entry = after.checked_sub(1).and_then(|at| self.entries.get(at));
        entry.map_or((0, SEGMENT_HEADER_BYTES as u64), |entry| (u64::from(entry.record), u64::from(entry.position)))
    }
}

/// What is known of a segment that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) generation: u32,
    pub(super) partition: PartitionId,
    pub(super) base: Offset,
    /// The offset after its last record.
    pub(super) end: Offset,
    /// Bytes of the segment file.
    pub(super) length: u64,
    /// The checksum of the segment's header.
    pub(super) seed: u32,
    /// The checksum of its last frame.
    pub(super) last: u32,
    /// The state of the validity rule after its last record.
    pub(super) validity: Validity,
    pub(super) index: Index,
}

impl Seal {
    /// Encodes version 1, little-endian: magic, version u16, partition u16, generation u32, base u64, end u64, length u64, seed u32, last
    /// u32, epoch u32, writer u64, sequence u64, count of entries u32, zero u32; entries of (record u32, position u32); checksum u32.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.index.entries.len() * ENTRY_BYTES + 4);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.partition.0.to_le_bytes());
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend(self.base.to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.seed.to_le_bytes());
        bytes.extend(self.last.to_le_bytes());
        bytes.extend(self.validity.epoch.to_le_bytes());
        bytes.extend(self.validity.writer.0.to_le_bytes());
        bytes.extend(self.validity.sequence.to_le_bytes());
        bytes.extend((self.index.entries.len() as u32).to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        for entry in &self.index.entries {
            bytes.extend(entry.record.to_le_bytes());
            bytes.extend(entry.position.to_le_bytes());
        }
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Decodes any version that was ever written; nothing, if it is not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*checksum) != crc32c::crc32c(content) || !content.starts_with(&MAGIC) {
            return None;
        }
        let (fixed, entries) = content.split_at_checked(FIXED_BYTES)?;
        let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
        let count = u32::from_le_bytes(field(fixed, 68)) as usize;
        if u16::from_le_bytes(field(fixed, 8)) != VERSION || !rest.is_empty() || count != entries.len() {
            return None;
        }
        let entry = |bytes: &[u8; ENTRY_BYTES]| Entry {
            record: u32::from_le_bytes(field(bytes, 0)),
            position: u32::from_le_bytes(field(bytes, 4)),
        };
        Some(Self {
            partition: PartitionId(u16::from_le_bytes(field(fixed, 10))),
            generation: u32::from_le_bytes(field(fixed, 12)),
            base: u64::from_le_bytes(field(fixed, 16)),
            end: u64::from_le_bytes(field(fixed, 24)),
            length: u64::from_le_bytes(field(fixed, 32)),
            seed: u32::from_le_bytes(field(fixed, 40)),
            last: u32::from_le_bytes(field(fixed, 44)),
            validity: Validity {
                epoch: u32::from_le_bytes(field(fixed, 48)),
                writer: WriterId(u64::from_le_bytes(field(fixed, 52))),
                sequence: u64::from_le_bytes(field(fixed, 60)),
            },
            index: Index { entries: entries.iter().map(entry).collect() },
        })
    }

    /// Puts the seal beside its segment.
    pub(super) fn write(&self, segment: &Path) -> std::io::Result<()> {
        write_whole(&seal_path(segment), &self.encode())
    }
}

/// Where the seal of `segment` lies.
pub(super) fn seal_path(segment: &Path) -> PathBuf {
    segment.with_extension(SEAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal(words: [u64; 6], strides: &[u64]) -> Seal {
        let mut index = Index::default();
        let mut position = SEGMENT_HEADER_BYTES as u64;
        for (record, stride) in strides.iter().enumerate() {
            position += stride;
            index.note(record as u64, position);
        }
        let [base, end, length, sums, writer, sequence] = words;
        Seal {
            generation: length as u32,
            partition: PartitionId(sums as u16),
            base,
            end,
            length,
            seed: sums as u32,
            last: (sums >> 32) as u32,
            validity: Validity { epoch: writer as u32, writer: WriterId(writer), sequence },
            index,
        }
    }

    proptest! {
        #[test]
        fn seals_round_trip_and_no_flip_passes(
            words in any::<[u64; 6]>(), strides in proptest::collection::vec(1..100_000_u64, 0..40), flip in any::<proptest::sample::Index>(),
        ) {
            let seal = seal(words, &strides);
            let mut bytes = seal.encode();
            prop_assert_eq!(Seal::decode(&bytes), Some(seal));
            let flip = flip.index(bytes.len() * 8);
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert_eq!(Seal::decode(&bytes), None);
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Seal::decode(&bytes), None);
        }

        #[test]
        fn the_index_finds_a_frame_not_far_before(strides in proptest::collection::vec(1..20_000_u64, 1..200), wanted in any::<proptest::sample::Index>()) {
            let mut index = Index::default();
            let mut positions = Vec::new();
            let mut position = SEGMENT_HEADER_BYTES as u64;
            for (record, stride) in strides.iter().enumerate() {
                index.note(record as u64, position);
                positions.push(position);
                position += stride;
            }
            let wanted = wanted.index(positions.len());
            let (record, found) = index.find(wanted as u64);
            prop_assert_eq!(positions.get(record as usize), Some(&found));
            prop_assert!(record <= wanted as u64 && positions[wanted] - found <= STRIDE_BYTES + 20_000);
        }
    }
}
