//! Pages of the home timeline: put together in process, and over HTTP beside a static body of the same size from the same stack.
//!
//! Readers and whom they follow are workload W1's. A page is 40 hydrated posts merged of pushed followees and of pulled celebrities; ids are
//! compared with the naive reference before anything is timed. The HTTP loads take turns, so that all meet the same machine.

mod traffic;
mod world;

use super::dice::Dice;
use super::http::{Load, Pace, STATIC, Same, Stack, TURNS, Talk, get};
use super::peers::{self, home::Peer};
use super::report::{Report, Stopwatch, forget_peak_memory, latencies, median, micros, whole};
use super::w1::W1;
use anyhow::{Context, Result, ensure};
use infra::timelines::{NaiveTimelines, Stretch, Timelines};
use queries::PageAsk;
use std::sync::Arc;
use std::time::{Duration, Instant};
use traffic::{Mix, Pages, Reading};
use world::{World, id, token};

const SEED: u64 = 1;
/// Deeper pages that a reader may turn to.
const DEEPER_PAGES: usize = 3;
/// Readers whose pages are compared with the reference.
const CHECKED_READERS: usize = 100;
/// Readers who come to both sides, the first again after the last.
const DRAWN_READERS: usize = 5_000;

/// What to read, and how.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of workload W1; there are as many posts, drawn by its rates.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Readers with their rates, whose timelines are hot.
    #[arg(long, default_value_t = 300)]
    readers: usize,
    /// Further readers, who come in turns and find their timelines cold.
    #[arg(long, default_value_t = 300)]
    cold_readers: usize,
    /// Of a hundred pages, how many are of cold timelines.
    #[arg(long, default_value_t = 10)]
    cold_percent: u32,
    /// Of a hundred pages, how many are deeper ones: the second to the fourth.
    #[arg(long, default_value_t = 10)]
    deeper_percent: u32,
    /// Celebrities that each reader follows at the least: the graph gives about four, more are added.
    #[arg(long, default_value_t = 5)]
    celebrities_min: u32,
    /// Celebrities up to which more are added, a number drawn for each reader; there are 20.
    #[arg(long, default_value_t = 20)]
    celebrities_max: u32,
    /// How long to measure each load, in all its turns.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 8)]
    connections: u64,
    /// Posts of a page.
    #[arg(long, default_value_t = 40)]
    limit: usize,
    /// A system to measure beside: newest pages of hot timelines, ids alone.
    #[arg(long)]
    peer: Option<Peer>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(args))
}

/// The world, its readers, and the pages that they may ask for.
struct Bench {
    world: World,
    hot: Vec<u32>,
    cold: Vec<u32>,
    pages: Arc<Pages>,
    mean_bytes: usize,
}

async fn measure(args: &Args) -> Result<Report> {
    let mut report = Report::new("home");
    let bench = Bench::new(args, &mut report).await?;
    forget_peak_memory();
    bench.check(args).await?;
    bench.in_process(args, &mut report).await?;
    if args.peer.is_some() {
        bench.beside(args, &mut report).await?;
    }
    bench.over_http(args, &mut report).await?;
    let stats = bench.world.timelines.stats();
    report.add("rings", stats.rings as f64);
    report.add("entry_bytes", stats.ring_bytes as f64 / stats.entries.max(1) as f64);
    report.add("edge_bytes", stats.edge_bytes as f64 / stats.edges.max(1) as f64);
    report.add_peak_memory();
    Ok(report)
}

impl Bench {
    async fn new(args: &Args, report: &mut Report) -> Result<Self> {
        let began = Instant::now();
        let w1 = W1::generate(args.accounts, SEED);
        let mut dice = Dice::new(SEED + 1);
        let mut readers = w1.some_readers(args.readers + args.cold_readers);
        ensure!(!readers.is_empty(), "nobody is to read: give --readers a number");
        shuffle(&mut readers, &mut dice);
        let cold = readers.split_off(args.readers.min(readers.len()).max(1));
        let hot = readers;
        let everybody: Vec<u32> = hot.iter().chain(&cold).copied().collect();
        let celebrities = (args.celebrities_min, args.celebrities_max);
        let world = World::new(&w1, &everybody, celebrities, hot.len() + cold.len() / 2, &mut dice).await?;
        let (mut starts, mut bytes) = (Vec::new(), 0);
        for reader in &hot {
            let mut below = Vec::new();
            let mut ask = PageAsk::newest(args.limit);
            for page in 0..=DEEPER_PAGES {
                let found = world.side.home(id(*reader), ask).await?;
                if page == 0 {
                    bytes += found.items.len();
                }
                let Some(next) = found.links.next else { break };
                below.push(next);
                ask.max_id = Some(next);
            }
            below.truncate(DEEPER_PAGES);
            ensure!(!below.is_empty(), "a reader has less than a page: give more --accounts, there are as many posts");
            starts.push((*reader, f64::from(w1.pages_per_day(*reader)), below));
        }
        let pages = Pages::new(&starts, &cold, args.limit);
        report.note("workload", format!(
            "W1 of {} accounts and {} follows; {} readers are there with the {} follows of theirs (added celebrities included), {} posts",
            w1.accounts(), w1.edges(), everybody.len(), world.follows, w1.accounts()
        ));
        report.add("accounts", f64::from(w1.accounts()));
        report.add("readers_hot", hot.len() as f64);
        report.add("readers_cold", cold.len() as f64);
        report.add("follows_per_reader", whole(world.follows) / everybody.len() as f64);
        report.add("prepare_s", began.elapsed().as_secs_f64());
        let mean_bytes = bytes / hot.len().max(1);
        report.add("page_bytes", mean_bytes as f64);
        Ok(Self { world, hot, cold, pages, mean_bytes })
    }

