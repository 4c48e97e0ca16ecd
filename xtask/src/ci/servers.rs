//! The suites that need real servers: every adapter of a cluster against Kafka, CQL, Elasticsearch and a schema registry that are started for it
//! and end with it, whatever becomes of the suites.
//!
//! Everything is built first and with one set of features, so nothing is built twice and no compiler takes the servers' time. A suite whose
//! server is not named fails: none of them skips.

use crate::cluster::{Cluster, Kind, Options};
use crate::tally::Tally;
use crate::{process, root};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The suites, and the servers that they need.
const SUITES: [(&str, Kind); 9] = [
    ("log_kafka", Kind::Kafka),
    ("notices_kafka", Kind::Kafka),
    ("copy_kafka", Kind::Kafka),
    ("cql_views", Kind::Cql),
    ("cql_timelines", Kind::Cql),
    ("cql_blobs", Kind::Cql),
    ("elastic", Kind::Elastic),
    ("schema_registry", Kind::Registry),
    // Last, for it crashes the broker.
    ("log_kafka_restart", Kind::Kafka),
];

/// What suites and executables are built with: one set, so that nothing is built twice.
const FEATURES: [&str; 3] = ["--workspace", "--features", "roost/cluster,infra/contract,replay-tools/cluster"];

/// Where the executables are that [`build`] makes: for development, since what is asked of them here is not how fast they are.
pub(super) fn executables() -> Result<PathBuf> {
    Ok(root::target()?.join("debug"))
}

/// Builds the suites, and the executables that reach servers.
///
/// # Errors
/// Fails where something cannot be built.
pub(super) fn build() -> Result<Tally> {
    process::run(tests().arg("--no-run").args(SUITES.iter().flat_map(|(suite, _)| ["--test", suite])))?;
    process::run(process::cargo().arg("build").args(FEATURES).args(["--bin", "roost", "--bin", "replay-tools"]))?;
    Ok(Tally::one(true))
}

/// Runs every suite on servers of its own and returns how many tests passed and failed.
///
/// # Errors
/// Fails where a server does not start.
pub(super) fn run() -> Result<Tally> {
    let began = Instant::now();
    let cluster = Cluster::up(&Options { kinds: Kind::ALL.to_vec(), brokers: 1 })?;
    let up = began.elapsed().as_secs_f64();
    let mut all = Tally::default();
    let mut lines = Vec::new();
    for (suite, _) in SUITES {
        let started = Instant::now();
        let tally = run_suite(suite, &cluster).unwrap_or_else(|error| {
            println!("error: {error:#}");
            Tally::one(false)
        });
        lines.push(format!("  {suite:<20}{tally}  ({:.0} s)", started.elapsed().as_secs_f64()));
        all += tally;
    }
    println!("servers up in {up:.0} s\n{}", lines.join("\n"));
    if all.failed == 0 {
        cluster.down()?;
    } else {
        println!("what the servers logged is kept in {}", cluster.keep()?.display());
    }
    Ok(all)
}

fn tests() -> Command {
    let mut command = process::cargo();
    command.arg("test").args(FEATURES);
    command
}

/// Runs a suite and counts its tests; one that counts none has failed.
fn run_suite(suite: &str, cluster: &Cluster) -> Result<Tally> {
    let mut command = tests();
    command.args(["--no-fail-fast", "--test", suite]).envs(cluster.environment()).stdout(Stdio::piped());
    println!("--> {suite}");
    let mut child = command.spawn().with_context(|| format!("cannot start the suite {suite}"))?;
    let output = child.stdout.take().context("the output of a suite is piped")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("the output of a suite cannot be read")?;
        println!("{line}");
        tally += counted(&line).unwrap_or_default();
    }
    let status = child.wait().context("cannot wait for a suite")?;
    if tally == Tally::default() || status.success() != (tally.failed == 0) {
        println!("error: {suite} ended with {status} after {tally}");
        tally += Tally::one(false);
    }
    Ok(tally)
}

/// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; ..`. What was ignored counts as failed: nothing is left out here.
fn counted(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let part = counts.split(';').map(str::trim).find_map(|part| part.strip_suffix(what));
        part.and_then(|number| number.trim().parse::<u64>().ok())
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")? + count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_last_line_of_a_suite() {
        let check = |line: &str, expected: Option<(u64, u64)>| {
            assert_eq!(counted(line), expected.map(|(passed, failed)| Tally { passed, failed }), "{line}");
        };
        check("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.02s", Some((12, 0)));
        check("test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 390.38s", Some((4, 3)));
        check("test keeps_the_contract ... ok", None);
        check("test result: what?", None);
    }

    #[test]
    fn every_kind_of_server_has_a_suite() {
        for kind in Kind::ALL {
            assert!(SUITES.iter().any(|(_, needed)| *needed == kind), "{kind:?}");
        }
    }
}
