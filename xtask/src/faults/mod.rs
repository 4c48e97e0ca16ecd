//! `cargo xtask faults --kill9 N`: kills the server under load, N times at random moments, and proves that nothing acknowledged was lost
//! and nothing was done twice (docs: invariant I1 of the fault plan).
//!
//! Writers note each attempt before they send it and its outcome after. After every restart each account's statuses, read through the
//! API, must hold every acknowledged one exactly once and every unanswered one at most once; then the unanswered ones are sent again under
//! the same idempotency keys, and must end up there exactly once. At the end `replay-tools verify` re-folds the log and compares every row.

mod check;
mod journal;
mod load;

use crate::server::{self, Addresses, Server};
use crate::tally::Tally;
use crate::{process, root};
use anyhow::{Context, Result};
use journal::Journal;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Accounts that write at the same time; each has a connection of its own.
const WRITERS: usize = 8;
/// A kill comes at a random moment of this stretch after the load started.
const KILL_WITHIN_MS: u64 = 500;
/// Longest time from the start after a kill to being ready.
const READY_MAX: Duration = Duration::from_secs(5);

/// Which faults, and how many.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many times to kill the server with SIGKILL.
    #[arg(long, default_value_t = 10)]
    pub(crate) kill9: u32,
    /// Decides the moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder with the executables `roost` and `replay-tools`, instead of building them.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Keeps the data folder, the server's log and the journal, and prints where they are.
    #[arg(long)]
    keep: bool,
}

impl Default for Args {
    /// The short run of continuous integration.
    fn default() -> Self {
        Self { kill9: 10, seed: 1, binaries: None, keep: false }
    }
}

/// Who writes.
#[derive(Debug, Clone, serde::Deserialize)]
struct Writer {
    username: String,
    id: String,
    token: String,
}

/// Runs the kills and returns how many rounds held.
///
/// # Errors
/// Fails at the first round that does not hold, since later ones would build on a broken state.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    let binaries = match &args.binaries {
        Some(folder) => folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?,
        None => build()?,
    };
    let (roost, replay_tools) = (binaries.join("roost"), binaries.join("replay-tools"));
    let folder = tempfile::Builder::new().prefix("roost-faults-").disable_cleanup(true).tempdir().context("cannot make a folder")?;
    let ran = rounds(args, &roost, folder.path()).and_then(|tally| verify(&replay_tools, &folder.path().join("data")).map(|()| tally));
    let path = folder.keep();
    if args.keep || ran.is_err() {
        println!("faults: kept {}", path.display());
    } else {
        std::fs::remove_dir_all(&path).context("cannot remove the folder")?;
    }
    let mut tally = ran?;
    tally += Tally::one(true);
    Ok(tally)
}

/// Builds the executables and returns their folder.
fn build() -> Result<PathBuf> {
    server::build()?;
    process::run(process::cargo().args(["build", "--release", "--package", "replay-tools"]))?;
    Ok(root::target()?.join("release"))
}

fn rounds(args: &Args, roost: &Path, folder: &Path) -> Result<Tally> {
    let (data, log): (PathBuf, PathBuf) = (folder.join("data"), folder.join("server.log"));
    let writers = create_writers(roost, &data)?;
    let addresses = Addresses::free()?;
    let mut journal = Journal::create(&folder.join("journal.jsonl"))?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let (mut slowest, mut latest) = (Duration::ZERO, Duration::ZERO);
    let (mut server, _) = Server::start(roost, &data, &addresses, &log)?;
    for round in 1..=args.kill9 {
        let moment = Duration::from_millis(random.random_range(0..KILL_WITHIN_MS));
        journal.add(load::run(&addresses.url(), &writers, round, || {
            std::thread::sleep(moment);
            server.kill()
        })?)?;
        let (restarted, ready) = Server::start(roost, &data, &addresses, &log)?;
        server = restarted;
        slowest = slowest.max(ready);
        anyhow::ensure!(ready <= READY_MAX, "round {round}: ready only after {:.1} s\n{}", ready.as_secs_f64(), server.log_tail());
        let url = addresses.url();
        let caught_up = check::all(&url, &writers, &journal);
        latest = latest.max(caught_up.with_context(|| format!("round {round}, seed {}\n{}", args.seed, server.log_tail()))?);
        let unanswered = journal.unanswered().len();
        journal.settle(load::again(&url, &writers, &journal.unanswered())?)?;
        check::all(&url, &writers, &journal).with_context(|| format!("round {round}, seed {}, after sending again", args.seed))?;
        println!("faults: round {round}: killed after {} ms, {} in all, {unanswered} sent again", moment.as_millis(), journal.counts());
    }
    server.stop()?;
    println!("faults: {} kills, {}", args.kill9, journal.counts());
    println!("faults: slowest start {} ms, views behind for {} ms at most after it", slowest.as_millis(), latest.as_millis());
    Ok(Tally { passed: u64::from(args.kill9), failed: 0 })
}

fn create_writers(roost: &Path, data: &Path) -> Result<Vec<Writer>> {
    let count = WRITERS.to_string();
    let output =
        server::command(roost).args(["accounts", "create", "--count", &count, "--prefix", "writer", "--data"]).arg(data).output()?;
    anyhow::ensure!(output.status.success(), "cannot create accounts: {}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8(output.stdout).context("accounts are printed as text")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not an account: {line}"))).collect()
}

/// Re-folds the log and compares every row of every view with what is stored.
fn verify(replay_tools: &Path, data: &Path) -> Result<()> {
    process::run(Command::new(replay_tools).args(["verify", "--data"]).arg(data)).context("the views differ from what the log says")
}
