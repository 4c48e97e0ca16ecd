//! Interleavings that threads meet once in a million, forced: the source runs operations in the middle of the engine's own reads of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use parking_lot::Mutex;
use schemas::{AccountId, PostId};

use super::super::{Entry, MemorySource, NaiveTimelines, Stretch, TimelineError, TimelineOp, TimelineSource, Timelines};
use super::tests::{ring, small};
use super::*;

const ANA: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);
const EVE: AccountId = AccountId(3);
const PAGE: Stretch = Stretch { below: None, above: None, ascending: false, limit: 40 };

/// What happens in the middle of a read.
#[derive(Debug, Clone, Copy)]
enum Change {
    Post(AccountId, u64),
    Remove(AccountId, u64),
    Follow(AccountId, AccountId),
    Unfollow(AccountId, AccountId),
    Reset,
    /// Another page of Ana's, which must already be right.
    Read,
}

/// Where in the read it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeFollowees,
    AfterFollowees,
    BeforeList(AccountId),
    AfterList(AccountId),
}

const MOMENTS: [Moment; 6] = [
    Moment::BeforeFollowees,
    Moment::AfterFollowees,
    Moment::BeforeList(BOB),
    Moment::AfterList(BOB),
    Moment::BeforeList(EVE),
    Moment::AfterList(EVE),
];

/// A source that makes changes, rows and operations, when the engine reaches a moment.
struct Staged {
    rows: Arc<MemorySource>,
    timelines: OnceLock<Weak<RingTimelines>>,
    script: Mutex<VecDeque<(Moment, Change)>>,
    failing: AtomicBool,
}

impl Staged {
    async fn reach(&self, moment: Moment) -> Result<(), TimelineError> {
        loop {
            let due = {
                let mut script = self.script.lock();
                if script.front().is_some_and(|(when, _)| *when == moment) { script.pop_front() } else { None }
            };
            let Some((_, change)) = due else { break };
            let timelines = self.timelines.get().and_then(Weak::upgrade).expect("the test holds the timelines");
            // Boxed, for what reads the source is run by the source.
            Box::pin(self.change(&timelines, change)).await;
        }
        if self.failing.load(Ordering::SeqCst) && matches!(moment, Moment::AfterList(_)) {
            return Err(TimelineError::Retryable("told to fail".into()));
        }
        Ok(())
    }

    async fn change(&self, timelines: &RingTimelines, change: Change) {
        let entry = |author, post| Entry { post: PostId(post), author, flags: 0 };
        let op: TimelineOp = match change {
            Change::Post(author, post) => self.rows.post(entry(author, post)),
            Change::Remove(author, post) => self.rows.remove(entry(author, post)),
            Change::Follow(reader, author) => self.rows.follow(reader, author),
            Change::Unfollow(reader, author) => self.rows.unfollow(reader, author),
            Change::Reset => return timelines.reset().await.expect("reset"),
            Change::Read => {
                // Nothing else happens within the inner read, or what it should answer would be anybody's guess.
                let rest = std::mem::take(&mut *self.script.lock());
                self.compare(timelines, "read within a read").await;
                *self.script.lock() = rest;
                return;
            }
        };
        timelines.apply(&[op]).await.expect("apply");
    }

    async fn compare(&self, timelines: &RingTimelines, when: &str) {
        // A page that goes beyond rings and cached lists, and one that these can answer alone.
        for page in [PAGE, Stretch { limit: 3, ..PAGE }] {
            let found = timelines.home(ANA, page).await.expect("home");
            let wanted = NaiveTimelines::new(self.rows.clone()).home(ANA, page).await.expect("reference");
            assert_eq!(found, wanted, "{when}");
        }
    }
}

#[async_trait]
impl TimelineSource for Staged {
    async fn followees(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        self.reach(Moment::BeforeFollowees).await?;
        let followees = self.rows.followees(reader).await;
        self.reach(Moment::AfterFollowees).await?;
        followees
    }

    async fn followers_count(&self, author: AccountId) -> Result<u64, TimelineError> {
        self.rows.followers_count(author).await
    }

    async fn author_list(&self, author: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        self.reach(Moment::BeforeList(author)).await?;
        let list = self.rows.author_list(author, stretch).await;
        self.reach(Moment::AfterList(author)).await?;
        list
    }
}

struct Stage {
    source: Arc<Staged>,
    timelines: Arc<RingTimelines>,
}

impl Stage {
    /// Ana follows Bob; both have posted more than a ring holds.
    async fn new(policy: Policy) -> Self {
        let rows = Arc::new(MemorySource::new());
        let script = Mutex::default();
        let source = Arc::new(Staged { rows, timelines: OnceLock::new(), script, failing: AtomicBool::new(false) });
        let timelines = ring(source.clone(), Arc::new(AtomicU64::new(1)), small(policy));
        source.timelines.set(Arc::downgrade(&timelines)).expect("set once");
        let stage = Self { source, timelines };
        stage.run(Change::Follow(ANA, BOB)).await;
        for post in 1..=12 {
            stage.run(Change::Post(if post % 3 == 0 { ANA } else { BOB }, post * 10)).await;
            stage.run(Change::Post(EVE, post * 10 + 5)).await;
        }
        stage
    }