    /// Compares ids of pages with the reference.
    async fn check(&self, args: &Args) -> Result<()> {
        let naive = NaiveTimelines::new(self.world.source.clone());
        for reader in self.hot.iter().take(CHECKED_READERS).chain(self.cold.iter().take(CHECKED_READERS)) {
            let mut stretch = Stretch { limit: args.limit, ..Stretch::default() };
            for page in 0..=DEEPER_PAGES {
                let wanted = naive.home(id(*reader), stretch).await?;
                let found = self.world.timelines.home(id(*reader), stretch).await?;
                ensure!(found == wanted, "page {page} of reader {reader} differs from the reference");
                stretch.below = wanted.last().map(|entry| entry.post);
            }
        }
        Ok(())
    }

    /// Assembles pages on one task, as fast as it goes.
    async fn in_process(&self, args: &Args, report: &mut Report) -> Result<()> {
        let mut dice = Dice::new(SEED + 2);
        let (watch, mut pages_us) = (Stopwatch::start(), latencies());
        let end = Instant::now() + Duration::from_secs(args.seconds);
        while Instant::now() < end {
            let reader = self.hot.get(self.pages.draw(&mut dice)).copied().context("a reader")?;
            let began = Instant::now();
            let page = self.world.side.home(id(reader), PageAsk::newest(args.limit)).await?;
            std::hint::black_box(page.items.len());
            pages_us.saturating_record(micros(began.elapsed()));
        }
        let spent = watch.spent();
        let (ids_watch, mut asked) = (Stopwatch::start(), 0_u64);
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            let reader = self.hot.get(self.pages.draw(&mut dice)).copied().context("a reader")?;
            let stretch = Stretch { limit: args.limit + 56, ..Stretch::default() };
            std::hint::black_box(self.world.timelines.home(id(reader), stretch).await?.len());
            asked += 1;
        }
        report.add("in_process_id_pages_per_s", whole(asked) / ids_watch.spent().wall.as_secs_f64());
        report.add("in_process_pages_per_s", whole(pages_us.len()) / spent.wall.as_secs_f64());
        report.add_latencies("in_process_", &pages_us);
        report.add("in_process_cpu_us_per_page", spent.cpu.as_secs_f64() * 1e6 / whole(pages_us.len().max(1)));
        let mut cold_us = latencies();
        for reader in &self.cold {
            let began = Instant::now();
            let page = self.world.side.home(id(*reader), PageAsk::newest(args.limit)).await?;
            std::hint::black_box(page.items.len());
            cold_us.saturating_record(micros(began.elapsed()));
        }
        report.add_latencies("in_process_cold_", &cold_us);
        Ok(())
    }

    /// Reads ids of newest pages in turns with a peer.
    async fn beside(&self, args: &Args, report: &mut Report) -> Result<()> {
        let mut dice = Dice::new(SEED + 3);
        let drawn: Vec<_> = (0..DRAWN_READERS).filter_map(|_| self.hot.get(self.pages.draw(&mut dice)).map(|reader| id(*reader))).collect();
        let (source, timelines) = (self.world.source.clone(), self.world.timelines.clone());
        peers::home::beside(&peers::home::Subject { source, timelines, drawn: &drawn, limit: args.limit }, report).await
    }

    fn load(&self, args: &Args, mix: Mix) -> Load {
        let talk = |n| Box::new(Reading { pages: self.pages.clone(), mix, dice: Dice::new(SEED + 100 + n) }) as Box<dyn Talk>;
        Load::new((0..args.connections.max(1)).map(talk).collect())
    }

    async fn over_http(&self, args: &Args, report: &mut Report) -> Result<()> {
        let stack = Stack::start(self.world.router()).await?;
        stack.set_static(vec![b'x'; self.mean_bytes].into());
        let mut home = self.load(args, Mix { deeper_percent: args.deeper_percent, cold_percent: args.cold_percent });
        let mut hot = self.load(args, Mix { deeper_percent: 0, cold_percent: 0 });
        let reader = self.hot.first().copied().context("a reader")?;
        let same = || Box::new(Same(get(STATIC, &token(reader)))) as Box<dyn Talk>;
        let mut fixed = Load::new((0..args.connections.max(1)).map(|_| same()).collect());
        let time = Duration::from_secs(args.seconds) / TURNS;
        for turn in 0..=TURNS {
            for load in [&mut home, &mut hot, &mut fixed] {
                load.turn(&stack, time, Pace::Saturated, turn > 0).await?;
            }
        }
        home.report("http_home_", report);
        hot.report("http_home_hot_", report);
        fixed.report("http_static_", report);
        report.add_spread("home_of_static", "_ratio", &home.ratios(&fixed));
        report.add_spread("home_hot_of_static", "_ratio", &hot.ratios(&fixed));
        let half = home.rate() / 2.0;
        let mut home = home.anew();
        for turn in 0..2 {
            home.turn(&stack, time, Pace::PerSecond(half), turn > 0).await?;
        }
        home.report("http_home_half_load_", report);
        report.add("http_home_half_load_of_asked_ratio", median(&home.rates) / half.max(f64::MIN_POSITIVE));
        stack.stop().await
    }
}

fn shuffle(numbers: &mut [u32], dice: &mut Dice) {
    for last in (1..numbers.len()).rev() {
        numbers.swap(last, dice.below(last as u32 + 1) as usize);
    }
}
