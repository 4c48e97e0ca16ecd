//! What happens in a regime: one sequence of posts and reads over days of a clock of its own, drawn once and gone through by every policy.

use super::super::dice::{Dice, Weighted};
use super::super::history::History;
use super::super::w1::W1;
use super::{SEED, START_MS};
use schemas::{PartitionId, PostId, Snowflake};
use std::sync::Arc;

const DAY_MS: f64 = 24.0 * 3_600.0 * 1_000.0;
/// Days before anything counts: as long as rates take to settle. The second part of them already goes as the turns do.
const WARM_DAYS: [f64; 2] = [1.5, 0.5];
/// The clock goes in steps, so that days passing in seconds do not bring the work of days with them: sweeps go by the clock.
const CLOCK_STEP_MS: u64 = 10 * 60 * 1_000;
/// Of a hundred reads, how many go on to the page below.
const DEEPER_PERCENT: u32 = 10;
/// How often a celebrity has something to say, how many posts it takes, and how many celebrities take turns at it.
const BURST_EVERY_MS: f64 = 3_600.0 * 1_000.0;
const BURST_POSTS: usize = 10;
const BURST_CELEBRITIES: usize = 5;

/// A mix of posts and reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regime {
    pub(super) name: &'static str,
    /// Posts for each read, while all readers read.
    posts_per_read: f64,
    /// Days of a turn.
    turn_days: f64,
    /// Of ten readers, how many still read after the first warm days.
    active_of_ten: usize,
    bursts: bool,
}

/// The four regimes; the first has workload W1's own mix.
pub(super) const REGIMES: [Regime; 4] = [
    Regime { name: "read_heavy", posts_per_read: 1.0 / 65.0, turn_days: 1.0, active_of_ten: 10, bursts: false },
    Regime { name: "post_heavy", posts_per_read: 10.0, turn_days: 0.25, active_of_ten: 10, bursts: false },
    Regime { name: "celebrity_burst", posts_per_read: 0.1, turn_days: 0.5, active_of_ten: 10, bursts: true },
    Regime { name: "idle_90_percent", posts_per_read: 1.0, turn_days: 0.4, active_of_ten: 1, bursts: false },
];

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// It is so late.
    Clock(u64),
    /// The history is published up to this number of posts.
    Posts(usize),
    /// Somebody reads the newest page, and perhaps the one below.
    Read { reader: u32, deeper: bool },
}

/// A regime's whole sequence: what warms up first, then each turn.
pub(super) struct Script {
    pub(super) history: Arc<History>,
    pub(super) warm: Vec<Act>,
    pub(super) turns: Vec<Vec<Act>>,
}

struct Drawing<'a> {
    regime: Regime,
    w1: &'a W1,
    dice: Dice,
    posts: Vec<(PostId, u32)>,
    now_ms: f64,
    shown_ms: u64,
    next_burst_ms: f64,
    bursts: usize,
}

impl Script {
    pub(super) fn draw(regime: Regime, w1: &Arc<W1>, turns: usize) -> Self {
        let everybody = Weighted::new((0..w1.accounts()).map(|account| f64::from(w1.pages_per_day(account))));
        let mut readers = 0;
        let active = Weighted::new((0..w1.accounts()).map(|account| {
            let pages = f64::from(w1.pages_per_day(account));
            readers += usize::from(pages > 0.0);
            if readers % 10 < regime.active_of_ten { pages } else { 0.0 }
        }));
        let now_ms = START_MS as f64;
        let mut drawing = Drawing {
            regime,
            w1,
            dice: Dice::new(SEED + 1),
            posts: Vec::new(),
            now_ms,
            shown_ms: 0,
            next_burst_ms: now_ms + BURST_EVERY_MS,
            bursts: 0,
        };
        let per_day = (0..w1.accounts()).map(|account| f64::from(w1.pages_per_day(account))).sum::<f64>();
        let active_per_day = if regime.active_of_ten < 10 { per_day * regime.active_of_ten as f64 / 10.0 } else { per_day };
        let posts_per_day = per_day * regime.posts_per_read;
        let [first, second] = WARM_DAYS;
        let mut warm = drawing.stretch(&everybody, per_day, posts_per_day, first);
        warm.extend(drawing.stretch(&active, active_per_day, posts_per_day, second));
        let turns = (0..turns).map(|_| drawing.stretch(&active, active_per_day, posts_per_day, regime.turn_days)).collect();
        Self { history: Arc::new(History::new(w1.clone(), drawing.posts)), warm, turns }
    }
}

impl Drawing<'_> {
    /// What happens in so many days.
    fn stretch(&mut self, readers: &Weighted, reads_per_day: f64, posts_per_day: f64, days: f64) -> Vec<Act> {
        let mut acts = Vec::new();
        let (step_ms, read_share) = (DAY_MS / (reads_per_day + posts_per_day), reads_per_day / (reads_per_day + posts_per_day));
        for _ in 0..(days * (reads_per_day + posts_per_day)) as u64 {
            self.now_ms += step_ms;
            let shown_ms = self.now_ms as u64 / CLOCK_STEP_MS * CLOCK_STEP_MS;
            if shown_ms > self.shown_ms {
                self.shown_ms = shown_ms;
                acts.push(Act::Clock(shown_ms));
            }
            if self.regime.bursts && self.now_ms >= self.next_burst_ms {
                self.burst();
                acts.push(Act::Posts(self.posts.len()));
            }
            if self.dice.fraction() < read_share {
                acts.push(Act::Read { reader: readers.draw(&mut self.dice), deeper: self.dice.below(100) < DEEPER_PERCENT });
                continue;
            }
            let author = self.w1.poster(&mut self.dice);
            self.post(author);
            match acts.last_mut() {
                Some(Act::Posts(to)) => *to = self.posts.len(),
                _ => acts.push(Act::Posts(self.posts.len())),
            }
        }
        acts
    }

    fn burst(&mut self) {
        self.next_burst_ms += BURST_EVERY_MS;
        let back = self.bursts % BURST_CELEBRITIES;
        self.bursts += 1;
        if let Some(celebrity) = self.w1.celebrities().iter().rev().nth(back).copied() {
            for _ in 0..BURST_POSTS {
                self.post(celebrity);
            }
        }
    }

    /// A post a millisecond after the one before, at the least: ids ascend.
    fn post(&mut self, author: u32) {
        let earliest = self.posts.last().map_or(0, |(last, _)| last.snowflake().ms() + 1);
        let post = Snowflake::new((self.now_ms as u64).max(earliest), PartitionId(0), 0);
        self.posts.push((PostId(post.0), author));
    }
}
