//! `cargo xtask faults --kill9 N`: kills the server under load, N times at random moments, and proves that nothing acknowledged was lost
//! and nothing was done twice (docs: invariants I1 and I3 of the fault plan).
//!
//! Writers post, reply, reblog, favourite, follow, block and take all that back. They append each attempt to a journal before they send it,
//! and its outcome after. In every second round the views are being rebuilt when the kill comes. After every restart the API must show what
//! the journal asks for; what had no answer is sent again under the same idempotency keys; then the log must hold every acknowledged
//! command exactly once, and `verify` must find every row and document as the log says.
//!
//! `--check FOLDER` does the same for the folder of a harness that was itself killed.

mod action;
mod check;
mod choose;
mod cluster;
mod journal;
mod known;
mod load;
mod rebuild;

use crate::server::{self, Addresses, Server};
use crate::tally::Tally;
use crate::{process, root};
use anyhow::{Context, Result};
use check::{api, log};
use cluster::Fault;
pub(crate) use cluster::SHORT;
use journal::Journal;
use load::Round;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Accounts that write at the same time; each has a connection of its own.
const WRITERS: usize = 8;
/// Accounts that do nothing: they are followed and blocked.
const BYSTANDERS: usize = 4;
/// A kill comes at a random moment of this stretch after the load started.
const KILL_WITHIN_MS: u64 = 500;
/// Time from the start after a kill to being ready beyond which a start is told of: how busy the machine is must not fail the run.
const READY_MAX: Duration = Duration::from_secs(5);
/// How long after being ready the views may trail what the log held when it was opened.
const CATCH_UP: Duration = Duration::from_secs(5);
/// Keeps the seeds of rounds and writers apart.
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which faults, and how many.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many times to kill the server with SIGKILL.
    #[arg(long, default_value_t = 10)]
    pub(crate) kill9: u32,
    /// Decides the moments of the kills, and what is written.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder with the executables `roost` and `replay-tools`, instead of building them.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Keeps the data folder, the server's log and the journal, and prints where they are.
    #[arg(long)]
    keep: bool,
    /// Injects faults into a cluster instead: processes in their roles on real servers with three Kafka brokers, this many times each of
    /// `--faults`.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["kill9", "check"])]
    cluster: Option<u32>,
    /// Which of them, by commas; all by default.
    #[arg(long, value_enum, value_delimiter = ',', requires = "cluster")]
    faults: Vec<Fault>,
    /// Writes nothing new: checks the kept folder of a run that was killed itself.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["kill9", "keep"])]
    check: Option<PathBuf>,
}

impl Default for Args {
    /// The short run of continuous integration.
    fn default() -> Self {
        Self { kill9: 10, seed: 1, binaries: None, keep: false, cluster: None, faults: Vec::new(), check: None }
    }
}

impl Args {
    /// Each of those faults of a cluster once, or of all where none is named, with the executables in that folder.
    pub(crate) fn on_a_cluster(executables: PathBuf, faults: &[Fault]) -> Self {
        Self { cluster: Some(1), binaries: Some(executables), faults: faults.to_vec(), ..Self::default() }
    }
}

/// An account with its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Account {
    username: String,
    id: String,
    token: String,
}

/// Who takes part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Cast {
    writers: Vec<Account>,
    bystanders: Vec<Account>,
}

/// The executables.
struct Binaries {
    roost: PathBuf,
    replay_tools: PathBuf,
}

/// A run's folder: the server's data, its log, the journal.
struct Folder {
    data: PathBuf,
    log: PathBuf,
    journal: PathBuf,
}

impl Folder {
    fn of(path: &Path) -> Self {
        Self { data: path.join("data"), log: path.join("server.log"), journal: path.join("journal.jsonl") }
    }
}

/// Runs the kills and returns how many checks held.
///
/// # Errors
/// Fails at the first round that does not hold, since later ones would build on a broken state.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    if let Some(times) = args.cluster {
        return cluster::run(times, args);
    }
    let binaries = binaries(args)?;
    if let Some(folder) = &args.check {
        return check_kept(&binaries, &Folder::of(folder));
    }
    let path = tempfile::Builder::new().prefix("roost-faults-").disable_cleanup(true).tempdir().context("cannot make a folder")?.keep();
    println!("faults: working in {}", path.display());
    let ran = rounds(args, &binaries, &Folder::of(&path));
    if args.keep || ran.is_err() {
        println!("faults: kept {}", path.display());
    } else {
        std::fs::remove_dir_all(&path).context("cannot remove the folder")?;
    }
    ran
}

fn binaries(args: &Args) -> Result<Binaries> {
    let folder = match &args.binaries {
        Some(folder) => folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?,
        None => {
            server::build()?;
            process::run(process::cargo().args(["build", "--release", "--package", "replay-tools"]))?;
            root::target()?.join("release")
        }
    };
    Ok(Binaries { roost: folder.join("roost"), replay_tools: folder.join("replay-tools") })
}

/// What the rounds took at the most.
#[derive(Default)]
struct Slowest {
    start: Duration,
    behind: Duration,
    /// Starts that took longer than they should.
    late: u32,
}

