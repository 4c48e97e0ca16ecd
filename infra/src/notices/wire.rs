//! A notice as bytes: version, flags, slots, offsets; numbers are LEB128 varints.
//!
//! ```text
//! 1 | all: 0 or 1 | number of slots | slots, ascending, each less the one before | number of partitions | (partition, next offset)...
//! ```

use schemas::PartitionId;

use super::{Notice, SLOTS_MAX};

const VERSION: u8 = 1;
/// Partitions in a notice at the most: as many as a log has.
const PARTITIONS_MAX: usize = 256;
/// Bytes of a varint of 64 bits at the most.
const VARINT_BYTES_MAX: u32 = 10;

/// Why bytes are no notice of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a notice of this build")]
pub struct BadNotice;

/// Encodes a notice.
pub fn encode(notice: &Notice) -> Vec<u8> {
    let mut slots = notice.slots.clone().unwrap_or_default();
    slots.sort_unstable();
    slots.dedup();
    let mut out = Vec::with_capacity(16 + slots.len() * 3 + notice.next.len() * 6);
    out.extend([VERSION, u8::from(notice.slots.is_none())]);
    push(&mut out, slots.len() as u64);
    let mut last = 0;
    for slot in slots {
        push(&mut out, u64::from(slot - last));
        last = slot;
    }
    push(&mut out, notice.next.len() as u64);
    for (partition, next) in &notice.next {
        push(&mut out, u64::from(partition.0));
        push(&mut out, *next);
    }
    out
}

/// Decodes a notice; its slots ascend.
pub fn decode(bytes: &[u8]) -> Result<Notice, BadNotice> {
    let Some((&[VERSION, all], mut rest)) = bytes.split_first_chunk::<2>() else { return Err(BadNotice) };
    let count = bounded(take(&mut rest)?, SLOTS_MAX)?;
    let (mut slots, mut last) = (Vec::with_capacity(count), 0_u32);
    for _ in 0..count {
        let step = u32::try_from(take(&mut rest)?).map_err(|_| BadNotice)?;
        last = last.checked_add(step).ok_or(BadNotice)?;
        slots.push(last);
    }
    let count = bounded(take(&mut rest)?, PARTITIONS_MAX)?;
    let mut next = Vec::with_capacity(count);
    for _ in 0..count {
        let partition = u16::try_from(take(&mut rest)?).map_err(|_| BadNotice)?;
        next.push((PartitionId(partition), take(&mut rest)?));
    }
    match (rest.is_empty(), all) {
        (true, 0) => Ok(Notice { slots: Some(slots), next }),
        (true, 1) if slots.is_empty() => Ok(Notice { slots: None, next }),
        _ => Err(BadNotice),
    }
}

fn bounded(count: u64, most: usize) -> Result<usize, BadNotice> {
    usize::try_from(count).ok().filter(|count| *count <= most).ok_or(BadNotice)
}

fn push(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Result<u64, BadNotice> {
    let mut value = 0_u64;
    for at in 0..VARINT_BYTES_MAX {
        let (byte, rest) = bytes.split_first().ok_or(BadNotice)?;
        *bytes = rest;
        let low = u64::from(byte & 0x7f);
        value |= low.checked_shl(7 * at).filter(|shifted| shifted >> (7 * at) == low).ok_or(BadNotice)?;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BadNotice)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn version_1_has_these_bytes() {
        let notice = Notice { slots: Some(vec![300, 7]), next: vec![(PartitionId(2), 1_000)] };
        assert_eq!(encode(&notice), [1, 0, 2, 7, 0xa5, 0x02, 1, 2, 0xe8, 0x07]);
        assert_eq!(encode(&Notice { slots: None, next: vec![] }), [1, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn notices_come_back(slots in proptest::option::of(vec(any::<u32>(), 0..50)), next in vec((any::<u16>(), any::<u64>()), 0..20)) {
            let next: Vec<_> = next.into_iter().map(|(partition, next)| (PartitionId(partition), next)).collect();
            let mut notice = Notice { slots, next };
            let bytes = encode(&notice);
            if let Some(slots) = &mut notice.slots {
                slots.sort_unstable();
                slots.dedup();
            }
            prop_assert_eq!(decode(&bytes), Ok(notice));
            for cut in 0..bytes.len() {
                prop_assert_eq!(decode(&bytes[..cut]), Err(BadNotice));
            }
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes in vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
