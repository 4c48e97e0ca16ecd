//! Who is pushed to: the policy, with each author's posting class, audience and bursts.
//!
//! The answer for a post is one number, the lowest reader class that is pushed to. Each shard compares it with its readers' classes under
//! its lock, and notes a post that some subscribed ring did not get, so an edge is served exactly once whatever changes meanwhile.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::options::{Policy, RingOptions};
use super::rates::{self, CLASS_MAX, Costs, Rate};

/// Entries that a page takes, for the cost model (`k`).
const PAGE_ENTRIES: u32 = 40;
/// Rings from which an author's audience is large: pushing to fewer is no burst, whatever the author does.
const LARGE_AUDIENCE: u32 = 256;
/// How long an author's deliveries count as one burst.
const BURST_MS: f32 = 10_000.0;
/// Deliveries that one measurement needs at the least to count.
const MEASURED_MIN: usize = 64;
/// What looking for an author's note takes at a read, in nanoseconds.
const LOOK_NS: u128 = 4;
/// An author's burst is over after so many of its half-lives.
const BURSTS_OVER: f32 = 16.0;
/// A new measurement's share in a running mean, as a divisor.
const MEAN_DIVISOR: u32 = 16;
/// A measurement counts as this many times the mean at the most: a thread that was stopped in the middle says nothing of the work.
const OUTLIER_FACTOR: u32 = 4;
/// Means are kept in so many parts of a nanosecond, or small ones would never move.
const PARTS: u32 = 256;

/// Knuth's, of MMIX: the upper half of what it makes is even enough to choose posts by.
const LCG_FACTOR: u64 = 6_364_136_223_846_793_005;

/// Pushed to no reader.
pub(super) const NONE: u8 = u8::MAX;

/// What every post looks at: two bytes for each author, so that those of a whole instance stay in the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
struct Brief {
    class: u8,
    /// Whether posts reach so many rings that bursts matter.
    large: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Author {
    posts: Rate,
    /// Threshold: followers, as far as they were looked up.
    followers: Option<u32>,
    /// Of large ones: rings that the last pushed post reached.
    audience: u32,
    /// Work of the running burst, in microseconds, decaying.
    burst_us: f32,
    burst_at_ms: u64,
}

#[derive(Debug, Default)]
struct Authors {
    briefs: Vec<Brief>,
    all: Vec<Author>,
    /// Chooses the posts that are counted.
    turn: u64,
}

/// The policy and what it decides by.
#[derive(Debug)]
pub(super) struct Chooser {
    policy: Policy,
    measure: bool,
    counted_in: u32,
    burst_budget_us: f32,
    push: AtomicU32,
    open: AtomicU32,
    fill: AtomicU32,
    entry_ns: u32,
    margin: AtomicI32,
    authors: Mutex<Authors>,
}

/// A running mean that forgets, and follows what is far off step by step.
fn drift(mean: &AtomicU32, nanoseconds: u128, count: usize) {
    let held = mean.load(Ordering::Relaxed);
    let new = u32::try_from(nanoseconds * u128::from(PARTS) / count.max(1) as u128).unwrap_or(u32::MAX);
    let new = new.min(held.saturating_mul(OUTLIER_FACTOR));
    let moved = held - held / MEAN_DIVISOR + new / MEAN_DIVISOR;
    mean.store(moved.max(PARTS), Ordering::Relaxed);
}

fn parts(nanoseconds: u32) -> AtomicU32 {
    AtomicU32::new(nanoseconds.saturating_mul(PARTS))
}

impl Chooser {
    pub(super) fn new(options: &RingOptions) -> Self {
        Self {
            policy: options.policy,
            measure: options.measure && options.policy == Policy::Adaptive,
            counted_in: options.posts_counted_in,
            burst_budget_us: options.burst_budget_ms as f32 * 1_000.0,
            push: parts(options.costs.push_ns),
            open: parts(options.costs.open_ns),
            fill: parts(options.costs.fill_ns),
            entry_ns: options.costs.entry_ns,
            margin: AtomicI32::new(rates::margin(options.costs, PAGE_ENTRIES) + i32::from(options.measure)),
            authors: Mutex::default(),
        }
    }

    /// The costs as they are now.
    pub(super) fn costs(&self) -> Costs {
        let [push_ns, open_ns, fill_ns] = [&self.push, &self.open, &self.fill].map(|mean| mean.load(Ordering::Relaxed) / PARTS);
        Costs { push_ns, open_ns, entry_ns: self.entry_ns, fill_ns }
    }

    /// By how many classes an author may be above a reader and still be pushed: where costs are measured, an edge is pulled only if that is
    /// twice as cheap. Rates and costs are known no better, and what is pushed is never far from the best of fixed choices.
    pub(super) fn margin(&self) -> i32 {
        self.margin.load(Ordering::Relaxed)
    }

    /// The authors of each class, as of their last posts.
    pub(super) fn count_classes(&self) -> [u32; CLASS_MAX as usize + 1] {
        let mut counts = [0; CLASS_MAX as usize + 1];
        for brief in self.authors.lock().briefs.iter().filter(|brief| brief.class > 0) {
            if let Some(count) = counts.get_mut(usize::from(brief.class)) {
                *count += 1;
            }
        }
        counts
    }

    /// Says whether follower counts matter.
    pub(super) fn counts_followers(&self) -> bool {
        matches!(self.policy, Policy::Threshold { .. })
    }

    /// Those of the authors whose followers were never looked up.
    pub(super) fn uncounted(&self, authors: &[u32]) -> Vec<u32> {
        let held = self.authors.lock();
        let unknown = |author: &u32| held.all.get(*author as usize).is_none_or(|author| author.followers.is_none());
        authors.iter().copied().filter(unknown).collect()
    }

