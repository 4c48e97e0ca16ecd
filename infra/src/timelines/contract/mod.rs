//! The contract of the timelines port as tests: every adapter and policy passes all of them, the naive reference included.
//!
//! An adapter's own tests call [`check`] with a function that makes timelines over a source and a clock; see `naive.rs`.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code that ships to other crates' tests")]

mod cases;
mod history;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemas::{AccountId, PostId};

use super::{Entry, MemorySource, NaiveTimelines, Stretch, TimelineOp, TimelineSource, Timelines};

/// A clock that tests set, in milliseconds since 1970.
pub type TestClock = Arc<AtomicU64>;

/// Makes timelines that share nothing with any made before.
pub type Fresh<'a> = &'a (dyn Fn(Arc<dyn TimelineSource>, TestClock) -> Arc<dyn Timelines> + Sync);

/// Random histories per adapter: each is some hundreds of operations with a comparison at every read.
const SEEDS: u64 = 8;

/// Runs the whole contract.
pub async fn check(fresh: Fresh<'_>) {
    cases::pages_go_on_both_ways(fresh).await;
    cases::follows_bring_old_posts_and_unfollows_take_them(fresh).await;
    cases::late_arrivals_take_their_place(fresh).await;
    cases::operations_may_be_repeated(fresh).await;
    for seed in 0..SEEDS {
        history::equals_the_naive_reference(fresh, seed).await;
    }
    threads::concurrent_callers_lose_and_invent_nothing(fresh).await;
}

/// Timelines under test, the source beneath them and the reference over the same source.
struct World {
    source: Arc<MemorySource>,
    clock: TestClock,
    timelines: Arc<dyn Timelines>,
    naive: NaiveTimelines,
}

impl World {
    fn new(fresh: Fresh<'_>) -> Self {
        let source = Arc::new(MemorySource::new());
        let clock = TestClock::new(AtomicU64::new(1_700_000_000_000));
        let timelines = fresh(source.clone(), clock.clone());
        let naive = NaiveTimelines::new(source.clone());
        Self { source, clock, timelines, naive }
    }

    async fn apply(&self, ops: &[TimelineOp]) {
        self.timelines.apply(ops).await.expect("apply");
    }

    async fn post(&self, author: u64, post: u64) {
        let op = self.source.post(entry(author, post));
        self.apply(&[op]).await;
    }

    async fn home(&self, reader: u64, stretch: Stretch) -> Vec<u64> {
        let page = self.timelines.home(AccountId(reader), stretch).await.expect("home");
        page.into_iter().map(|entry| entry.post.0).collect()
    }

    /// Reads the stretch from the subject and from the reference; they must be equal, entry by entry.
    async fn compare(&self, reader: u64, stretch: Stretch, when: &dyn Fn() -> String) {
        let page = self.timelines.home(AccountId(reader), stretch).await.expect("home");
        let model = self.naive.home(AccountId(reader), stretch).await.expect("home of the reference");
        assert_eq!(page, model, "reader {reader}, {stretch:?}, {}", when());
    }

    /// Pages through a reader's whole timeline, newest first and then oldest first, comparing every page.
    async fn compare_all(&self, reader: u64, page: usize, when: &dyn Fn() -> String) {
        for ascending in [false, true] {
            let mut stretch = Stretch { ascending, limit: page, above: ascending.then_some(PostId(0)), below: None };
            loop {
                self.compare(reader, stretch, when).await;
                let Some(last) = self.home(reader, stretch).await.last().copied() else { break };
                if ascending {
                    stretch.above = Some(PostId(last));
                } else {
                    stretch.below = Some(PostId(last));
                }
            }
        }
    }

    fn step_clock(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Every bit of the hint is used by some post.
fn hint(post: u64) -> u32 {
    (post.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as u32
}

fn entry(author: u64, post: u64) -> Entry {
    Entry { post: PostId(post), author: AccountId(author), flags: (post % 7) as u32 | hint(post) << 16 }
}

fn newest(limit: usize) -> Stretch {
    Stretch { limit, ..Stretch::default() }
}

/// SplitMix64: the histories must be the same on every machine and with every version of every crate.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides.max(1)
    }
}
