//! The other side of benches (performance.md, "Method"): systems that people would use instead, given the same work in the same run.
//!
//! Servers come from Debian's packages and are started here; what comes as a crate, and PostgreSQL's client, is the program in `peers/`,
//! a workspace of its own, which is built when it is asked for. Each peer's feeds or records equal the oracle's before they are timed.
//! docs/performance.md says how each is set up.

pub(super) mod append;
mod export;
pub(super) mod fanout;
mod fanout_postgres;
pub(super) mod home;
mod other;
mod postgres;
pub(super) mod rebuild;
mod rebuild_redis;
mod rebuild_rocks;
mod redis;
mod resp;
mod servers;

use std::time::Duration;

/// Turns of each side.
const TURNS: usize = 5;

/// Seconds, as figures have them.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// Each of these divided by that at its place.
pub(super) fn ratios(these: &[f64], those: &[f64]) -> Vec<f64> {
    these.iter().zip(those).map(|(this, that)| this / that.max(f64::MIN_POSITIVE)).collect()
}
