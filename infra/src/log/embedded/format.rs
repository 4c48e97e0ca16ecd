//! Bytes of a segment: its header and the frames that carry records (docs/decisions/0001-log-format.md). Persisted: a change is a new
//! version beside this one, never an edit.

use schemas::PartitionId;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{Offset, Validity, WriterId};

/// Bytes of a segment header.
pub(super) const SEGMENT_HEADER_BYTES: usize = 64;
/// Bytes of a frame before its payload; the whole of a mark.
pub(super) const PREFIX_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"ROOSTSEG";
const VERSION: u16 = 1;
const CHECKED_BYTES: usize = 24;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) generation: u32,
    pub(super) partition: PartitionId,
    /// The offset of its first record.
    pub(super) base: Offset,
    pub(super) created_ms: u64,
    /// The state of the validity rule before its first record.
    pub(super) validity: Validity,
    /// The checksum of the last frame of the segment before; 0 for none.
    pub(super) previous: u32,
    /// Random, so that no two segments give equal checksums to equal bytes.
    pub(super) salt: u32,
}

/// Why bytes are not a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSegmentHeader {
    #[error("segment header is cut short")]
    Short,
    #[error("segment header lacks its magic bytes")]
    Magic,
    #[error("segment header has version {0}, this build reads 1")]
    Version(u16),
    #[error("segment header fails its checksum")]
    Checksum,
}

impl SegmentHeader {
    /// Encodes version 1 and gives its checksum too: the seed of the segment's frames.
    pub(super) fn encode(&self) -> ([u8; SEGMENT_HEADER_BYTES], u32) {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.partition.0.to_le_bytes());
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend(self.base.to_le_bytes());
        bytes.extend(self.created_ms.to_le_bytes());
        bytes.extend(self.validity.epoch.to_le_bytes());
        bytes.extend(self.previous.to_le_bytes());
        bytes.extend(self.validity.writer.0.to_le_bytes());
        bytes.extend(self.validity.sequence.to_le_bytes());
        bytes.extend(self.salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend(checksum.to_le_bytes());
        (bytes.try_into().expect("the fields add up to the header's size"), checksum)
    }

    /// Decodes any version that was ever written, with the seed of the segment's frames.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, u32), BadSegmentHeader> {
        let bytes: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk().ok_or(BadSegmentHeader::Short)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(BadSegmentHeader::Magic);
        }
        let version = u16::from_le_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(BadSegmentHeader::Version(version));
        }
        let header = Self {
            partition: PartitionId(u16::from_le_bytes(field(bytes, 10))),
            generation: u32::from_le_bytes(field(bytes, 12)),
            base: u64::from_le_bytes(field(bytes, 16)),
            created_ms: u64::from_le_bytes(field(bytes, 24)),
            validity: Validity {
                epoch: u32::from_le_bytes(field(bytes, 32)),
                writer: WriterId(u64::from_le_bytes(field(bytes, 40))),
                sequence: u64::from_le_bytes(field(bytes, 48)),
            },
            previous: u32::from_le_bytes(field(bytes, 36)),
            salt: u32::from_le_bytes(field(bytes, 56)),
        };
        let (encoded, checksum) = header.encode();
        if encoded == *bytes { Ok((header, checksum)) } else { Err(BadSegmentHeader::Checksum) }
    }
}

/// What stands before each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    /// Bytes of the payload; 0 in a mark.
    pub(super) length: u32,
    /// The checksum of the frame before, or of the segment header.
    pub(super) previous: u32,
    /// The record's offset; in a mark that of the record to come.
    pub(super) offset: Offset,
    /// All records below were durable before this frame was written.
    pub(super) durable: Offset,
    /// The checksum of the fields above, seeded with the segment's.
    pub(super) check: u32,
    /// The checksum of the payload, seeded with `check`: the frame's link in the chain.
    pub(super) crc: u32,
}

impl Prefix {
    /// Decodes the prefix at the start of `bytes`; nothing, if there is none that belongs to the segment of this `seed`.
    pub(super) fn decode(seed: u32, bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PREFIX_BYTES] = bytes.first_chunk()?;
        let prefix = Self {
            length: u32::from_le_bytes(field(bytes, 0)),
            previous: u32::from_le_bytes(field(bytes, 4)),
            offset: u64::from_le_bytes(field(bytes, 8)),
            durable: u64::from_le_bytes(field(bytes, 16)),
            check: u32::from_le_bytes(field(bytes, 24)),
            crc: u32::from_le_bytes(field(bytes, 28)),
        };
        let (checked, _) = bytes.split_at(CHECKED_BYTES);
        (crc32c::crc32c_append(seed, checked) == prefix.check).then_some(prefix)
    }

    /// Whether `payload` is the one that this prefix was written for.
    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        crc32c::crc32c_append(self.check, payload) == self.crc
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_bytes(&self) -> u64 {
        PREFIX_BYTES as u64 + u64::from(self.length)
    }
}

