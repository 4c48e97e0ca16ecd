//! `cargo xtask clients`: real client libraries, unmodified, against the executable that users run.
//!
//! The server gets a folder of its own and free ports; the suites get its addresses in the environment
//! (`ROOST_URL`, `ROOST_OPS_URL`) and create their own accounts, so they run against any deployment.

mod counts;
mod in_roles;
mod suites;

use crate::server::{self, Addresses, Server};
use crate::tally::Tally;
use anyhow::{Context, Result};
use std::path::PathBuf;
use suites::Suite;
pub(crate) use suites::{junit, venv};

/// Which suites to run, and how.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Runs only one of the suites.
    #[arg(long, value_enum)]
    only: Option<Suite>,
    /// Keeps the server's data folder and log, and prints where they are.
    #[arg(long)]
    keep: bool,
    /// Runs against processes of one role each on real Kafka, CQL, Elasticsearch and a schema registry: those of `cargo xtask cluster up`,
    /// or ones that come and go with this command.
    #[arg(long, conflicts_with = "url")]
    cluster: bool,
    /// How many processes of each role.
    #[arg(long, requires = "cluster", default_value_t = 1)]
    each: usize,
    /// Starts this executable instead of building one.
    #[arg(long, conflicts_with = "url")]
    binary: Option<PathBuf>,
    /// Runs against a server that runs already (its public URL) instead of starting one; needs `--ops`.
    #[arg(long, requires = "ops")]
    url: Option<String>,
    /// The operators' URL of the server at `--url`.
    #[arg(long)]
    ops: Option<String>,
    /// Passed to the test runner, after `--`: for example `-k paging`.
    #[arg(last = true)]
    rest: Vec<String>,
}

impl Args {
    /// Against so many processes of each role on real servers, of the executable in that folder.
    pub(crate) fn in_roles(each: usize, executables: PathBuf) -> Self {
        Self { cluster: true, each, binary: Some(executables.join("roost")), ..Self::default() }
    }

    /// The shorter suite alone.
    pub(crate) fn only_js(self) -> Self {
        Self { only: Some(Suite::Js), ..self }
    }
}

/// Runs the suites and returns what they counted.
///
/// # Errors
/// Fails where the server cannot be built, started or stopped, or a suite could not run at all.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    if let (Some(url), Some(operators)) = (&args.url, &args.ops) {
        return run_suites(args, &|_| (url.clone(), operators.clone()));
    }
    if args.cluster {
        return in_roles::run(args);
    }
    let binary = server::built(args.binary.as_deref())?;
    let folder = tempfile::Builder::new().prefix("roost-clients-").disable_cleanup(args.keep).tempdir().context("cannot make a folder")?;
    let addresses = Addresses::free()?;
    let log = folder.path().join("server.log");
    let (server, ready) = Server::start(&binary, &folder.path().join("data"), &addresses, &log)?;
    println!("server ready at {} after {:.3} s", addresses.url(), ready.as_secs_f64());
    let counted = run_suites(args, &|_| (addresses.url(), addresses.operators_url()));
    if !matches!(counted, Ok(Tally { failed: 0, .. })) {
        println!("{}", server.log_tail());
    }
    let stopped = server.stop();
    if args.keep {
        println!("kept {}", folder.path().display());
    }
    let counted = counted?;
    stopped?;
    Ok(counted)
}

/// Runs each suite against the public and the operators' URL that `place` gives it, by its number.
fn run_suites(args: &Args, place: &dyn Fn(usize) -> (String, String)) -> Result<Tally> {
    let mut all = Tally::default();
    for (number, suite) in [Suite::Python, Suite::Js].into_iter().enumerate() {
        if args.only.is_none_or(|only| only == suite) {
            let (url, operators) = place(number);
            let counted = suite.run(&url, &operators, &args.rest)?;
            println!("{}: {counted}", suite.name());
            all += counted;
        }
    }
    Ok(all)
}
