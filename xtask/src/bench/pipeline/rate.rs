//! One hold of a rate, and the search for the highest one that holds.

use super::super::post::world::World;
use super::super::report::{Spent, Stopwatch, whole};
use super::lag::{Greatest, LAG_MAX, Watch};
use super::load::{self, Sent};
use super::memory::{self, Thirds};
use super::mix::Mix;
use anyhow::{Context, Result};
use infra::bus::CommandBus;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The rate of the first step.
const FIRST_PER_S: f64 = 2_000.0;
/// Rates are told apart by this share.
const APART: f64 = 1.1;
/// Doublings at the most.
const DOUBLINGS_MAX: u32 = 12;
/// How often a rate is tried: others use the machine too, and a disk that stood still for a second says nothing of the rate.
const TRIES: u32 = 2;

/// The platform, those who write, and where they do it.
pub(in crate::bench) struct Writers {
    pub(in crate::bench) world: Arc<World>,
    pub(in crate::bench) mix: Arc<Mix>,
    pub(in crate::bench) bus: Arc<dyn CommandBus>,
}

/// What a hold came to.
pub(in crate::bench) struct Hold {
    /// Commands a second, as asked for.
    pub(in crate::bench) rate: f64,
    pub(in crate::bench) sent: Sent,
    pub(in crate::bench) lags: Greatest,
    /// From the first command until every view had the last one.
    pub(in crate::bench) spent: Spent,
    pub(in crate::bench) memory: Thirds,
}

impl Hold {
    /// Commands answered a second.
    pub(in crate::bench) fn answered_per_s(&self) -> f64 {
        whole(self.sent.answers_us.len()) / self.sent.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Whether every view and every thousandth answer but one kept up, and nothing was refused.
    pub(in crate::bench) fn held(&self) -> bool {
        self.answers_in_time() && self.sent.refused == 0 && self.lags.iter().all(|(_, lag)| *lag < LAG_MAX)
    }

    fn answers_in_time(&self) -> bool {
        Duration::from_micros(self.sent.answers_us.value_at_quantile(0.999)) < LAG_MAX
    }

    /// What became of it, for whoever waits for the bench.
    fn verdict(&self) -> String {
        let (rate, time) = (self.rate, self.sent.time.as_secs_f64());
        if self.held() {
            return format!("{rate:.0} commands/s held for {time:.0} s");
        }
        let late =
            self.lags.iter().filter(|(_, lag)| *lag >= LAG_MAX).map(|(view, lag)| format!("{view} lagged {:.1} s", lag.as_secs_f64()));
        let refused = (self.sent.refused > 0).then(|| format!("{} were refused", self.sent.refused));
        let slow = (!self.answers_in_time()).then(|| "of a thousand answers one took over a second".to_owned());
        let causes: Vec<String> = late.chain(refused).chain(slow).collect();
        let answers = |quantile| self.sent.answers_us.value_at_quantile(quantile) / 1_000;
        let (p50, p99, max) = (answers(0.5), answers(0.99), answers(1.0));
        format!("{rate:.0} commands/s did not hold, after {time:.0} s: {} (answers p50 {p50}, p99 {p99}, most {max} ms)", causes.join(", "))
    }
}

impl Writers {
    pub(in crate::bench) fn new(world: &Arc<World>) -> Result<Self> {
        let bus = world.node.writing.as_ref().context("the node takes no commands")?.bus.clone();
        Ok(Self { world: world.clone(), mix: Arc::new(Mix::new(world)), bus })
    }

    /// Sends at a rate for so long, or until a view lags too much; then waits until all views have everything.
    pub(in crate::bench) async fn hold(&self, rate: f64, time: Duration) -> Result<Hold> {
        let broken = Arc::new(AtomicBool::new(false));
        let (stopwatch, lags, memory) = (Stopwatch::start(), Watch::start(&self.world, &broken), memory::Watch::start());
        let sent = load::send(&self.bus, &self.mix, rate, time, &broken).await;
        let memory = memory.end();
        let lags = lags.end().await?;
        let hold = Hold { rate, sent: sent?, lags, spent: stopwatch.spent(), memory };
        eprintln!("{}", hold.verdict());
        Ok(hold)
    }

    /// Whether a rate holds for a step, in one of some tries.
    async fn holds(&self, rate: f64, step: Duration) -> Result<bool> {
        for _ in 0..TRIES {
            if self.hold(rate, step).await?.held() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The highest rate that holds for a step, within a tenth; zero if none does. Says also how many steps it took.
    pub(in crate::bench) async fn highest(&self, step: Duration) -> Result<(f64, u32)> {
        let (mut good, mut bad, mut steps) = (0.0, FIRST_PER_S, 0);
        // What is warmed up by the first step does not count.
        self.hold(FIRST_PER_S, step).await?;
        for _ in 0..DOUBLINGS_MAX {
            steps += 1;
            if !self.holds(bad, step).await? {
                break;
            }
            (good, bad) = (bad, 2.0 * bad);
        }
        while good > 0.0 && bad / good > APART {
            steps += 1;
            let middle = f64::midpoint(good, bad);
            match self.holds(middle, step).await? {
                true => good = middle,
                false => bad = middle,
            }
        }
        Ok((good, steps))
    }
}
