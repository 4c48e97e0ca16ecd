//! What stands behind the last good frame: a clean end, a torn write, or damage (docs/decisions/0001-log-format.md, "Recovery").

use schemas::log::Offset;

use super::format::{PREFIX_BYTES, Prefix};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// The verdict on the end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing was written there.
    Clean,
    /// A write was interrupted: none of it was acknowledged.
    Torn,
    /// What was once durable is not there any more.
    Damaged(&'static str),
}

/// Judges `bytes`, which reach from `position`, where a good frame for the record at `offset` should stand, to the end of the file.
pub(super) fn judge(seed: u32, offset: Offset, position: u64, bytes: &[u8]) -> Tail {
    let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { return Tail::Clean };
    if witnessed(seed, offset, bytes) {
        return Tail::Damaged("a later frame says that it was durable");
    }
    let Some(prefix_bytes) = bytes.get(..PREFIX_BYTES) else { return Tail::Torn };
    let extent = Prefix::decode(seed, prefix_bytes).map_or(PREFIX_BYTES as u64, |prefix| prefix.frame_bytes());
    let cut_short = extent > bytes.len() as u64 || (last as u64) + 1 < extent;
    if cut_short || lacks_a_sector(position, bytes.get(..extent as usize).unwrap_or(bytes)) {
        Tail::Torn
    } else {
        Tail::Damaged("no interrupted write leaves such bytes")
    }
}

/// Whether a good frame anywhere in `bytes` knows the record at `offset` to have been durable.
fn witnessed(seed: u32, offset: Offset, bytes: &[u8]) -> bool {
    bytes.windows(PREFIX_BYTES).any(|window| {
        // The fields at 8 and 16 sort out nearly all places before the checksum is worth its time.
        let word = |at: usize| window.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word));
        word(16) > offset && word(8) >= word(16) && Prefix::decode(seed, window).is_some()
    })
}

/// Whether the part of `frame`, which starts at `position` of the file, in one of the sectors that it touches is all zeros.
fn lacks_a_sector(position: u64, mut frame: &[u8]) -> bool {
    let mut at = position;
    while !frame.is_empty() {
        let in_sector = SECTOR_BYTES - at % SECTOR_BYTES;
        let (part, rest) = frame.split_at(frame.len().min(in_sector as usize));
        if part.iter().all(|byte| *byte == 0) {
            return true;
        }
        at += part.len() as u64;
        frame = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::format::Link;
    use super::*;
    use schemas::log::record::HEADER_BYTES;

    const SEED: u32 = 99;
    const BODY: [u8; 300] = [0xa5; 300];

    /// Three groups of two records each, offsets 10 to 15, a mark at the end if asked for; and where each record's frame starts.
    fn segment(mark: bool) -> (Vec<u8>, Vec<usize>) {
        let mut link = Link { seed: SEED, previous: 1, offset: 10 };
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for group in [10, 12, 14] {
            for _ in 0..2 {
                starts.push(bytes.len());
                link.put_record(&mut bytes, group, &[1; HEADER_BYTES], &BODY);
            }
        }
        if mark {
            link.put_mark(&mut bytes);
        }
        (bytes, starts)
    }

    /// Judges the segment from the frame of record `from` on, as if it stood at `position`, after `change`.
    fn check(mark: bool, from: usize, position: u64, change: impl Fn(&mut Vec<u8>), expected: Tail) {
        let (bytes, starts) = segment(mark);
        let mut bytes = bytes[starts[from]..].to_vec();
        change(&mut bytes);
        let judged = judge(SEED, 10 + from as u64, position, &bytes);
        let same = matches!((judged, expected), (Tail::Damaged(_), Tail::Damaged(_))) || judged == expected;
        assert!(same, "{judged:?} instead of {expected:?}");
    }

    #[test]
    fn zeros_are_a_clean_end() {
        assert_eq!(judge(SEED, 3, 64, &[]), Tail::Clean);
        assert_eq!(judge(SEED, 3, 64, &[0; 5_000]), Tail::Clean);
    }

    #[test]
    fn what_a_later_group_witnessed_is_damage_however_it_looks() {
        check(false, 1, 64, |bytes| bytes[50] ^= 1, Tail::Damaged(""));
        check(false, 3, 64, |bytes| bytes[..428].fill(0), Tail::Damaged(""));
        check(true, 5, 64, |bytes| bytes[427] ^= 1, Tail::Damaged(""));
        check(true, 4, 64, |bytes| bytes[..428].fill(0), Tail::Damaged(""));
    }

    #[test]
    fn a_cut_last_group_is_torn() {
        for cut in 1..428 {
            check(false, 4, 64, |bytes| bytes.truncate(cut), Tail::Torn);
            check(false, 5, 64, |bytes| bytes.truncate(cut), Tail::Torn);
            check(false, 5, 64, |bytes| bytes[cut..].fill(0), Tail::Torn);
        }
    }

    #[test]
    fn a_last_group_that_lacks_a_sector_is_torn() {
        // The frame at 400 reaches into the sector from 512 on.
        check(false, 4, 400, |bytes| bytes[..112].fill(0), Tail::Torn);
        check(false, 4, 400, |bytes| bytes[112..624].fill(0), Tail::Torn);
    }

    #[test]
    fn a_last_group_that_is_all_there_and_wrong_is_damage() {
        for at in [0, 5, 27, 31, 32, 200, 427] {
            check(false, 4, 64, |bytes| bytes[at] ^= 0x10, Tail::Damaged(""));
            check(false, 5, 64, |bytes| bytes[at] ^= 0x10, Tail::Damaged(""));
        }
    }
}
