//! Fan-out: deliveries per second into rings through `Timelines::apply`, on W1.
//!
//! Feeds are compared with the naive reference before and after anything is timed. A delivery is one entry written to one ring; how many
//! there must be follows from the graph, not from what the engine says. Two threads apply, each the posts of its half of the authors, as
//! two partitions do, neither running ahead of the other by more than a few batches. Rings are touched before timing. Bare writes of the
//! same posts into rings of the same shape take turns with it: the limit of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use hdrhistogram::Histogram;
use infra::timelines::ring::Policy;
use infra::timelines::{Entry, NaiveTimelines, RingOptions, RingTimelines, Stretch, TimelineError, TimelineOp, TimelineSource, Timelines};
use schemas::{AccountId, PartitionId, PostId, Snowflake};

use super::dice::Dice;
use super::peers::{self, fanout::Peer};
use super::raw_rings::{RawRings, report_distance};
use super::report::{Report, Spent, Stopwatch, latencies, micros, whole};
use super::w1::W1;

pub(super) const SEED: u64 = 1;
const RUNS: usize = 5;
const THREADS: usize = 2;
/// Operations of one `apply`: what a projection's batch holds.
const BATCH_OPS: usize = 256;
/// Batches by which a thread may be ahead of the other: partitions are fed by time, and trail one another by little.
const BATCHES_AHEAD: u64 = 2;
/// Deliveries of one run, at the least.
const DELIVERIES_PER_RUN: u64 = 10_000_000;
/// Readers whose pages are compared with the reference.
const SAMPLED_READERS: usize = 200;
const PAGE: usize = 40;
const SAMPLED_PAGES: usize = 200_000;
const SAMPLED_POSTS: usize = 11;
const START_MS: u64 = 1_700_000_000_000;

/// How much to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of W1.
    #[arg(long, default_value_t = 100_000)]
    pub(super) accounts: usize,
    /// A system to measure beside, on the readers of W1 alone and with fewer deliveries in a turn.
    #[arg(long)]
    peer: Option<Peer>,
    /// Deliveries before anything is timed, where there is a peer.
    #[arg(long, default_value_t = 8_000_000)]
    pub(super) peer_fill: u64,
    /// Deliveries of a turn, where there is a peer.
    #[arg(long, default_value_t = 2_000_000)]
    pub(super) peer_deliveries: u64,
}

/// Measures fan-out with the readers of W1 hot, then with everybody hot.
///
/// # Errors
/// Fails where a feed differs from the reference.
pub(crate) fn run(args: &Args) -> anyhow::Result<Report> {
    if let Some(peer) = args.peer {
        return peers::fanout::run(args, peer);
    }
    let w1 = Arc::new(W1::generate(args.accounts, SEED));
    let mut report = Report::new("fanout");
    report.add("accounts", f64::from(w1.accounts()));
    report.add("edges", w1.edges() as f64);
    measure(&w1, &w1.readers().collect::<Vec<_>>(), "readers_hot_", &mut report)?;
    measure(&w1, &(0..w1.accounts()).collect::<Vec<_>>(), "all_hot_", &mut report)?;
    report.add_peak_memory();
    report.note("peak_rss", "with the rings of bare writes, which are as large as ours");
    Ok(report)
}

/// W1 as a source: followees from the graph, author lists from the posts of the runs so far.
pub(super) struct Source {
    w1: Arc<W1>,
    /// Per author: posts, ascending. Each run's are entered before it begins: rows before operations.
    lists: parking_lot::RwLock<Vec<Vec<Entry>>>,
}

fn number(account: AccountId) -> u32 {
    account.0.saturating_sub(1) as u32
}

pub(super) fn id(account: u32) -> AccountId {
    AccountId(u64::from(account) + 1)
}

#[async_trait]
impl TimelineSource for Source {
    async fn followees(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        Ok(self.w1.followees(number(reader)).iter().map(|account| id(*account)).collect())
    }

