//! `cargo xtask bench NAME`: measures one path of the platform, in release mode, and prints what it found as text or JSON.
//!
//! One file per path. A bench prints rates, percentiles, bytes and CPU-seconds together, since any one of them alone can be bought with
//! another.

mod append;
mod cluster;
mod dice;
mod fanout;
mod folder;
mod gen_w1;
mod history;
mod home;
mod http;
mod peers;
mod pipeline;
mod policy;
mod post;
mod raw_rings;
mod rebuild;
mod report;
mod rows;
mod search;
mod text;
mod visible;
mod w1;

use anyhow::{Context, Result};
use report::Report;
use std::process::ExitCode;

/// Which path to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    bench: Bench,
    /// Prints one line of JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Bench {
    /// Commands through the write side, in process: decide, encode, group commit, fsync, acknowledge.
    ///
    /// Every account of workload W1 is opened first; who publishes is drawn by its rates. In the same run bare threads write and sync
    /// blocks of the same bytes. At the end the log holds as many records as were acknowledged, or the bench fails.
    Append(append::Args),
    /// Deliveries of posts into home timelines, in process, on workload W1.
    ///
    /// Every edge of the graph is pushed; first to the accounts that read, then to everybody. Bare writes of 16-byte entries into rings of the
    /// same shape take turns with it; `of_limit` is the ratio. Feeds equal the naive reference before and after, or the bench fails.
    Fanout(fanout::Args),
    /// Pages of the home timeline, in process and over HTTP beside a static body of the same size.
    ///
    /// The graph is all of workload W1; of its readers, --readers evenly spread ones (and --cold-readers more) are there with all whom they
    /// follow, the others only as authors. Readers come by their rates in W1; some pages are deeper ones, some of cold timelines. `home`
    /// is that mix, `home_hot` newest pages of hot timelines alone, `static` a body of the same size; they take turns. Last, the mix at half
    /// the rate with open-loop arrivals. Ids equal the naive reference before anything is timed, or the bench fails.
    Home(home::Args),
    /// Posts over HTTP through the whole platform, beside a static body of the same size; only what settles counts.
    ///
    /// Every account of workload W1 is opened by commands and has a token; who posts is drawn by W1's rates. Of its readers, --readers evenly
    /// spread ones are there with all whom they follow, and have hot timelines. `settled_rate` counts posts whose records were in all
    /// views within two seconds; `settle` is that delay, for every record; `visible_to_author`, `visible_to_follower` and `searchable` follow
    /// single posts from their sending until a reader or a searcher sees them. Last, half the rate with open-loop arrivals. At the end the
    /// views count what was acknowledged and homes are what it comes to, or the bench fails.
    Post(post::Args),
    /// The highest rate of W1's writes that the whole write side sustains: every view, search included, lags less than a second.
    ///
    /// In process through the command bus, open loop, on embedded stores with fsync. Of 100 writes 55 are posts, 25 reblogs, 15 replies and
    /// 5 changes of follows, beside them 5 favourites for each post: 375 commands, at random. The rate is doubled until it does not hold
    /// for --step-seconds in two tries, then bisected; the one found must hold for --seconds, or the next tries a tenth less. A lag is the age of the
    /// oldest record that a view does not have; `served` is what readers wait for, timelines included; `search` counts what is found.
    /// At the end counts, samples of favourites and searches, and homes of 50 readers are what was acknowledged, or the bench fails.
    Pipeline(pipeline::Args),
    /// Indexing and searching posts through the search port, beside tantivy itself on the same documents.
    ///
    /// tantivy itself indexes on one thread and on all cores, in as much memory as it likes and one commit, and finds the newest 20 by a
    /// collector over all segments. Both give the same hits, and a sample those of a look at every document, or the bench fails.
    Search(search::Args),
    /// All home timelines rebuilt, in process, on workload W1: forward and newest-first.
    ///
    /// Forward, every post of a history is delivered in order to everybody who reads, by the engine on two threads and by bare writes of
    /// 16-byte entries into rings of the same shape, in turns; `forward_of_limit` is their ratio. Newest-first, rings are filled by a first
    /// page from the newest posts of whom each reader follows, for histories of 1, 4 and 16 times the length in turns; what a reader costs
    /// must not follow the length. A --peer loads the same in bulk. Whole timelines of some readers equal the naive reference, or the bench
    /// fails.
    Rebuild(rebuild::Args),
    /// Adaptive push and pull beside push-all, pull-all and fixed thresholds, in process: processor time per served page.
    ///
    /// Four regimes: W1's own mix of 65 reads to a post; ten posts to a read; bursts of ten posts by a celebrity every hour; nine of ten
    /// readers gone idle. Every policy goes through the same posts and reads, days by a clock of its own, in turns; deliveries and reads count
    /// together, ids only, and all of whom a page is made of are in memory. `adaptive_of_best` is below one where adaptive wins. Pages
    /// equal the naive reference at the moment at which they are served, or the bench fails.
    Policy(policy::Args),
    /// The log, home timelines and search on real servers, each beside the bare tool or loader of its server.
    ///
    /// Starts Kafka, Cassandra and Elasticsearch one after another and ends them. `log_`: records appended and read beside
    /// kafka-producer-perf-test and kafka-consumer-perf-test of the same sizes, partitions, acks and batching. `timelines_`: deliveries in
    /// packed blocks beside a prepared statement that writes a row for each, as many in flight. `search_`: posts through the search port
    /// beside plain `_bulk` requests, as many in flight. Sides take turns. The log must hold what was acknowledged, pages what was
    /// delivered, both indexes the same documents, or the bench fails.
    Cluster(cluster::Args),
    /// How soon a post is seen, by its author, a follower and a searcher, at half of what the whole write side carries.
    ///
    /// The platform and the writers are those of `pipeline`; its short steps find the full load, unless --rate says what half of it is.
    /// Posts of their own, fifty a second, are followed from when each was due. `celebrity_post_complete`: until a post of the most
    /// followed account, whom 30 % of all follow, is in the timeline of every hot follower. `burst`: everybody else's posts while that
    /// account posts ten times in ten seconds, beside the ten seconds before. At the end everything acknowledged is in the views, or the
    /// bench fails.
    Visible(visible::Args),
    /// Workload W1 itself: its size, its shape and its checksum, the same for the same seed.
    Gen(gen_w1::Args),
}