    async fn run(&self, change: Change) {
        self.source.change(&self.timelines, change).await;
    }

    /// Reads while the script runs, whatever comes of it; afterwards pages must equal the reference.
    async fn read_through(&self, moment: Moment, script: &[Change], what: &str) {
        *self.source.script.lock() = script.iter().map(|change| (moment, *change)).collect();
        let page = self.timelines.home(ANA, PAGE).await.expect("home");
        assert!(page.is_sorted_by(|a, b| a.post > b.post), "{what} at {moment:?}");
        self.source.script.lock().clear();
        self.source.compare(&self.timelines, &format!("{what} at {moment:?}")).await;
        self.run(Change::Post(BOB, 500)).await;
        self.run(Change::Post(EVE, 510)).await;
        self.source.compare(&self.timelines, &format!("after {what} at {moment:?}")).await;
    }
}

const POLICIES: [Policy; 4] = [Policy::PushAll, Policy::PullAll, Policy::Threshold { followers: 1 }, Policy::Adaptive];

/// Runs the script in the middle of a first read, of one that finds follows changed, and of one that finds posts not pushed.
async fn check(script: &[Change], what: &str) {
    for policy in POLICIES {
        for moment in MOMENTS {
            let stage = Stage::new(policy).await;
            stage.read_through(moment, script, what).await;
            let stage = Stage::new(policy).await;
            stage.source.compare(&stage.timelines, "warm").await;
            stage.run(Change::Follow(ANA, EVE)).await;
            stage.read_through(moment, script, what).await;
            let stage = Stage::new(policy).await;
            stage.source.compare(&stage.timelines, "warm").await;
            stage.run(Change::Post(BOB, 200)).await;
            stage.read_through(moment, script, what).await;
        }
    }
}

#[tokio::test]
async fn a_post_during_a_fill_is_kept() {
    check(&[Change::Post(BOB, 300)], "a post").await;
    check(&[Change::Post(BOB, 300), Change::Post(BOB, 26), Change::Post(ANA, 310)], "a late post").await;
    let many: Vec<Change> = (0..20).map(|n| Change::Post(BOB, 300 + n)).collect();
    check(&many, "more posts than a ring holds").await;
}

#[tokio::test]
async fn a_removal_during_a_fill_is_final() {
    check(&[Change::Remove(BOB, 110)], "a removal").await;
    check(&[Change::Remove(EVE, 115)], "a removal by a new followee").await;
    check(&[Change::Post(BOB, 300), Change::Remove(BOB, 300)], "a post and its removal").await;
    let all: Vec<Change> = (1..=12).filter(|n| n % 3 != 0).map(|n| Change::Remove(BOB, n * 10)).collect();
    check(&all, "removal of all").await;
}

#[tokio::test]
async fn follow_changes_during_a_fill_are_seen_next() {
    check(&[Change::Follow(ANA, EVE)], "a follow").await;
    check(&[Change::Unfollow(ANA, BOB)], "an unfollow").await;
    check(&[Change::Follow(ANA, EVE), Change::Unfollow(ANA, EVE), Change::Follow(ANA, EVE)], "follows to and fro").await;
    check(&[Change::Unfollow(ANA, BOB), Change::Post(BOB, 300), Change::Follow(ANA, BOB)], "an unfollow, a post, a follow").await;
}

#[tokio::test]
async fn a_second_reader_of_a_ring_under_fill_reads_all() {
    check(&[Change::Read, Change::Post(BOB, 300), Change::Read, Change::Remove(BOB, 300), Change::Read], "reads").await;
}

#[tokio::test]
async fn a_reset_during_a_fill_leaves_nothing_behind() {
    check(&[Change::Reset], "a reset").await;
    check(&[Change::Reset, Change::Read, Change::Post(BOB, 300)], "a reset with a read").await;
}

#[tokio::test]
async fn a_failed_or_abandoned_fill_starts_anew() {
    for policy in POLICIES {
        let stage = Stage::new(policy).await;
        stage.source.failing.store(true, Ordering::SeqCst);
        assert!(stage.timelines.home(ANA, PAGE).await.is_err());
        stage.source.failing.store(false, Ordering::SeqCst);
        stage.source.compare(&stage.timelines, "after a failure").await;
        stage.run(Change::Post(BOB, 300)).await;
        stage.source.compare(&stage.timelines, "after a failure and a post").await;
        assert_eq!(stage.timelines.stats().rings, usize::from(policy != Policy::PullAll));
    }
}