    async fn followers_count(&self, author: AccountId) -> Result<u64, TimelineError> {
        Ok(self.w1.followers(number(author)).len() as u64)
    }

    async fn author_list(&self, author: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let lists = self.lists.read();
        let list = lists.get(number(author) as usize).map_or(&[] as &[Entry], Vec::as_slice);
        let held = list.iter().filter(|entry| stretch.holds(entry.post)).copied();
        Ok(if stretch.ascending { held.take(stretch.limit).collect() } else { held.rev().take(stretch.limit).collect() })
    }
}

/// Posts of both threads, in batches, with the deliveries that they must make.
pub(super) struct Posts {
    batches: [Vec<Vec<TimelineOp>>; THREADS],
    pub(super) deliveries: u64,
}

impl Posts {
    /// The entries to deliver, each thread's in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let posted = |op: &TimelineOp| if let TimelineOp::Posted(entry) = op { Some(*entry) } else { None };
        self.batches.iter().flatten().flatten().filter_map(posted)
    }

    /// Ids and authors of both threads' posts, the oldest first.
    pub(super) fn in_order(&self) -> Vec<(u64, u32)> {
        let mut all: Vec<(u64, u32)> = self.entries().map(|entry| (entry.post.0, number(entry.author))).collect();
        all.sort_unstable();
        all
    }
}

/// Timelines of the readers, whom posts are delivered to.
pub(super) struct Bench {
    w1: Arc<W1>,
    pub(super) source: Arc<Source>,
    pub(super) timelines: Arc<RingTimelines>,
    /// Per account: readers with rings among its followers and itself.
    audiences: Vec<u32>,
    clock_ms: Arc<AtomicU64>,
    pub(super) dice: Dice,
    posted: u64,
}

impl Bench {
    pub(super) fn new(w1: &Arc<W1>, readers: &[u32]) -> anyhow::Result<Self> {
        let mut audiences = vec![0; w1.accounts() as usize];
        for reader in readers {
            for author in w1.followees(*reader).iter().chain([reader]) {
                if let Some(audience) = audiences.get_mut(*author as usize) {
                    *audience += 1;
                }
            }
        }
        let source = Arc::new(Source { w1: w1.clone(), lists: parking_lot::RwLock::new(vec![Vec::new(); w1.accounts() as usize]) });
        let clock_ms = Arc::new(AtomicU64::new(START_MS));
        let clock = clock_ms.clone();
        // Every edge is pushed: what adaptive push and pull saves is not part of this rate.
        let options = RingOptions { policy: Policy::PushAll, rings_max: usize::MAX / 2, ..RingOptions::default() };
        let timelines = RingTimelines::new(source.clone(), Arc::new(move || clock.load(Ordering::Relaxed)), options);
        let bench =
            Self { w1: w1.clone(), source, timelines: Arc::new(timelines), audiences, clock_ms, dice: Dice::new(SEED + 1), posted: 0 };
        block_on(async {
            for reader in readers {
                bench.timelines.home(id(*reader), Stretch { limit: 1, ..Stretch::default() }).await?;
            }
            anyhow::Ok(())
        })??;
        Ok(bench)
    }

    /// Lets the next posts have a millisecond of their own, so that all their ids are larger than those before.
    pub(super) fn next_ms(&mut self) {
        self.posted |= 15;
    }

    /// Draws posts until they make `deliveries`, and enters them into the author lists.
    pub(super) fn draw(&mut self, deliveries: u64) -> Posts {
        let mut posts = Posts { batches: [const { Vec::new() }; THREADS], deliveries: 0 };
        let mut open: [Vec<TimelineOp>; THREADS] = [const { Vec::new() }; THREADS];
        let mut lists = self.source.lists.write();
        while posts.deliveries < deliveries {
            let author = self.w1.poster(&mut self.dice);
            self.posted += 1;
            let thread = author as usize % THREADS;
            let post = Snowflake::new(START_MS + self.posted / 16, PartitionId(thread as u16), (self.posted % 16) as u8);
            let entry = Entry { post: PostId(post.0), author: id(author), flags: 0 };
            posts.deliveries += u64::from(self.audiences.get(author as usize).copied().unwrap_or_default());
            if let Some(list) = lists.get_mut(author as usize) {
                list.push(entry);
            }
            if let (Some(batch), Some(batches)) = (open.get_mut(thread), posts.batches.get_mut(thread)) {
                batch.push(TimelineOp::Posted(entry));
                if batch.len() == BATCH_OPS {
                    batches.push(std::mem::take(batch));
                }
            }
        }
        for (batches, batch) in posts.batches.iter_mut().zip(open) {
            batches.push(batch);
        }
        self.clock_ms.store(START_MS + self.posted / 16, Ordering::Relaxed);
        posts
    }

