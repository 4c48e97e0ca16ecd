//! Commands through the write side, in process: each of the callers in flight publishes a post of ordinary size and waits for its
//! receipt, which comes when the record is on the disk and known to be valid. Who publishes is drawn from workload W1.
//!
//! The write side runs as in the embedded deployment: decision rows go to the view store meanwhile. In the same run, bare threads write
//! blocks of the same bytes and sync them: what the disk itself gives.

use super::dice::{Dice, Weighted};
use super::folder;
use super::peers::append::{Beside, Peer};
use super::report::{Report, Spent, Stopwatch, forget_peak_memory, latencies, median, micros, whole};
use super::w1::W1;
use anyhow::{Context, Result, ensure};
use commands::handle::{WriteOptions, WriteSide};
use commands::registration::{Registration, register};
use hdrhistogram::Histogram;
use infra::bus::CommandBus;
use infra::clock::system_clock;
use infra::log::embedded::{EmbeddedLog, EmbeddedOptions};
use infra::log::{EventLog, LogLayout};
use infra::views::fjall::{FjallOptions, FjallViews};
use schemas::commands::{Command, Content, Envelope, PublishPost};
use schemas::events::{Profile, Visibility};
use schemas::log::{CommandId, TraceContext};
use schemas::{AccountId, AppId};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 140 characters, the length of a post in workload W1.
pub(super) const TEXT: &str = "a post of a hundred and forty characters, which is what people write on average when they are given more room than that, as measured in W1..";
pub(super) const SEED: u64 = 1;
/// Accounts being opened at any time.
const OPENING: u32 = 1_024;
/// Bytes of a record with its frame, as it rests on the disk.
const RECORD_BYTES: u64 = 350;
/// What is not measured, at the beginning of each stretch.
const WARM_UP: Duration = Duration::from_millis(500);
/// Where the bare threads stop and begin anew: a file that has its space, as the log's segments have.
const RAW_FILE_BYTES: u64 = 64 << 20;

/// What to append, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to measure each number of callers in each run.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Callers that wait for their receipt at any time; several numbers take turns.
    #[arg(long, value_delimiter = ',', default_value = "1,64,1024")]
    in_flight: Vec<u64>,
    /// Runs, each on a log of its own.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Accounts of workload W1; all are opened before anything is measured.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Partitions of the log.
    #[arg(long, default_value_t = 8)]
    partitions: u16,
    /// A folder on the disk to be measured; by default the workspace's target folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A system to measure beside, on the same disk.
    #[arg(long)]
    peer: Option<Peer>,
}

/// What was found with one number of callers, over all runs.
struct Found {
    in_flight: u64,
    rates: Vec<f64>,
    raw_rates: Vec<f64>,
    latencies_us: Histogram<u64>,
    done: u64,
    cpu: Duration,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let parent = folder::parent(args.folder.as_ref())?;
    let new = |in_flight: &u64| Found {
        in_flight: *in_flight,
        rates: Vec::new(),
        raw_rates: Vec::new(),
        latencies_us: latencies(),
        done: 0,
        cpu: Duration::ZERO,
    };
    let mut found: Vec<Found> = args.in_flight.iter().map(new).collect();
    let posters = W1::generate(args.accounts, SEED).posters();
    forget_peak_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut beside = match args.peer {
        Some(peer) => Some(Beside::start(peer, &parent, &posters, &args.in_flight, args.seconds)?),
        None => None,
    };
    for _ in 0..args.runs {
        let folder = folder::make(&parent, "append")?;
        runtime.block_on(measure(args, &posters, folder.path(), &mut found))?;
        for found in &mut found {
            found.raw_rates.push(raw(folder.path(), args, found.in_flight)?);
        }
        if let Some(beside) = &mut beside {
            beside.run()?;
        }
    }
    let mut report = Report::new("append");
    report.add("accounts", whole(u64::from(posters.count())));
    let ours: Vec<(u64, Vec<f64>)> = found.iter().map(|found| (found.in_flight, found.rates.clone())).collect();
    for found in found {
        found.report(&mut report);
    }
    if let Some(beside) = beside {
        beside.report(&ours, &mut report)?;
    }
    report.add_peak_memory();
    Ok(report)
}

impl Found {
    fn add(&mut self, spent: Spent, latencies_us: &Histogram<u64>) -> Result<()> {
        self.rates.push(whole(latencies_us.len()) / spent.wall.as_secs_f64());
        self.latencies_us.add(latencies_us)?;
        self.done += latencies_us.len();
        self.cpu += spent.cpu;
        Ok(())
    }

    fn report(self, report: &mut Report) {
        let prefix = format!("in_flight_{}_", self.in_flight);
        let (rate, raw) = (median(&self.rates), median(&self.raw_rates));
        report.add_spread(&format!("{prefix}rate"), "_per_s", &self.rates);
        report.add_latencies(&prefix, &self.latencies_us);
        report.add(format!("{prefix}cpu_s_per_million"), self.cpu.as_secs_f64() * 1e6 / whole(self.done.max(1)));
        report.add(format!("{prefix}raw_rate_per_s"), raw);
        report.add(format!("{prefix}share_of_raw"), rate / raw.max(1.0));
    }
}

