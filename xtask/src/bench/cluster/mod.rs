//! Benches on real servers, which they start and end. They need the clients of a cluster's servers: where this program was built without its
//! feature `cluster`, `bench` starts a build with it, so that everybody else's stays small.

#[cfg(feature = "cluster")]
mod log;
#[cfg(feature = "cluster")]
mod timelines;

use super::report::Report;

/// Whether this build has the clients.
pub(super) const HAS_CLIENTS: bool = cfg!(feature = "cluster");

/// How much to measure of home timelines on CQL.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "read by the build with the clients"))]
pub(crate) struct TimelinesArgs {
    /// Readers, all of whom read: each has a seat.
    #[arg(long, default_value_t = 3_000)]
    readers: u32,
    /// Authors.
    #[arg(long, default_value_t = 750)]
    authors: u32,
    /// Draws of a reader for each author's audience.
    #[arg(long, default_value_t = 60)]
    audience: u32,
    /// Posts of a turn.
    #[arg(long, default_value_t = 4_480)]
    posts: u32,
    /// Turns of each side.
    #[arg(long, default_value_t = 3)]
    runs: u32,
}

/// Measures home timelines on CQL beside a row for each delivery.
///
/// # Errors
/// Fails where Cassandra does not start, or a page differs from what it must be.
#[cfg(feature = "cluster")]
pub(super) fn timelines(args: &TimelinesArgs) -> anyhow::Result<Report> {
    timelines::run(args)
}

#[cfg(not(feature = "cluster"))]
pub(super) fn timelines(_: &TimelinesArgs) -> anyhow::Result<Report> {
    anyhow::bail!("this build has no clients of a cluster's servers: build with `--features cluster`")
}

/// How much to measure of the log on Kafka.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "read by the build with the clients"))]
pub(crate) struct LogArgs {
    /// Records of a turn.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Partitions.
    #[arg(long, default_value_t = 6)]
    partitions: u16,
    /// Turns of each side.
    #[arg(long, default_value_t = 3)]
    runs: u32,
}

/// Measures the log on Kafka beside Kafka's own tools.
///
/// # Errors
/// Fails where Kafka does not start, a tool fails, or the log does not hold what was acknowledged.
#[cfg(feature = "cluster")]
pub(super) fn log(args: &LogArgs) -> anyhow::Result<Report> {
    log::run(args)
}

#[cfg(not(feature = "cluster"))]
pub(super) fn log(_: &LogArgs) -> anyhow::Result<Report> {
    anyhow::bail!("this build has no clients of a cluster's servers: build with `--features cluster`")
}
