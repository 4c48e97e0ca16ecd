//! `cargo xtask bench NAME`: measures one path of the platform, in release mode, and prints what it found as text or JSON.
//!
//! One file per path. A bench prints rates, percentiles, bytes and CPU-seconds together, since any one of them alone can be bought with
//! another.

mod append;
mod dice;
mod fanout;
mod gen_w1;
mod home;
mod http;
mod post;
mod report;
mod rows;
mod search;
mod text;
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
    Append(append::Args),
    /// Deliveries of posts into home timelines, in process, on workload W1.
    Fanout(fanout::Args),
    /// Pages of the home timeline, in process and over HTTP beside a static body of the same size.
    Home(home::Args),
    /// Posts over HTTP through the whole platform, beside a static body of the same size; only what settles counts.
    Post(post::Args),
    /// Indexing and searching posts through the search port, beside tantivy itself on the same documents.
    Search(search::Args),
    /// Workload W1 itself: its size, its shape and its checksum, the same for the same seed.
    Gen(gen_w1::Args),
}

/// Measures and prints; a build for development first starts its own release build, since its figures would mean nothing.
///
/// # Errors
/// Fails where the bench cannot run, or what it measures gives wrong results.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        return in_release();
    }
    let report = match &args.bench {
        Bench::Append(bench) => append::run(bench)?,
        Bench::Fanout(bench) => fanout::run(bench)?,
        Bench::Home(bench) => home::run(bench)?,
        Bench::Post(bench) => post::run(bench)?,
        Bench::Search(bench) => search::run(bench)?,
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

fn in_release() -> Result<ExitCode> {
    let mut command = crate::process::cargo();
    command.args(["run", "--release", "--quiet", "--package", "xtask", "--"]).args(std::env::args_os().skip(1));
    let status = command.status().context("cannot start the release build")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
