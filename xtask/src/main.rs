//! Developer commands: `cargo xtask <command>`. One file or folder per command; this one only dispatches, so that
//! its list of modules reads as the list of what a developer can ask for.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line's output is its terminal")]

mod bench;
mod ci;
mod clients;
mod cluster;
mod deploy;
mod faults;
mod fleet;
mod golden;
mod openapi;
mod pages;
mod process;
mod root;
mod server;
mod tally;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tally::Tally;

/// Many small allocations that one thread makes and another frees: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Developer commands of Roost.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything that continuous integration runs after `cargo test --workspace`.
    Ci(ci::Args),
    /// Checks the rules of the house that the compiler does not: crate arrows, purity, headers, sizes, snapshots.
    Tidy,
    /// Runs the Mastodon.py and masto suites against a freshly started server.
    Clients(clients::Args),
    /// Starts and stops real servers on this machine: Kafka, CQL, Elasticsearch and a schema registry.
    Cluster(cluster::Args),
    /// Checks infra/deploy as far as that goes without a container engine.
    DeployLint,
    /// Looks at the pages in headless Chromium, on a freshly started server with the demo in it.
    Pages(pages::Args),
    /// Measures one path of the platform in release mode.
    Bench(bench::Args),
    /// Kills the server under load and proves that nothing acknowledged was lost or done twice.
    Faults(faults::Args),
    /// Writes docs/openapi.json from the table of operations.
    Openapi(openapi::Args),
    /// Checks that golden files only grow: bytes at rest are forever.
    Golden(golden::Args),
}

fn main() -> ExitCode {
    let ran = match Cli::parse().command {
        Command::Ci(args) => ci::run(&args).map(finish),
        Command::Tidy => tidy::run().map(finish),
        Command::Clients(args) => clients::run(&args).map(finish),
        Command::Cluster(args) => cluster::run(&args),
        Command::DeployLint => deploy::run().map(finish),
        Command::Pages(args) => pages::run(&args).map(finish),
        Command::Bench(args) => bench::run(&args),
        Command::Faults(args) => faults::run(&args).map(finish),
        Command::Openapi(args) => openapi::run(&args).map(finish),
        Command::Golden(args) => golden::run(&args).map(finish),
    };
    match ran {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the closing counts, and fails if anything did.
fn finish(tally: Tally) -> ExitCode {
    println!("{tally}");
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
