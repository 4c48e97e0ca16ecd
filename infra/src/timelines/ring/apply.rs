//! Operations on their way to the shards: resolved once, then walked through every shard.
//!
//! Several callers walk at the same time; each takes whichever of its shards is free, and waits only where none is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::MutexGuard;

use super::super::{TimelineError, TimelineOp};
use super::RingTimelines;
use super::shard::Shard;
use super::walk::{Step, Walk};
use super::window::Slot;

/// Slices after which a caller lets other tasks of its thread run.
const SLICES_PER_TURN: usize = 8;

/// One apply in so many is measured: the clock is asked seldom.
const APPLIES_PER_MEASURED: usize = 8;

/// Where the next caller begins, so that callers spread over the shards.
static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

impl RingTimelines {
    /// Applies operations in order; see the port.
    pub(super) async fn apply_all(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        if self.chooser.counts_followers() {
            self.count_followers(ops).await?;
        }
        let now_ms = (self.clock)();
        let steps = self.steps(ops, now_ms);
        let mut reached = vec![0; steps.len()];
        let first = NEXT_SHARD.fetch_add(1, Ordering::Relaxed);
        let count = if steps.is_empty() { 0 } else { self.shards.len() };
        let mut walks: Vec<Walk> = (0..count).map(|n| Walk::new((first + n) % self.shards.len())).collect();
        let measured = self.chooser.measures() && first.is_multiple_of(APPLIES_PER_MEASURED);
        let (mut delivered, mut slices) = (0, 0);
        while !walks.is_empty() {
            delivered += self.slice(&mut walks, &steps, &mut reached, measured);
            slices += 1;
            if slices % SLICES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        let audiences = steps.iter().zip(reached).filter_map(|(step, rings)| match step {
            Step::Post(slot, 0..=super::rates::CLASS_MAX) => Some((slot.author, rings)),
            _ => None,
        });
        self.chooser.reached(audiences);
        self.meters.pushed(delivered);
        self.sweep(now_ms);
        Ok(())
    }

    /// Looks followers up for the authors whose follows change, where the policy goes by them.
    async fn count_followers(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        for op in ops {
            if let TimelineOp::Followed { author, .. } | TimelineOp::Unfollowed { author, .. } = op
                && let Some(number) = self.accounts.get(*author)
            {
                self.chooser.counted(number, self.source.followers_count(*author).await?);
            }
        }
        Ok(())
    }

    /// Interns the operations, dropping those of accounts that no ring knows, and brings cached author lists up to date.
    fn steps(&self, ops: &[TimelineOp], now_ms: u64) -> Vec<Step> {
        let subjects = ops.iter().map(|op| match op {
            TimelineOp::Posted(entry) | TimelineOp::Removed(entry) => entry.author,
            TimelineOp::Followed { reader, .. } | TimelineOp::Unfollowed { reader, .. } => *reader,
        });
        let mut steps = Vec::with_capacity(ops.len());
        for (op, subject) in ops.iter().zip(self.accounts.get_all(subjects)) {
            let Some(subject) = subject else { continue };
            steps.push(match op {
                TimelineOp::Posted(entry) => {
                    let slot = Slot { post: entry.post.0, author: subject, flags: entry.flags };
                    self.lists.posted(slot);
                    Step::Post(slot, 0)
                }
                TimelineOp::Removed(entry) => {
                    self.lists.removed(subject, entry.post.0);
                    Step::Remove { author: subject, post: entry.post.0 }
                }
                TimelineOp::Followed { .. } | TimelineOp::Unfollowed { .. } => Step::FollowsChanged { reader: subject },
            });
        }
        let authors = steps.iter().filter_map(|step| if let Step::Post(slot, _) = step { Some(slot.author) } else { None });
        let (lowest, flips) = self.chooser.posted(authors, now_ms);
        let posts = steps.iter_mut().filter_map(|step| if let Step::Post(_, lowest) = step { Some(lowest) } else { None });
        posts.zip(lowest).for_each(|(step, lowest)| *step = lowest);
        self.meters.flipped(flips);
        steps
    }

    /// One slice of one walk; entries written.
    fn slice(&self, walks: &mut Vec<Walk>, steps: &[Step], reached: &mut [u32], measured: bool) -> usize {
        let Some((n, mut shard)) = self.free_shard(walks) else { return 0 };
        let Some(walk) = walks.get_mut(n) else { return 0 };
        let (before, visited, began) = (walk.delivered, walk.visited, measured.then(Instant::now));
        let ended = walk.slice(&mut shard, steps, reached);
        MutexGuard::unlock_fair(shard);
        let delivered = walk.delivered - before;
        if let Some(began) = began {
            self.chooser.delivered(delivered, walk.visited - visited, began.elapsed());
        }
        if ended {
            walks.swap_remove(n);
        }
        delivered
    }

    /// A walk whose shard is free, or the first one's shard once it is.
    fn free_shard(&self, walks: &[Walk]) -> Option<(usize, MutexGuard<'_, Shard>)> {
        for (n, walk) in walks.iter().enumerate() {
            if let Some(shard) = self.shards.get(walk.shard).and_then(|shard| shard.try_lock()) {
                return Some((n, shard));
            }
        }
        let shard = self.shards.get(walks.first()?.shard)?;
        Some((0, shard.lock()))
    }
}