    /// Applies posts from both threads.
    pub(super) fn apply(&self, posts: &Posts, batches_us: &mut Histogram<u64>) -> anyhow::Result<Spent> {
        let done = [const { AtomicU64::new(0) }; THREADS];
        let watch = Stopwatch::start();
        let applied: Vec<anyhow::Result<Histogram<u64>>> = std::thread::scope(|scope| {
            let threads = posts.batches.iter().zip(&done).map(|(batches, own)| scope.spawn(|| self.apply_batches(batches, own, &done)));
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))).collect()
        });
        let spent = watch.spent();
        for of_thread in applied {
            batches_us.add(of_thread?)?;
        }
        Ok(spent)
    }

    /// Applies the batches of one thread; how long each took.
    fn apply_batches(&self, batches: &[Vec<TimelineOp>], own: &AtomicU64, all: &[AtomicU64]) -> anyhow::Result<Histogram<u64>> {
        let applied = block_on(async {
            let mut batches_us = latencies();
            for batch in batches {
                while all.iter().any(|other| own.load(Ordering::Relaxed) > other.load(Ordering::Relaxed).saturating_add(BATCHES_AHEAD)) {
                    std::thread::yield_now();
                }
                let began = Instant::now();
                self.timelines.apply(batch).await?;
                batches_us.saturating_record(micros(began.elapsed()));
                own.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(batches_us)
        });
        // Whoever has ended, or failed, holds nobody up.
        own.store(u64::MAX, Ordering::Relaxed);
        applied?
    }

    /// How long one post of the most followed celebrity takes, complete; the median, in milliseconds.
    fn celebrity_post_ms(&mut self) -> anyhow::Result<f64> {
        let celebrity = self.w1.celebrities().last().copied().context("w1 has celebrities")?;
        let mut took_ms = Vec::new();
        for _ in 0..SAMPLED_POSTS {
            self.posted += 16;
            let post = Snowflake::new(START_MS + self.posted / 16, PartitionId(0), 0);
            let op = TimelineOp::Posted(Entry { post: PostId(post.0), author: id(celebrity), flags: 0 });
            let watch = Stopwatch::start();
            block_on(self.timelines.apply(&[op]))??;
            took_ms.push(watch.spent().wall.as_secs_f64() * 1e3);
        }
        took_ms.sort_by(f64::total_cmp);
        Ok(took_ms.get(SAMPLED_POSTS / 2).copied().unwrap_or_default())
    }

    /// How long a newest page takes, of readers drawn evenly, on one thread; the mean, in microseconds.
    fn pages_us(&mut self, readers: &[u32]) -> anyhow::Result<f64> {
        let drawn: Vec<u32> =
            (0..SAMPLED_PAGES).filter_map(|_| readers.get(self.dice.below(readers.len() as u32) as usize).copied()).collect();
        let watch = Stopwatch::start();
        block_on(async {
            for reader in &drawn {
                self.timelines.home(id(*reader), Stretch { limit: PAGE, ..Stretch::default() }).await?;
            }
            anyhow::Ok(())
        })??;
        Ok(watch.spent().cpu.as_secs_f64() * 1e6 / SAMPLED_PAGES as f64)
    }

    /// Compares pages of a sample of readers, and what bare rings hold of as many entries, with the reference.
    fn check(&mut self, limit: &RawRings, readers: &[u32]) -> anyhow::Result<()> {
        let naive = NaiveTimelines::new(self.source.clone());
        for _ in 0..SAMPLED_READERS {
            let reader = readers.get(self.dice.below(readers.len() as u32) as usize).copied().context("no account reads")?;
            let bare = limit.newest(reader, 3 * PAGE);
            let mut bare = bare.chunks(PAGE);
            let mut stretch = Stretch { limit: PAGE, ..Stretch::default() };
            for page in 0..3 {
                let wanted = block_on(naive.home(id(reader), stretch))??;
                let found = block_on(self.timelines.home(id(reader), stretch))??;
                ensure!(found == wanted, "page {page} of reader {reader} differs from the reference");
                let bare = bare.next().unwrap_or_default();
                ensure!(wanted.iter().map(|entry| &entry.post.0).eq(bare), "the bare ring of reader {reader} differs from the reference");
                stretch.below = wanted.last().map(|entry| entry.post);
                if wanted.len() < PAGE {
                    // Below the last one there is no page.
                    break;
                }
            }
        }
        Ok(())
    }
}

