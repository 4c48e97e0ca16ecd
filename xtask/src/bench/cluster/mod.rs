//! Benches on real servers: the log on Kafka, home timelines on CQL, search on Elasticsearch, each beside the bare tool or loader of its
//! server. Each part starts its server and ends it before the next one starts.
//!
//! They need the clients of a cluster's servers: where this program was built without its feature `cluster`, `bench` starts a build with
//! it, so that everybody else's stays small.

#[cfg(feature = "cluster")]
mod log;
#[cfg(feature = "cluster")]
mod search;
#[cfg(feature = "cluster")]
mod timelines;

use anyhow::Result;

use super::report::Report;

/// Whether this build has the clients.
pub(super) const HAS_CLIENTS: bool = cfg!(feature = "cluster");

/// What to measure on real servers, and how much of it.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "read by the build with the clients"))]
pub(crate) struct Args {
    /// Only these parts, by commas; all by default.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Turns of each side; one before them warms the server up and does not count.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    timelines: TimelinesArgs,
    #[command(flatten)]
    search: SearchArgs,
}

/// A part of the bench: one port on its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Kafka, beside kafka-producer-perf-test and kafka-consumer-perf-test.
    Log,
    /// CQL, beside a prepared statement that writes a row for each delivery.
    Timelines,
    /// Elasticsearch, beside a bare loader of `_bulk` requests.
    Search,
}

impl Part {
    #[cfg(feature = "cluster")]
    const ALL: [Self; 3] = [Self::Log, Self::Timelines, Self::Search];
}

/// How much to measure of the log on Kafka.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "read by the build with the clients"))]
struct LogArgs {
    /// Log: records of a turn.
    #[arg(long, default_value_t = 1_000_000)]
    log_records: u64,
    /// Log: partitions.
    #[arg(long, default_value_t = 6)]
    log_partitions: u16,
    /// Log: records of one call to append.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=4_096))]
    log_call_records: u64,
    /// Log: a property of librdkafka, as `name=value`; again for more.
    #[arg(long)]
    log_set: Vec<String>,
}

/// How much to measure of home timelines on CQL.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "read by the build with the clients"))]
struct TimelinesArgs {
    /// Timelines: readers, all of whom read: each has a seat.
    #[arg(long, default_value_t = 3_000)]
    readers: u32,
    /// Timelines: authors.
    #[arg(long, default_value_t = 750)]
    authors: u32,
    /// Timelines: draws of a reader for each author's audience.
    #[arg(long, default_value_t = 60)]
    audience: u32,
    /// Timelines: posts of a turn.
    #[arg(long, default_value_t = 4_480)]
    posts: u32,
}

/// How much to measure of search on Elasticsearch.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "read by the build with the clients"))]
struct SearchArgs {
    /// Search: posts of workload W1 that each side indexes in a turn.
    #[arg(long, default_value_t = 100_000)]
    documents: u32,
}

/// Measures the parts one after another.
///
/// # Errors
/// Fails where a server does not start, a tool fails, or a part finds wrong results.
#[cfg(feature = "cluster")]
pub(super) fn run(args: &Args) -> Result<Report> {
    use anyhow::Context;

    let mut report = Report::new("cluster");
    super::report::forget_peak_memory();
    for part in Part::ALL.into_iter().filter(|part| args.only.is_empty() || args.only.contains(part)) {
        eprintln!("bench: {part:?}");
        let measured = match part {
            Part::Log => log::run(&args.log, args.runs, &mut report),
            Part::Timelines => timelines::run(&args.timelines, args.runs, &mut report),
            Part::Search => search::run(&args.search, args.runs, &mut report),
        };
        measured.with_context(|| format!("{part:?}"))?;
    }
    report.add_peak_memory();
    Ok(report)
}

#[cfg(not(feature = "cluster"))]
pub(super) fn run(_: &Args) -> Result<Report> {
    anyhow::bail!("this build has no clients of a cluster's servers: build with `--features cluster`")
}

/// What one side reached of the other, turn by turn.
#[cfg(feature = "cluster")]
fn ratios(these: &[f64], those: &[f64]) -> Vec<f64> {
    these.iter().zip(those).map(|(this, that)| this / that).collect()
}
