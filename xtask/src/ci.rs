//! `cargo xtask ci`: what continuous integration runs after `cargo test --workspace`. Every step runs even where an
//! earlier one failed, so that one run tells all; the counts of all steps close it. Real servers have their steps there; `--cluster` runs
//! only those, and all of each.

mod servers;

use crate::tally::Tally;
use crate::{clients, deploy, faults, golden, openapi, pages, process, root, server, tidy};
use anyhow::Result;
use std::time::Instant;

/// Which steps: otherwise everybody runs the same.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Runs only the steps that need real servers, which it starts (Kafka, CQL, Elasticsearch, a schema registry), with one process of each
    /// role as well as with two, and every fault.
    #[arg(long)]
    cluster: bool,
}

/// A step's name and what runs it.
type Step = (&'static str, fn() -> Result<Tally>);

const STEPS: [Step; 15] = [
    ("format", format),
    ("clippy", clippy),
    ("tidy", tidy::run),
    ("deploy-lint", deploy::run),
    ("golden", || golden::run(&golden::Args::default())),
    ("openapi", || openapi::run(&openapi::Args { check: true })),
    ("release build", build),
    ("clients", || clients::run(&clients::Args::default())),
    ("pages", || pages::run(&pages::Args::default())),
    ("kill -9", || faults::run(&faults::Args::default())),
    ("short benches", benches),
    ("cluster build", servers::build),
    ("server suites", servers::run),
    ("js, 2 each", || clients::run(&clients::Args::in_roles(2, servers::executables()?).only_js())),
    ("short faults", || faults::run(&faults::Args::on_a_cluster(servers::executables()?, faults::SHORT))),
];

/// The steps on real servers, whole.
const CLUSTER_STEPS: [Step; 5] = [
    ("cluster build", servers::build),
    ("server suites", servers::run),
    ("clients, 1 each", || clients::run(&clients::Args::in_roles(1, servers::executables()?))),
    ("clients, 2 each", clients_2_each),
    ("faults", || faults::run(&faults::Args::on_a_cluster(servers::executables()?, &[]))),
];

/// The benches with the arguments that keep them short.
const SHORT_BENCHES: [&[&str]; 9] = [
    &["append", "--accounts", "20000", "--seconds", "1", "--runs", "1", "--in-flight", "1024"],
    &["fanout", "--accounts", "5000"],
    &["home", "--accounts", "10000", "--readers", "100", "--cold-readers", "100", "--seconds", "3"],
    &["pipeline", "--accounts", "3000", "--readers", "300", "--seconds", "3", "--step-seconds", "1"],
    &["post", "--accounts", "3000", "--readers", "300", "--connections", "64", "--seconds", "3"],
    &["rebuild", "--accounts", "5000", "--sampled-readers", "500"],
    &["policy", "--accounts", "1000", "--turns", "1"],
    &["search", "--documents", "50000", "--queries", "50", "--runs", "1", "--seconds", "1"],
    &["visible", "--accounts", "3000", "--readers", "300", "--seconds", "2", "--rate", "500"],
];

/// Runs every step and returns the sum of what they counted.
///
/// # Errors
/// Never fails as a whole: a step that could not run counts as failed.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    std::env::set_current_dir(root::workspace()?)?;
    let mut all = Tally::default();
    let mut lines = Vec::new();
    let steps: &[Step] = if args.cluster { &CLUSTER_STEPS } else { &STEPS };
    for (name, step) in steps {
        println!("==> {name}");
        let started = Instant::now();
        let tally = step().unwrap_or_else(|error| {
            println!("error: {error:#}");
            Tally::one(false)
        });
        lines.push(format!("{name:<16}{tally}  ({:.0} s)", started.elapsed().as_secs_f64()));
        all += tally;
    }
    println!("==> summary\n{}", lines.join("\n"));
    Ok(all)
}

fn format() -> Result<Tally> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Tally::one(true))
}

fn clippy() -> Result<Tally> {
    process::run(process::cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    Ok(Tally::one(true))
}

fn build() -> Result<Tally> {
    server::build()?;
    Ok(Tally::one(true))
}

fn clients_2_each() -> Result<Tally> {
    clients::run(&clients::Args::in_roles(2, servers::executables()?))
}

/// Runs each bench briefly: that it still runs and its results are right, not how fast it is on this machine.
fn benches() -> Result<Tally> {
    let mut tally = Tally::default();
    for bench in SHORT_BENCHES {
        let ran =
            process::run(process::cargo().args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "--json"]).args(bench));
        if let Err(error) = &ran {
            println!("error: {error:#}");
        }
        tally += Tally::one(ran.is_ok());
    }
    Ok(tally)
}
