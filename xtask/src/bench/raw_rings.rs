//! The physical limit of deliveries: bare writes of 16-byte entries into rings, and nothing else.
//!
//! The rings have the shape of the engine's: a head of 16 bytes and 256 entries each, by the order of their readers. Audiences lie flat
//! and sorted; each thread owns its share of the rings, walks all posts in order, and writes one entry for each of its readers. What the
//! engine does beside - packed lists, locks, late posts, floors - is the distance to this.

use super::peers::ratios;
use super::report::{Report, median};
use super::w1::W1;
use std::ops::Range;

/// Entries of a ring, as many as the engine's.
const SLOTS: usize = 256;
const THREADS: usize = 2;

/// What a delivery reads and changes beside its entry.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    high: u64,
    written: u64,
}

/// An entry of 16 bytes.
type Slot = (u64, u32, u32);

/// The rings of one thread's readers.
struct Share {
    heads: Vec<Head>,
    slots: Vec<Slot>,
    /// Of each author: where its audience begins in `seats`; one more at the end.
    starts: Vec<usize>,
    seats: Vec<u32>,
}

/// Rings that take entries as fast as memory does.
pub(super) struct RawRings {
    shares: Vec<Share>,
    /// Of each reader that has a ring: its number among them.
    seats: std::collections::HashMap<u32, usize>,
}

impl RawRings {
    /// Makes rings of the readers, every byte of them touched.
    pub(super) fn new(w1: &W1, readers: &[u32]) -> Self {
        let shares = (0..THREADS).map(|thread| Share::new(w1, readers.iter().skip(thread).step_by(THREADS).copied())).collect();
        Self { shares, seats: readers.iter().enumerate().map(|(seat, reader)| (*reader, seat)).collect() }
    }

    /// Writes posts into the rings of their authors' readers, in order.
    pub(super) fn write(&mut self, posts: &[(u64, u32)]) {
        std::thread::scope(|scope| {
            for share in &mut self.shares {
                scope.spawn(|| share.write(posts));
            }
        });
    }

    /// The newest entries of a reader, newest first.
    pub(super) fn newest(&self, reader: u32, limit: usize) -> Vec<u64> {
        let Some(seat) = self.seats.get(&reader) else { return Vec::new() };
        self.shares.get(seat % THREADS).map_or_else(Vec::new, |share| share.newest(seat / THREADS, limit))
    }
}

/// Adds which part of the limit was reached, from rates of the same turns, and how many times faster the limit is.
pub(super) fn report_distance(prefix: &str, reached: &[f64], limit: &[f64], report: &mut Report) {
    let ratios = ratios(reached, limit);
    report.add_spread(&format!("{prefix}of_limit"), "_ratio", &ratios);
    report.add(format!("{prefix}limit_distance"), 1.0 / median(&ratios).max(f64::MIN_POSITIVE));
}

impl Share {
    fn new(w1: &W1, readers: impl Iterator<Item = u32>) -> Self {
        let readers: Vec<u32> = readers.collect();
        let authors = |reader: u32| w1.followees(reader).iter().copied().chain([reader]);
        let mut starts = vec![0_usize; w1.accounts() as usize + 1];
        for author in readers.iter().flat_map(|reader| authors(*reader)) {
            if let Some(count) = starts.get_mut(author as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let (mut next, mut seats) = (starts.clone(), vec![0; sum]);
        for (seat, reader) in readers.iter().enumerate() {
            for author in authors(*reader) {
                if let Some(place) = next.get_mut(author as usize) {
                    if let Some(listed) = seats.get_mut(*place) {
                        *listed = seat as u32;
                    }
                    *place += 1;
                }
            }
        }
        let touched = (u64::MAX, 1, 1);
        Self { heads: vec![Head { high: 0, written: 0 }; readers.len()], slots: vec![touched; readers.len() * SLOTS], starts, seats }
    }

    fn audience(&self, author: u32) -> Range<usize> {
        let start = self.starts.get(author as usize).copied().unwrap_or_default();
        start..self.starts.get(author as usize + 1).copied().unwrap_or(start)
    }

    fn write(&mut self, posts: &[(u64, u32)]) {
        for (post, author) in posts {
            let audience = self.audience(*author);
            for seat in self.seats.get(audience).unwrap_or_default() {
                let seat = *seat as usize;
                let Some(head) = self.heads.get_mut(seat) else { continue };
                if let Some(slot) = self.slots.get_mut(seat * SLOTS + head.written as usize % SLOTS) {
                    *slot = (*post, *author, 0);
                }
                head.written += 1;
                head.high = head.high.max(*post);
            }
        }
    }

    fn newest(&self, seat: usize, limit: usize) -> Vec<u64> {
        let Some(head) = self.heads.get(seat) else { return Vec::new() };
        let held = (head.written as usize).min(SLOTS);
        let entry = |back: usize| self.slots.get(seat * SLOTS + (head.written as usize - 1 - back) % SLOTS).map(|slot| slot.0);
        (0..held.min(limit)).filter_map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_holds_the_newest_of_those_whom_its_reader_follows() {
        let w1 = W1::generate(200, 1);
        let readers = [3, 50, 120];
        let mut rings = RawRings::new(&w1, &readers);
        let posts: Vec<(u64, u32)> = (1..=20_000_u64).map(|post| (post, (post * 7 % 200) as u32)).collect();
        let (first, second) = posts.split_at(9_000);
        rings.write(first);
        rings.write(second);
        for reader in readers {
            let mine = |author: &u32| *author == reader || w1.followees(reader).contains(author);
            let all = posts.iter().rev().filter(|(_, author)| mine(author)).map(|(post, _)| *post);
            assert_eq!(rings.newest(reader, 40), all.take(40).collect::<Vec<_>>());
        }
        assert!(rings.newest(4, 40).is_empty());
    }
}
