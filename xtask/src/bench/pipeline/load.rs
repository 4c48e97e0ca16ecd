//! Commands sent at a set rate, each at its time whether those before are answered or not.

use super::super::report::{latencies, micros};
use super::mix::{Mix, Planned};
use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use infra::bus::CommandBus;
use schemas::commands::CommandError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often it is looked which commands are due.
const TICK: Duration = Duration::from_millis(1);
/// Commands on their way at the most; one more is not sent, and counts as refused.
const IN_FLIGHT_MAX: usize = 65_536;

/// What a stretch of sending came to.
pub(in crate::bench) struct Sent {
    /// From when each command was due until its receipt.
    pub(in crate::bench) answers_us: Histogram<u64>,
    /// Commands that the write side, or the bench, had no room for.
    pub(in crate::bench) refused: u64,
    /// How long commands were sent.
    pub(in crate::bench) time: Duration,
}

/// Sends so many commands a second for so long, or until `stop`; returns once all are answered.
pub(in crate::bench) async fn send(
    bus: &Arc<dyn CommandBus>,
    mix: &Arc<Mix>,
    rate: f64,
    time: Duration,
    stop: &AtomicBool,
) -> Result<Sent> {
    let mut found = Sent { answers_us: latencies(), refused: 0, time };
    let (began, mut count, mut flying) = (Instant::now(), 0_u64, JoinSet::new());
    while began.elapsed() < time && !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * rate) as u64;
        while count < due {
            count += 1;
            if flying.len() >= IN_FLIGHT_MAX {
                found.refused += 1;
                continue;
            }
            let since = began + Duration::from_secs_f64(count as f64 / rate);
            flying.spawn(execute(bus.clone(), mix.clone(), mix.next(), since));
        }
        while let Some(answered) = flying.try_join_next() {
            found.add(answered.context("a caller panicked")??);
        }
        tokio::time::sleep(TICK).await;
    }
    found.time = began.elapsed();
    while let Some(answered) = flying.join_next().await {
        found.add(answered.context("a caller panicked")??);
    }
    Ok(found)
}

impl Sent {
    fn add(&mut self, answered: Option<Duration>) {
        match answered {
            Some(latency) => self.answers_us.saturating_record(micros(latency)),
            None => self.refused += 1,
        }
    }
}

/// Executes one command; nothing where there was no room for it.
async fn execute(bus: Arc<dyn CommandBus>, mix: Arc<Mix>, planned: Planned, since: Instant) -> Result<Option<Duration>> {
    match bus.execute(planned.envelope).await {
        Ok(receipt) => {
            let latency = since.elapsed();
            mix.heard(planned.about, receipt.id);
            Ok(Some(latency))
        }
        Err(CommandError::Overloaded) => Ok(None),
        Err(error) => bail!("a command failed: {error}"),
    }
}