/// Bytes that a record with a body of `body_bytes` takes in a segment.
pub(super) const fn frame_bytes(body_bytes: usize) -> usize {
    PREFIX_BYTES + HEADER_BYTES + body_bytes
}

/// Where the next frame of a segment stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// The checksum of the segment's header.
    pub(super) seed: u32,
    /// The checksum of the frame before.
    pub(super) previous: u32,
    /// The offset of the next record.
    pub(super) offset: Offset,
}

impl Link {
    /// Appends a record's frame to `buffer` and moves on. The payload is `header` and `body`, at most [`crate::log::RECORD_BYTES_MAX`].
    pub(super) fn put_record(&mut self, buffer: &mut Vec<u8>, durable: Offset, header: &[u8; HEADER_BYTES], body: &[u8]) {
        let length = u32::try_from(HEADER_BYTES + body.len()).expect("records are checked against their limit before");
        let check = self.put_checked(buffer, length, durable);
        let crc = crc32c::crc32c_append(crc32c::crc32c_append(check, header), body);
        buffer.extend_from_slice(&crc.to_le_bytes());
        buffer.extend_from_slice(header);
        buffer.extend_from_slice(body);
        self.previous = crc;
        self.offset += 1;
    }

    /// Appends a mark to `buffer`: all records so far are durable.
    pub(super) fn put_mark(&mut self, buffer: &mut Vec<u8>) {
        let crc = self.put_checked(buffer, 0, self.offset);
        buffer.extend_from_slice(&crc.to_le_bytes());
        self.previous = crc;
    }

    fn put_checked(&self, buffer: &mut Vec<u8>, length: u32, durable: Offset) -> u32 {
        let start = buffer.len();
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&self.previous.to_le_bytes());
        buffer.extend_from_slice(&self.offset.to_le_bytes());
        buffer.extend_from_slice(&durable.to_le_bytes());
        let check = crc32c::crc32c_append(self.seed, buffer.get(start..).unwrap_or_default());
        buffer.extend_from_slice(&check.to_le_bytes());
        check
    }
}

/// `N` bytes from `at` on.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().expect("fields lie within their fixed layout")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> impl Strategy<Value = SegmentHeader> {
        let place = (any::<u32>(), any::<u16>(), any::<u64>(), any::<u64>());
        let state = (any::<u32>(), any::<u64>(), any::<u64>());
        (place, state, any::<u32>(), any::<u32>()).prop_map(|(place, state, previous, salt)| SegmentHeader {
            generation: place.0,
            partition: PartitionId(place.1),
            base: place.2,
            created_ms: place.3,
            validity: Validity { epoch: state.0, writer: WriterId(state.1), sequence: state.2 },
            previous,
            salt,
        })
    }

    proptest! {
        #[test]
        fn segment_headers_round_trip_and_no_flip_passes(header in header(), flip in 0..SEGMENT_HEADER_BYTES * 8) {
            let (mut bytes, seed) = header.encode();
            prop_assert_eq!(SegmentHeader::decode(&bytes), Ok((header, seed)));
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(SegmentHeader::decode(&bytes).is_err());
        }

        #[test]
        fn frames_round_trip_and_no_flip_passes(
            link in (any::<u32>(), any::<u32>(), 0..u64::MAX), durable in any::<u64>(),
            body in proptest::collection::vec(any::<u8>(), 0..80), flip in any::<proptest::sample::Index>(),
        ) {
            let before = Link { seed: link.0, previous: link.1, offset: link.2 };
            let (mut after, mut bytes) = (before, Vec::new());
            after.put_record(&mut bytes, durable, &[7; HEADER_BYTES], &body);
            let good = |bytes: &[u8]| Prefix::decode(before.seed, bytes).filter(|prefix| prefix.matches(&bytes[PREFIX_BYTES..]));
            let prefix = good(&bytes).expect("what was written");
            prop_assert_eq!((prefix.offset, prefix.durable, prefix.previous), (before.offset, durable, before.previous));
            prop_assert_eq!((prefix.crc, before.offset + 1), (after.previous, after.offset));
            prop_assert_eq!((prefix.frame_bytes(), frame_bytes(body.len())), (bytes.len() as u64, bytes.len()));
            let flip = flip.index(bytes.len() * 8);
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(good(&bytes).is_none());
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(seed in any::<u32>(), bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Prefix::decode(seed, &bytes).is_none());
            prop_assert!(SegmentHeader::decode(&bytes).is_err());
        }
    }

    #[test]
    fn a_mark_takes_no_offset() {
        let (mut link, mut bytes) = (Link { seed: 1, previous: 2, offset: 3 }, Vec::new());
        link.put_mark(&mut bytes);
        let mark = Prefix::decode(1, &bytes).expect("what was written");
        assert!(mark.matches(&[]));
        assert_eq!((bytes.len(), mark.length, mark.offset, mark.durable, link.offset), (PREFIX_BYTES, 0, 3, 3, 3));
    }
}