/// One run: a fresh log and view store, then each number of callers in turn.
async fn measure(args: &Args, posters: &Arc<Weighted>, folder: &Path, found: &mut [Found]) -> Result<()> {
    let layout = LogLayout { generation: 1, partitions: args.partitions };
    let log = EmbeddedLog::open(folder.join("log"), EmbeddedOptions::new(layout))?;
    let views = Arc::new(FjallViews::open(&folder.join("views"), FjallOptions::default())?);
    let (on_log, clock) = (Arc::clone(&log), system_clock());
    let write_side = WriteSide::start(on_log, views, clock, WriteOptions::default()).await?;
    open_accounts(&write_side, posters.count()).await?;
    let before = records(log.as_ref()).await?;
    let mut accepted = 0;
    for (stretch, found) in (1_u128..).zip(found) {
        let warm = Instant::now() + WARM_UP;
        let end = warm + Duration::from_secs(args.seconds);
        let call = |caller| tokio::spawn(call(Arc::clone(&write_side), Arc::clone(posters), (stretch, caller), warm, end));
        let callers: Vec<_> = (0..found.in_flight).map(call).collect();
        tokio::time::sleep_until(warm.into()).await;
        let watch = Stopwatch::start();
        let mut all = latencies();
        for caller in callers {
            let (latencies_us, count) = caller.await.context("a caller panicked")??;
            all.add(latencies_us)?;
            accepted += count;
        }
        found.add(watch.spent(), &all)?;
    }
    write_side.shutdown().await;
    let appended = records(log.as_ref()).await? - before;
    log.close().await?;
    ensure!(appended == accepted, "{accepted} commands were accepted, the log holds {appended} records of them");
    Ok(())
}

/// Opens the accounts of W1, a bounded number at any time.
async fn open_accounts(write_side: &Arc<WriteSide>, accounts: u32) -> Result<()> {
    let mut opening = tokio::task::JoinSet::new();
    for first in 1..=u64::from(OPENING) {
        let bus = Arc::clone(write_side);
        opening.spawn(async move {
            for account in (first..=u64::from(accounts)).step_by(OPENING as usize).map(AccountId) {
                let (handle, profile, trace) = (format!("u{account}"), Profile::default(), TraceContext::default());
                let registration = Registration { account, handle, profile, credentials: None, invited_by: AccountId(0), trace };
                register(bus.as_ref(), registration).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(opened) = opening.join_next().await {
        opened.context("a registration panicked")??;
    }
    Ok(())
}

async fn records(log: &dyn EventLog) -> Result<u64> {
    let mut all = 0;
    for partition in log.layout().partition_ids() {
        all += log.bounds(partition).await?.end;
    }
    Ok(all)
}

/// Publishes until the end; returns the latencies after warming up, and how many commands were accepted in all.
async fn call(
    bus: Arc<WriteSide>,
    posters: Arc<Weighted>,
    (stretch, caller): (u128, u64),
    warm: Instant,
    end: Instant,
) -> Result<(Histogram<u64>, u64)> {
    let (mut found, mut dice) = (latencies(), Dice::new(SEED + caller));
    let mut count = 0_u64;
    loop {
        let started = Instant::now();
        if started >= end {
            return Ok((found, count));
        }
        count += 1;
        let id = CommandId((stretch << 96) | (u128::from(caller) << 48) | u128::from(count));
        bus.execute(publish(id, AccountId(1 + u64::from(posters.draw(&mut dice))))).await?;
        if started >= warm {
            found.saturating_record(micros(started.elapsed()));
        }
    }
}

fn publish(id: CommandId, account: AccountId) -> Envelope {
    let content = Content { text: TEXT.to_owned(), language: Some("en".to_owned()), tags: vec!["bench".to_owned()], ..Content::default() };
    let post = PublishPost { account, content, visibility: Visibility::Public, in_reply_to: None, app: AppId(1) };
    let (causation, trace) = (CommandId(0), TraceContext::default());
    Envelope { id, maybe_repeated: false, actor: account, causation, trace, command: Command::PublishPost(post) }
}

/// Records a second that bare threads get to the disk, one for each partition that can be busy, in groups of what each then has waiting.
fn raw(folder: &Path, args: &Args, in_flight: u64) -> Result<f64> {
    let threads = in_flight.min(u64::from(args.partitions)).max(1);
    let group = in_flight.div_ceil(threads);
    let end = Instant::now() + Duration::from_secs(args.seconds.min(1));
    let started = Instant::now();
    let groups = std::thread::scope(|scope| -> Result<u64> {
        let write = |thread| scope.spawn(move || raw_thread(&folder.join(format!("raw-{thread}")), group, end));
        let writing: Vec<_> = (0..threads).map(write).collect();
        writing.into_iter().map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a bare thread panicked"))).sum()
    })?;
    Ok(whole(groups * group) / started.elapsed().as_secs_f64())
}

fn raw_thread(path: &Path, group: u64, end: Instant) -> Result<u64> {
    let block = vec![7_u8; usize::try_from(group * RECORD_BYTES)?];
    let file = File::create(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RAW_FILE_BYTES + group * RECORD_BYTES)?;
    file.sync_all()?;
    let (mut groups, mut position) = (0, 0);
    while Instant::now() < end {
        file.write_all_at(&block, position)?;
        file.sync_data()?;
        groups += 1;
        position = (position + group * RECORD_BYTES) % RAW_FILE_BYTES;
    }
    Ok(groups)
}
