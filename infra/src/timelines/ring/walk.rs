//! Walks over audiences: what an operation does to a shard's rings, in slices that are fair between authors.
//!
//! A walk holds the shard's lock for about [`SLICE`] rings. An audience that is larger waits, and goes on after the operations behind it
//! have had their turn; operations on one post keep their order. A walk goes on at the seat after the last one it reached, whatever was
//! subscribed meanwhile: who subscribes later reads the author's list, where the post already is.

use std::collections::VecDeque;

use super::shard::Shard;
use super::window::{self, Slot};

/// Rings that a walk reaches before it lets go of the shard.
pub(super) const SLICE: usize = 1_024;

/// An operation with its accounts interned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Push to rings of at least this class; above every class: push to none.
    Post(Slot, u8),
    Remove {
        author: u32,
        post: u64,
    },
    FollowsChanged {
        reader: u32,
    },
}

impl Step {
    fn post(self) -> Option<u64> {
        match self {
            Self::Post(slot, _) => Some(slot.post),
            Self::Remove { post, .. } => Some(post),
            Self::FollowsChanged { .. } => None,
        }
    }
}

/// How far the steps have come in one shard.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) shard: usize,
    /// Rings reached.
    pub(super) visited: usize,
    /// Entries written.
    pub(super) delivered: usize,
    next: usize,
    /// Audiences not reached yet: the step, and the first seat.
    rest: VecDeque<(usize, u32)>,
}

impl Walk {
    /// Begins a walk through a shard.
    pub(super) fn new(shard: usize) -> Self {
        Self { shard, visited: 0, delivered: 0, next: 0, rest: VecDeque::new() }
    }

    /// Goes on for a slice; true when all steps are done.
    pub(super) fn slice(&mut self, shard: &mut Shard, steps: &[Step], reached: &mut [u32]) -> bool {
        let mut left = SLICE;
        while left > 0 {
            let Some((at, from)) = self.turn(steps) else { return true };
            let Some(step) = steps.get(at) else { return true };
            let (visited, rest) = self.step(shard, *step, from, left);
            if let Some(reached) = reached.get_mut(at) {
                *reached = reached.saturating_add(u32::try_from(visited).unwrap_or(u32::MAX));
            }
            left = left.saturating_sub(visited);
            if let Some(from) = rest {
                self.rest.push_back((at, from));
            }
        }
        self.next >= steps.len() && self.rest.is_empty()
    }

    /// Whose turn it is: the next step's, unless the rest of an earlier one on the same post is still to do; then the waiting ones'.
    fn turn(&mut self, steps: &[Step]) -> Option<(usize, u32)> {
        let Some(step) = steps.get(self.next) else { return self.rest.pop_front() };
        let same = |(at, _): &(usize, u32)| step.post().is_some() && steps.get(*at).is_some_and(|waits| waits.post() == step.post());
        if let Some(found) = self.rest.iter().position(same) {
            return self.rest.remove(found);
        }
        self.next += 1;
        Some((self.next - 1, 0))
    }

    /// Does a step from a seat on, for about `most` rings: how many it reached, and where it stopped if not at the end.
    fn step(&mut self, shard: &mut Shard, step: Step, from: u32, most: usize) -> (usize, Option<u32>) {
        match step {
            Step::Post(slot, lowest) => self.deliver(shard, slot, lowest, from, most),
            Step::Remove { author, post } => {
                if from == 0 {
                    shard.removals.note(post);
                }
                remove(shard, author, post, from, most)
            }
            Step::FollowsChanged { reader } => {
                shard.follows_changed(reader);
                (0, None)
            }
        }
    }

    /// Writes a post to the rings subscribed to its author: rings visited, and where it stopped.
    fn deliver(&mut self, shard: &mut Shard, slot: Slot, lowest: u8, from: u32, most: usize) -> (usize, Option<u32>) {
        let Some(list) = shard.lists.get(slot.author as usize).filter(|list| !list.is_empty()) else { return (0, None) };
        if lowest > super::rates::CLASS_MAX {
            shard.notes.add(slot.author, slot.post, lowest);
            return (1, None);
        }
        let (mut visited, mut delivered, mut skipped, mut rest) = (0, 0, false, None);
        for block in list.blocks_from(from) {
            if visited >= most {
                rest = { block }.next();
                break;
            }
            for seat in block {
                visited += 1;
                let (Some(head), Some(ring)) = (shard.heads.get_mut(seat as usize), shard.slab.ring_mut(seat)) else { continue };
                if !head.receives() || seat < from {
                    continue;
                }
                if head.class < lowest {
                    skipped = true;
                    continue;
                }
                if !window::append(head, ring, slot) {
                    let floor = shard.seats.get(seat as usize).map_or(0, |seat| seat.floor);
                    window::insert(head, ring, floor, slot);
                }
                delivered += 1;
                head.unread = head.unread.saturating_add(1);
            }
        }
        if skipped {
            shard.notes.add(slot.author, slot.post, lowest);
        }
        self.visited += visited;
        self.delivered += delivered;
        (visited, rest)
    }
}

/// Takes a post out of the rings subscribed to its author: rings visited, and where it stopped.
fn remove(shard: &mut Shard, author: u32, post: u64, from: u32, most: usize) -> (usize, Option<u32>) {
    let Some(list) = shard.lists.get(author as usize) else { return (0, None) };
    let mut visited = 0;
    for block in list.blocks_from(from) {
        if visited >= most {
            return (visited, { block }.next());
        }
        for seat in block {
            visited += 1;
            let (Some(head), Some(ring)) = (shard.heads.get_mut(seat as usize), shard.slab.ring_mut(seat)) else { continue };
            if let Some(seat) = shard.seats.get_mut(seat as usize).filter(|_| head.receives()) {
                window::remove(head, ring, &mut seat.floor, post);
            }
        }
    }
    (visited, None)
}