fn measure(w1: &Arc<W1>, readers: &[u32], prefix: &str, report: &mut Report) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut bench = Bench::new(w1, readers)?;
    let cold_us = began.elapsed().as_secs_f64() * 1e6 / readers.len().max(1) as f64;
    let mut limit = RawRings::new(w1, readers);
    // A first, discarded run is what the comparison with the reference looks at.
    let posts = bench.draw(DELIVERIES_PER_RUN / 4);
    bench.apply(&posts, &mut latencies())?;
    limit.write(&posts.in_order());
    bench.check(&limit, readers)?;
    let (mut rates, mut limits, mut cpu_s, mut deliveries, mut batches_us) = (Vec::new(), Vec::new(), 0.0, 0, latencies());
    for run in 0..RUNS {
        // Bare rings keep the order in which entries come.
        bench.next_ms();
        let posts = bench.draw(DELIVERIES_PER_RUN);
        // Neither is first in all turns.
        if run % 2 == 1 {
            limits.push(bare_rate(&mut limit, &posts));
        }
        let spent = bench.apply(&posts, &mut batches_us)?;
        if run % 2 == 0 {
            limits.push(bare_rate(&mut limit, &posts));
        }
        cpu_s += spent.cpu.as_secs_f64();
        rates.push(posts.deliveries as f64 / spent.wall.as_secs_f64());
        deliveries += posts.deliveries;
    }
    bench.check(&limit, readers)?;
    drop(limit);
    let stats = bench.timelines.stats();
    report.add_spread(&format!("{prefix}rate"), "_per_s", &rates);
    report.add_spread(&format!("{prefix}limit_rate"), "_per_s", &limits);
    report_distance(prefix, &rates, &limits, report);
    report.add_latencies(&format!("{prefix}batch_"), &batches_us);
    report.add(format!("{prefix}cpu_s_per_million"), cpu_s * 1e6 / deliveries as f64);
    report.add(format!("{prefix}rings"), stats.rings as f64);
    report.add(format!("{prefix}entry_bytes"), stats.ring_bytes as f64 / stats.entries.max(1) as f64);
    report.add(format!("{prefix}edge_bytes"), stats.edge_bytes as f64 / stats.edges.max(1) as f64);
    report.add(format!("{prefix}cold_read_us"), cold_us);
    report.add(format!("{prefix}warm_page_us"), bench.pages_us(readers)?);
    report.add(format!("{prefix}celebrity_post_ms"), bench.celebrity_post_ms()?);
    Ok(())
}

/// Writes posts into bare rings; deliveries per second.
pub(super) fn bare_rate(limit: &mut RawRings, posts: &Posts) -> f64 {
    let in_order = posts.in_order();
    let watch = Stopwatch::start();
    limit.write(&in_order);
    whole(posts.deliveries) / watch.spent().wall.as_secs_f64()
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(work))
}
