//! `cargo xtask faults --cluster`: faults of real servers and of processes in their roles, under load. After each, with all healed: the API
//! shows what the journal asks for, the log holds every acknowledged command once, and every view is as the log says.
//!
//! Writers speak to the processes with the role `queries`, which stay; what has no answer they send on under the same idempotency key.

use super::check::{api, log};
use super::journal::Journal;
use super::load::{self, Round};
use super::{Account, Args, BYSTANDERS, Cast, SEED_STEP, WRITERS};
use crate::cluster::{Cluster, Kind, Options};
use crate::fleet::{self, Fleet, Role};
use crate::tally::Tally;
use crate::{process, root};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What goes wrong.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One broker of three, which leads some partitions, is killed and started again.
    Broker,
    /// A process that decides is stopped past its session in the consumer group, and goes on.
    Zombie,
    /// A process that decides and one that projects join, and the ones before them leave.
    Rebalance,
    /// A process that decides is killed; another takes its place.
    Crash,
    /// The view store is stopped for some seconds; who is known goes on writing, under keys, and is acknowledged.
    Views,
    /// The search index is stopped for some seconds.
    Search,
}

const ALL: [Fault; 6] = [Fault::Broker, Fault::Zombie, Fault::Rebalance, Fault::Crash, Fault::Views, Fault::Search];
/// Those that do not wait for a server's start, and the view store's.
pub(crate) const SHORT: &[Fault] = &[Fault::Zombie, Fault::Rebalance, Fault::Crash, Fault::Views];
/// Load before a fault and after it.
const CALM: Duration = Duration::from_secs(2);
/// How long a process is stopped: longer than a session in the consumer group.
const ZOMBIE: Duration = Duration::from_secs(14);
/// How long a server is away, its stop and start aside.
const AWAY: Duration = Duration::from_secs(5);
/// The pause between two posts of each writer while the view store is away.
const BETWEEN: Duration = Duration::from_millis(250);
/// How long a writer sends on: a view store takes its time to start.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the views may trail after everything has healed.
const CATCH_UP: Duration = Duration::from_secs(60);

/// Injects each fault so many times; returns how many rounds held.
///
/// # Errors
/// Fails at the first round that does not hold.
pub(super) fn run(times: u32, args: &Args) -> Result<Tally> {
    let (binary, replay_tools) = match &args.binaries {
        Some(folder) => (folder.join("roost").canonicalize()?, folder.join("replay-tools").canonicalize()?),
        None => {
            process::run(process::cargo().args(["build", "--release", "--package", "replay-tools"]))?;
            (fleet::built(None)?, root::target()?.join("release").join("replay-tools"))
        }
    };
    let mut cluster = Cluster::up(&Options { kinds: Kind::ALL.to_vec(), brokers: 3 })?;
    let folder = tempfile::Builder::new().prefix("roost-faults-").disable_cleanup(true).tempdir().context("cannot make a folder")?.keep();
    println!("faults: working in {}", folder.display());
    let ran = Fleet::start(&binary, &cluster, "faults", 2, &folder).and_then(|fleet| {
        let mut place = Place { cluster: &mut cluster, fleet, replay_tools };
        let ran = place.rounds(times, args, &folder);
        let logs = place.fleet.logs();
        ran.and_then(|tally| place.fleet.stop().map(|()| tally)).with_context(|| logs)
    });
    cluster.down()?;
    if args.keep || ran.is_err() {
        println!("faults: kept {}", folder.display());
    } else {
        std::fs::remove_dir_all(&folder).context("cannot remove the folder")?;
    }
    ran
}

struct Place<'a> {
    cluster: &'a mut Cluster,
    fleet: Fleet,
    replay_tools: PathBuf,
}

