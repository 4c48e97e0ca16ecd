//! The embedded engine of home timelines: rings in memory for readers who read, everything else from the source.
//!
//! ```text
//!   apply(Posted) ──> author list cache ──> shard 0: subscribers of the author ──> ring, ring, ring
//!                                       ──> shard 1: ...            └─ not pushed: noted with the author
//!
//!   home(reader)  ──> ring, complete above its floor ── + lists of authors noted as not pushed ── + below the floor: all lists
//!                     └─ none yet: subscribe to the followees, then read their lists, newest first, until it is full
//! ```
//!
//! Nothing is loaded at start. Why no post is lost or doubled is argued in docs/decisions/0004-timeline-layout.md; in short: a ring is
//! subscribed before lists are read; a shard either writes a post to a subscribed ring or notes it as not pushed, under one lock; and
//! posts have ids.

mod apply;
mod choose;
mod intern;
mod lists;
mod load;
mod merge;
mod meters;
mod notes;
mod options;
mod packed;
#[cfg(test)]
mod races;
mod rates;
mod removals;
mod returns;
mod seat;
mod shard;
mod slab;
#[cfg(test)]
mod tests;
mod walk;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use schemas::AccountId;

use super::{Delivery, Entry, Stretch, TimelineError, TimelineOp, TimelineSource, Timelines};
use crate::clock::Clock;
use choose::Chooser;
use intern::Accounts;
use lists::AuthorLists;
use meters::Meters;
use shard::{Limits, Shard};

pub use meters::{PolicyStats, RingStats};
pub use options::{Costs, Policy, RingOptions};

/// How often a shard is looked through for readers who stay away, and metrics are shown, in milliseconds.
const SWEEP_EVERY_MS: u64 = 250;
/// Seats looked at each time.
const SEATS_PER_SWEEP: usize = 512;
/// Sweeps per showing of the metrics: counting the bytes looks at every list.
const SWEEPS_PER_SHOW: u64 = 64;

/// Home timelines in rings.
pub struct RingTimelines {
    options: RingOptions,
    source: Arc<dyn TimelineSource>,
    clock: Clock,
    accounts: Arc<Accounts>,
    lists: AuthorLists,
    chooser: Chooser,
    shards: Vec<Mutex<Shard>>,
    meters: Meters,
    next_sweep_ms: AtomicU64,
    sweeps: AtomicU64,
}

impl RingTimelines {
    /// Makes empty timelines over a source; rings come with the first reads.
    pub fn new(source: Arc<dyn TimelineSource>, clock: Clock, options: RingOptions) -> Self {
        let options = options.settled();
        let limits = Limits {
            slots: options.slots,
            seats_max: options.rings_max.div_ceil(options.shards),
            pauses: options.policy == Policy::Adaptive && options.pauses,
            idle_after_ms: options.idle_after_ms,
        };
        let accounts = Arc::new(Accounts::default());
        Self {
            lists: AuthorLists::new(source.clone(), accounts.clone(), options.lists_max, options.list_slots),
            chooser: Chooser::new(&options),
            shards: (0..options.shards).map(|_| Mutex::new(Shard::new(limits))).collect(),
            meters: Meters,
            next_sweep_ms: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            options,
            source,
            clock,
            accounts,
        }
    }

    /// What is held now. Looks at every follower list: for benches and operators, not per request.
    pub fn stats(&self) -> RingStats {
        let mut stats = RingStats {
            list_bytes: self.lists.bytes(),
            accounts: self.accounts.len(),
            account_bytes: self.accounts.bytes(),
            ..RingStats::default()
        };
        for shard in &self.shards {
            let shard = shard.lock();
            stats.rings += shard.rings();
            stats.ring_bytes += shard.ring_bytes();
            stats.edges += shard.edges;
            stats.edge_bytes += shard.edge_bytes();
        }
        stats.entries = stats.rings * self.options.slots;
        stats
    }

    /// The costs that adaptive push and pull goes by now.
    pub fn costs(&self) -> Costs {
        self.chooser.costs()
    }

    /// What adaptive push and pull goes by now. Looks at every account: for benches and operators, not per request.
    pub fn policy(&self) -> PolicyStats {
        let (mut stats, posting) = (PolicyStats::new(self.chooser.costs(), self.chooser.margin()), self.chooser.count_classes());
        stats.posting = posting;
        for shard in &self.shards {
            shard.lock().count_classes(&mut stats.reading);
        }
        stats
    }

    fn shard_of(&self, reader: u32) -> &Mutex<Shard> {
        self.shards.get(reader as usize % self.shards.len()).expect("a remainder is below its divisor")
    }

    /// Evicts idle readers of one shard, when it is time.
    fn sweep(&self, now_ms: u64) {
        let due = self.next_sweep_ms.load(Ordering::Relaxed);
        let next = now_ms + SWEEP_EVERY_MS;
        if now_ms < due || self.next_sweep_ms.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let sweeps = self.sweeps.fetch_add(1, Ordering::Relaxed);
        if let Some(shard) = self.shards.get(sweeps as usize % self.shards.len()) {
            let mut shard = shard.lock();
            shard.sweep(now_ms, SEATS_PER_SWEEP, self.chooser.costs());
            self.meters.evicted(std::mem::take(&mut shard.evictions));
            self.meters.flipped(std::mem::take(&mut shard.flips));
        }
        if sweeps.is_multiple_of(SWEEPS_PER_SHOW) {
            self.meters.show(self.stats());
            if self.options.policy == Policy::Adaptive {
                self.meters.show_policy(&self.policy());
            }
        }
    }
}

#[async_trait]
impl Timelines for RingTimelines {
    async fn apply(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        self.apply_all(ops).await
    }

    async fn home(&self, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        self.read_home(reader, stretch).await
    }

    async fn delivery(&self, reader: AccountId, author: AccountId) -> Result<Delivery, TimelineError> {
        let (Some(reader), Some(author)) = (self.accounts.get(reader), self.accounts.get(author)) else { return Ok(Delivery::Pull) };
        let class = self.shard_of(reader).lock().class(reader);
        let pushed = class.is_some_and(|class| class >= self.chooser.lowest(author));
        Ok(if pushed { Delivery::Push } else { Delivery::Pull })
    }

    async fn reset(&self) -> Result<(), TimelineError> {
        self.lists.clear();
        for shard in &self.shards {
            shard.lock().clear();
        }
        Ok(())
    }
}