fn rounds(args: &Args, binaries: &Binaries, folder: &Folder) -> Result<Tally> {
    let cast =
        Cast { writers: create(binaries, folder, WRITERS, "writer")?, bystanders: create(binaries, folder, BYSTANDERS, "bystander")? };
    let (addresses, journal) = (Addresses::free()?, Journal::create(&folder.journal, cast)?);
    let mut random = StdRng::seed_from_u64(args.seed);
    let (mut slowest, mut rebuilding) = (Slowest::default(), 0);
    let (mut server, _) = Server::start(&binaries.roost, &folder.data, &addresses, &folder.log)?;
    for number in 1..=args.kill9 {
        let began = Instant::now();
        let moment = Duration::from_millis(random.random_range(0..KILL_WITHIN_MS));
        let rebuild_after = (number % 2 == 0).then(|| moment.mul_f64(random.random_range(0.0..1.0)));
        let mut was_rebuilding = false;
        let round = Round { number, seed: args.seed.wrapping_add(u64::from(number).wrapping_mul(SEED_STEP)) };
        load::run(&addresses.url(), &journal, &round, || {
            was_rebuilding = rebuild::kill(&binaries.replay_tools, &addresses.operators_url(), &mut server, moment, rebuild_after)?;
            Ok(())
        })?;
        let (restarted, ready) = Server::start(&binaries.roost, &folder.data, &addresses, &folder.log)?;
        server = restarted;
        slowest.start = slowest.start.max(ready);
        slowest.late += u32::from(ready > READY_MAX);
        let checked = check(binaries, &addresses, &journal, &mut slowest);
        let sent_again = checked.with_context(|| format!("round {number}, seed {}\n{}", args.seed, server.log_tail()))?;
        rebuilding += u32::from(was_rebuilding);
        println!(
            "faults: round {number}: killed after {} ms{}, {} in all, {sent_again} sent again ({:.1} s)",
            moment.as_millis(),
            if was_rebuilding { " within a rebuild" } else { "" },
            journal.counts(),
            began.elapsed().as_secs_f64()
        );
    }
    finish(binaries, folder, &addresses, &journal, server)?;
    println!("faults: {} kills, {rebuilding} of them within a rebuild, {}", args.kill9, journal.counts());
    println!(
        "faults: slowest start {} ms, {} over {} s, views behind for {} ms at most after it",
        slowest.start.as_millis(),
        slowest.late,
        READY_MAX.as_secs(),
        slowest.behind.as_millis()
    );
    Ok(Tally { passed: u64::from(args.kill9) + 1, failed: 0 })
}

/// Checks a server after its restart. Returns how many attempts were sent again.
fn check(binaries: &Binaries, addresses: &Addresses, journal: &Journal, slowest: &mut Slowest) -> Result<usize> {
    let url = addresses.url();
    slowest.behind = slowest.behind.max(api::all(&url, journal, CATCH_UP).context("as the server came up")?);
    let sent_again = load::again(&url, journal)?;
    log::all(&binaries.replay_tools, &addresses.operators_url(), journal)?;
    let verify = Command::new(&binaries.replay_tools).args(["verify", "--ops", &addresses.operators_url()]).output()?;
    let told = [String::from_utf8_lossy(&verify.stdout), String::from_utf8_lossy(&verify.stderr)].concat();
    anyhow::ensure!(verify.status.success(), "the views differ from what the log says\n{told}");
    Ok(sent_again)
}

/// The last look, with every attempt answered; then the server stops and its folder is verified, what the write side decides on included.
fn finish(binaries: &Binaries, folder: &Folder, addresses: &Addresses, journal: &Journal, server: Server) -> Result<()> {
    let seen =
        api::all(&addresses.url(), journal, CATCH_UP).and_then(|_| log::all(&binaries.replay_tools, &addresses.operators_url(), journal));
    let commands = seen.with_context(|| format!("at the end\n{}", server.log_tail()))?;
    println!("faults: {commands} commands in the log, none of them twice");
    server.stop()?;
    let mut verify = Command::new(&binaries.replay_tools);
    process::run(verify.args(["verify", "--data"]).arg(&folder.data)).context("the views differ from what the log says")
}

fn check_kept(binaries: &Binaries, folder: &Folder) -> Result<Tally> {
    let (addresses, journal) = (Addresses::free()?, Journal::open(&folder.journal)?);
    let (server, ready) = Server::start(&binaries.roost, &folder.data, &addresses, &folder.log)?;
    println!("faults: ready after {} ms", ready.as_millis());
    let checked = check(binaries, &addresses, &journal, &mut Slowest::default());
    let sent_again = checked.with_context(|| server.log_tail())?;
    finish(binaries, folder, &addresses, &journal, server)?;
    println!("faults: {}, {sent_again} sent again", journal.counts());
    Ok(Tally::one(true))
}

fn create(binaries: &Binaries, folder: &Folder, count: usize, prefix: &str) -> Result<Vec<Account>> {
    let mut command = server::command(&binaries.roost);
    command.args(["accounts", "create", "--count", &count.to_string(), "--prefix", prefix, "--data"]).arg(&folder.data);
    let output = command.output().with_context(|| format!("cannot start {}", binaries.roost.display()))?;
    anyhow::ensure!(output.status.success(), "cannot create accounts: {}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8(output.stdout).context("accounts are printed as text")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not an account: {line}"))).collect()
}