impl Place<'_> {
    fn rounds(&mut self, times: u32, args: &Args, folder: &Path) -> Result<Tally> {
        // Verifying needs a projector that has all partitions.
        self.fleet.remove(Role::Projectors, false)?;
        self.fleet.wait_shared_out()?;
        let operators = self.edge()?.1;
        let cast = Cast { writers: create(&operators, WRITERS, "writer")?, bystanders: create(&operators, BYSTANDERS, "bystander")? };
        let journal = Journal::create(&folder.join("journal.jsonl"), cast)?;
        let faults = if args.faults.is_empty() { ALL.to_vec() } else { args.faults.clone() };
        let mut number = 0;
        for time in 0..times {
            for fault in &faults {
                number += 1;
                let began = Instant::now();
                let round = Round { number, seed: args.seed.wrapping_add(u64::from(number).wrapping_mul(SEED_STEP)) };
                let held = self.round(*fault, time, &round, &journal);
                let sent_again = held.with_context(|| format!("{fault:?}, round {number}, seed {}", args.seed))?;
                println!(
                    "faults: round {number}: {fault:?}, {} in all, {sent_again} sent again ({:.1} s)",
                    journal.counts(),
                    began.elapsed().as_secs_f64()
                );
            }
        }
        println!("faults: {number} rounds, {}", journal.counts());
        Ok(Tally { passed: u64::from(number), failed: 0 })
    }

    fn round(&mut self, fault: Fault, time: u32, round: &Round, journal: &Journal) -> Result<usize> {
        let urls = self.urls();
        load::run_through(&urls, journal, round, PATIENCE, || {
            sleep(CALM);
            self.inject(fault, time, round, journal)?;
            sleep(CALM);
            Ok(())
        })?;
        self.fleet.wait_shared_out()?;
        let (url, operators) = self.edge()?;
        let sent_again = load::again(&url, journal)?;
        api::all(&url, journal, CATCH_UP)?;
        log::all(&self.replay_tools, &operators, journal)?;
        let projector = self.fleet.of(Role::Projectors).first().context("a projector is left")?.operators_url();
        let verify = Command::new(&self.replay_tools).args(["verify", "--ops", &projector]).output()?;
        let told = [String::from_utf8_lossy(&verify.stdout), String::from_utf8_lossy(&verify.stderr)].concat();
        anyhow::ensure!(verify.status.success(), "the views differ from what the log says\n{told}");
        Ok(sent_again)
    }

    fn inject(&mut self, fault: Fault, time: u32, round: &Round, journal: &Journal) -> Result<()> {
        match fault {
            Fault::Broker => {
                let broker = format!("kafka-{}", time % 3 + 1);
                self.cluster.kill(&broker)?;
                sleep(AWAY);
                self.cluster.start(&broker)
            }
            Fault::Zombie => {
                self.fleet.pause(Role::Commands)?;
                sleep(ZOMBIE);
                self.fleet.resume(Role::Commands)
            }
            Fault::Rebalance => {
                self.fleet.add(Role::Commands)?;
                self.fleet.add(Role::Projectors)?;
                sleep(CALM);
                self.fleet.remove(Role::Commands, false)?;
                self.fleet.remove(Role::Projectors, time % 2 == 1)
            }
            Fault::Crash => {
                self.fleet.remove(Role::Commands, true)?;
                self.fleet.add(Role::Commands)
            }
            Fault::Views => self.without_views(round, journal),
            Fault::Search => self.away("elastic"),
        }
    }

    /// Stops the view store, and has all writers post meanwhile: some of it must be acknowledged.
    fn without_views(&mut self, round: &Round, journal: &Journal) -> Result<()> {
        let urls = self.urls();
        // Who has written in this round is known to the process that it speaks to, and to the one that decides.
        let (began, prefix) = (Instant::now(), format!("k{}w", round.number));
        while journal.writers_acknowledged(&prefix) < WRITERS {
            anyhow::ensure!(began.elapsed() < CATCH_UP, "not every writer was acknowledged within {} s", CATCH_UP.as_secs());
            sleep(BETWEEN);
        }
        self.cluster.stop("cql")?;
        let (gone, mut sent, mut acknowledged) = (Instant::now(), 0, 0);
        while gone.elapsed() < AWAY {
            acknowledged += load::post_unseen(&urls, journal, &format!("k{}unseen{sent}", round.number))?;
            sent += 1;
            sleep(BETWEEN);
        }
        println!("faults: {acknowledged} of {} posts acknowledged while the view store was away", sent * WRITERS);
        anyhow::ensure!(acknowledged > 0, "no write was acknowledged while the view store was away");
        self.cluster.start("cql")
    }

    fn away(&mut self, name: &str) -> Result<()> {
        self.cluster.stop(name)?;
        sleep(AWAY);
        self.cluster.start(name)
    }

    /// The public URLs of the processes that clients speak to.
    fn urls(&self) -> Vec<String> {
        self.fleet.of(Role::Queries).iter().map(|edge| edge.url()).collect()
    }

    /// The public and the operators' URL of a process that clients speak to.
    fn edge(&self) -> Result<(String, String)> {
        let edges = self.fleet.of(Role::Queries);
        let edge = edges.first().context("a process with the role queries is left")?;
        Ok((edge.url(), edge.operators_url()))
    }
}

fn create(operators: &str, count: usize, prefix: &str) -> Result<Vec<Account>> {
    let one = |number: usize| {
        let wanted = serde_json::json!({ "username": format!("{prefix}{number}") });
        let mut answer = ureq::post(format!("{operators}/ops/accounts")).send_json(wanted).context("cannot create an account")?;
        answer.body_mut().read_json().context("not an account")
    };
    (1..=count).map(one).collect()
}