/// Measures and prints; a build for development first starts its own release build, since its figures would mean nothing.
///
/// # Errors
/// Fails where the bench cannot run, or what it measures gives wrong results.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let on_servers = matches!(args.bench, Bench::Cluster(_));
    if cfg!(debug_assertions) || (on_servers && !cluster::HAS_CLIENTS) {
        return in_release(on_servers);
    }
    let report = match &args.bench {
        Bench::Append(bench) => append::run(bench)?,
        Bench::Fanout(bench) => fanout::run(bench)?,
        Bench::Home(bench) => home::run(bench)?,
        Bench::Pipeline(bench) => pipeline::run(bench)?,
        Bench::Post(bench) => post::run(bench)?,
        Bench::Search(bench) => search::run(bench)?,
        Bench::Rebuild(bench) => rebuild::run(bench)?,
        Bench::Policy(bench) => policy::run(bench)?,
        Bench::Cluster(bench) => cluster::run(bench)?,
        Bench::Visible(bench) => visible::run(bench)?,
        Bench::Gen(bench) => gen_w1::run(bench)?,
    };
    print_report(&report, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn print_report(report: &Report, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

fn in_release(on_servers: bool) -> Result<ExitCode> {
    let features: &[&str] = if on_servers { &["--features", "cluster"] } else { &[] };
    let mut command = crate::process::cargo();
    command.args(["run", "--release", "--quiet", "--package", "xtask"]).args(features).arg("--").args(std::env::args_os().skip(1));
    let status = command.status().context("cannot start the release build")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
