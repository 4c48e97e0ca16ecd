//! Merging the files of views by age: tables that are about as old, and so about as large, become one.
//!
//! ```text
//! level 0   a table for each drain       4 of them become a run of level 2
//! level 2   four drains in each run      8 runs become one of level 4
//! level 4   32 drains in each run        8 runs become one with all that is older
//! level 6   everything older, one run
//! ```
//!
//! So a row is written anew three times, however many drains there are. Leveled merging, which the store has of its own, writes all that it
//! has gathered in its first level with every four drains: seven times each row after a minute of full load, and more later.
//!
//! A merge leaves its run in the level between, from where it goes down as it is; a process that ends before that finds it there. What is younger
//! lies above what is older at every moment, and nothing but the last level is without tombstones.
//!
//! Two threads merge: one what drains wrote, so that it never waits for the other, which merges what is large. Where nothing was drained for a
//! while, a scan is spared what it can be: two runs of an age are enough then, but for the last merge, which is of all there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::fjall::compaction::Leveled;
use ::fjall::{AbstractTree, Keyspace};
use lsm_tree::compaction::{CompactionStrategy, MoveDown, PullDown};
use parking_lot::{Condvar, Mutex};

use super::{Inner, failed, no_thread};
use crate::priority::give_way;
use crate::views::ViewError;
use crate::worker::Worker;

/// Runs of one age.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tier {
    level: u8,
    /// So many become one.
    runs: usize,
    /// Where that is left; from any level but the last it goes on to the next one.
    into: u8,
}

/// Where the store keeps what is oldest; only there do tombstones end.
const LAST: u8 = 6;
/// What drains wrote.
pub(super) const YOUNG: [Tier; 1] = [Tier { level: 0, runs: 4, into: 1 }];
/// What was merged before, the younger first.
pub(super) const OLD: [Tier; 2] = [Tier { level: 2, runs: 8, into: 3 }, Tier { level: 4, runs: 8, into: LAST }];

/// After so long without a drain, merges go on with fewer runs.
const IDLE_AFTER: Duration = Duration::from_secs(5);
/// Runs that become one then.
const IDLE_RUNS: usize = 2;

/// The store's own strategy, with bounds that it never comes to.
pub(super) fn store_merges_nothing() -> Leveled {
    Leveled::default().with_l0_threshold(u8::MAX).with_table_target_size(1 << 40)
}

/// Whether a keyspace is left to us. One made before merging by age goes on with the store's strategy: the two do not mix.
fn is_merged_by_age(space: &Keyspace) -> bool {
    space.config.compaction_strategy.get_config() == store_merges_nothing().get_config()
}

/// How many runs a level has.
pub(super) fn runs(space: &Keyspace, level: u8) -> usize {
    space.tree.current_version().level(usize::from(level)).map_or(0, |level| level.run_count())
}

impl Tier {
    /// Merges if there are enough runs; true if it did.
    fn merge(self, inner: &Inner, space: &Keyspace, is_idle: bool) -> Result<bool, ViewError> {
        let enough = if is_idle && self.into != LAST { IDLE_RUNS } else { self.runs };
        self.hand_on(inner, space)?;
        if runs(space, self.level) < enough {
            return Ok(false);
        }
        let began = Instant::now();
        inner.compact(space, Arc::new(PullDown(self.level, self.into)))?;
        self.hand_on(inner, space)?;
        metrics::histogram!("roost_views_merge_seconds", "level" => self.level.to_string()).record(began.elapsed().as_secs_f64());
        Ok(true)
    }

    /// Brings what was merged to where it belongs.
    fn hand_on(self, inner: &Inner, space: &Keyspace) -> Result<(), ViewError> {
        match self.into != LAST && runs(space, self.into) > 0 {
            true => inner.compact(space, Arc::new(MoveDown(self.into, self.into + 1))),
            false => Ok(()),
        }
    }
}

impl Inner {
    pub(super) fn compact(&self, space: &Keyspace, how: Arc<dyn CompactionStrategy>) -> Result<(), ViewError> {
        let _changing = self.changing();
        // Below that nobody reads any more.
        let unread = self.database.supervisor.snapshot_tracker.get_seqno_safe_to_gc();
        space.tree.compact(how, unread).map_err(|error| failed(error.into()))
    }

    /// Merges what there is to merge in these tiers, in every version of every view.
    fn merge_all(&self, tiers: &[Tier], is_idle: bool) {
        while !self.merging.is_over() {
            match self.merge_once(tiers, is_idle) {
                Ok(true) => {}
                Ok(false) => return,
                // The next drain tries again, and waits where this should have made room.
                Err(error) => return tracing::error!(%error, "the view store cannot merge its files"),
            }
        }
    }

    /// One merge of each tier that has enough runs; false if none has.
    pub(super) fn merge_once(&self, tiers: &[Tier], is_idle: bool) -> Result<bool, ViewError> {
        let mut merged = false;
        for (.., space) in self.spaces().all().filter(|(.., space)| is_merged_by_age(space)) {
            for tier in tiers {
                merged |= tier.merge(self, space, is_idle)?;
            }
        }
        Ok(merged)
    }
}

#[derive(Debug, Default)]
struct State {
    drains: u64,
    over: bool,
}

/// What the threads wait for.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    ring: Condvar,
}

impl Bell {
    /// Something was drained.
    pub(super) fn drained(&self) {
        self.state.lock().drains += 1;
        self.ring.notify_all();
    }

    /// No merge begins after this.
    pub(super) fn end(&self) {
        self.state.lock().over = true;
        self.ring.notify_all();
    }

    fn is_over(&self) -> bool {
        self.state.lock().over
    }

    /// Waits for a drain beyond those seen, and says how many there were and whether it was long quiet instead; nothing at the end.
    fn wait(&self, seen: u64, was_idle: bool) -> Option<(u64, bool)> {
        let mut state = self.state.lock();
        let quiet_at = Instant::now() + IDLE_AFTER;
        while !state.over && state.drains == seen {
            if was_idle {
                self.ring.wait(&mut state);
            } else if self.ring.wait_until(&mut state, quiet_at).timed_out() {
                return (!state.over).then_some((state.drains, state.drains == seen));
            }
        }
        (!state.over).then_some((state.drains, false))
    }
}

/// The threads that merge. Dropping it lets the merges under way end.
pub(super) struct Mergers {
    inner: Arc<Inner>,
    threads: Vec<Worker>,
}

impl Mergers {
    /// Starts the threads.
    pub(super) fn start(inner: Arc<Inner>) -> Result<Self, ViewError> {
        let mut mergers = Self { inner, threads: Vec::new() };
        for (name, tiers) in [("views-merge", YOUNG.as_slice()), ("views-merge-old", OLD.as_slice())] {
            let inner = mergers.inner.clone();
            let thread = Worker::start(name, move || {
                give_way();
                // What an earlier process left is looked at first.
                let mut due = Some((0, false));
                while let Some((seen, is_idle)) = due {
                    inner.merge_all(tiers, is_idle);
                    due = inner.merging.wait(seen, is_idle);
                }
            });
            mergers.threads.push(thread.map_err(no_thread)?);
        }
        Ok(mergers)
    }
}

impl Drop for Mergers {
    fn drop(&mut self) {
        self.inner.merging.end();
    }
}