    /// Takes an author's count of followers.
    pub(super) fn counted(&self, author: u32, followers: u64) {
        with(&mut self.authors.lock().all, author, |author| author.followers = Some(u32::try_from(followers).unwrap_or(u32::MAX)));
    }

    /// Counts a post of each author; the lowest class that each of the posts is pushed to, and how many authors changed class.
    ///
    /// Only one post in so many is counted, for as many: whoever posts often enough to be pulled is told apart by that as well, and most
    /// posts cost next to nothing here.
    pub(super) fn posted(&self, authors: impl Iterator<Item = u32>, now_ms: u64) -> (Vec<u8>, u64) {
        let (margin, push_us) = (self.margin(), self.costs().push_ns as f32 / 1_000.0);
        let (mut held, mut flips, mut lowest) = (self.authors.lock(), 0, Vec::new());
        for author in authors {
            if self.policy != Policy::Adaptive {
                lowest.push(held.all.get(author as usize).map_or_else(|| self.fixed(&Author::default()), |author| self.fixed(author)));
                continue;
            }
            let Authors { briefs, all, turn } = &mut *held;
            let brief = with(briefs, author, |brief| brief);
            *turn = turn.wrapping_mul(LCG_FACTOR).wrapping_add(1);
            if (*turn >> 32) as u32 & (self.counted_in - 1) == 0 {
                let class = with(all, author, |author| {
                    author.posts.count(now_ms, self.counted_in);
                    author.posts.class(now_ms, brief.class)
                });
                flips += u64::from(class != brief.class);
                brief.class = class;
            }
            let bursts = brief.large && with(all, author, |author| self.bursts(author, push_us, now_ms));
            lowest.push(if bursts { NONE } else { rates::lowest_pushed(brief.class, margin) });
        }
        (lowest, flips)
    }

    /// Says whether one more post exceeds what the author's burst may cost; if not, it counts.
    fn bursts(&self, author: &mut Author, push_us: f32, now_ms: u64) -> bool {
        let elapsed = now_ms.saturating_sub(author.burst_at_ms) as f32;
        author.burst_us *= if elapsed > BURSTS_OVER * BURST_MS { 0.0 } else { (-elapsed / BURST_MS).exp2() };
        author.burst_at_ms = now_ms;
        let work_us = author.audience as f32 * push_us;
        if author.burst_us + work_us > self.burst_budget_us {
            return true;
        }
        author.burst_us += work_us;
        false
    }

    fn fixed(&self, author: &Author) -> u8 {
        match self.policy {
            Policy::PullAll => NONE,
            Policy::Threshold { followers } if author.followers.is_some_and(|count| u64::from(count) >= followers) => NONE,
            Policy::PushAll | Policy::Threshold { .. } | Policy::Adaptive => 0,
        }
    }

    /// The lowest class that the author is pushed to by rates alone.
    pub(super) fn lowest(&self, author: u32) -> u8 {
        let held = self.authors.lock();
        match self.policy {
            Policy::Adaptive => {
                let brief = held.briefs.get(author as usize).copied().unwrap_or_default();
                rates::lowest_pushed(brief.class, self.margin())
            }
            _ => self.fixed(&held.all.get(author as usize).copied().unwrap_or_default()),
        }
    }

    fn settle_margin(&self) {
        self.margin.store(rates::margin(self.costs(), PAGE_ENTRIES) + 1, Ordering::Relaxed);
    }

    /// Takes how many rings each pushed post reached.
    pub(super) fn reached(&self, audiences: impl Iterator<Item = (u32, u32)>) {
        if self.policy == Policy::Adaptive {
            let Authors { briefs, all, .. } = &mut *self.authors.lock();
            for (author, rings) in audiences {
                with(briefs, author, |brief| brief.large = rings >= LARGE_AUDIENCE);
                if rings >= LARGE_AUDIENCE {
                    with(all, author, |author| author.audience = rings);
                }
            }
        }
    }

    /// Says whether measuring is of use.
    pub(super) fn measures(&self) -> bool {
        self.measure
    }

    /// Takes what deliveries took, where nearly all rings reached took one: going past the others is no cheaper than reaching them.
    pub(super) fn delivered(&self, deliveries: usize, reached: usize, took: Duration) {
        if self.measure && deliveries >= MEASURED_MIN && deliveries >= reached - reached / 8 {
            drift(&self.push, took.as_nanos(), deliveries);
            self.settle_margin();
        }
    }

    /// Takes what merging pulled lists took, once they were found among so many authors. So what a read takes that merges anything at all
    /// is part of what a list takes: few of them do not pay.
    pub(super) fn opened(&self, lists: usize, entries: usize, looked_at: u32, took: Duration) {
        if self.measure && lists > 0 {
            let whole = took.as_nanos() + u128::from(looked_at) * LOOK_NS;
            let opening = whole.saturating_sub(entries as u128 * u128::from(self.entry_ns));
            drift(&self.open, opening, lists);
            self.settle_margin();
        }
    }

    /// Takes what filling a ring from the lists of so many authors took.
    pub(super) fn filled(&self, authors: usize, took: Duration) {
        if self.measure {
            drift(&self.fill, took.as_nanos(), authors);
        }
    }
}

fn with<'a, A: Clone + Default, T>(authors: &'a mut Vec<A>, number: u32, change: impl FnOnce(&'a mut A) -> T) -> T {
    let number = number as usize;
    if authors.len() <= number {
        authors.resize(number + 1, A::default());
    }
    change(authors.get_mut(number).expect("the vector was grown to hold it"))
}

const _: () = assert!(NONE > CLASS_MAX, "no reader's class may reach it");
