//! Deliveries into home timelines on a real CQL server: packed blocks, as projectors write them, beside a bare prepared statement for each
//! delivery. Both sides write the same deliveries with as many statements in flight, in turns; the server says how many rows there are.
//!
//! Eight partitions apply their posts at once in steps of 280, as steps of 512 records hold. Pages of some readers are compared with what was
//! delivered, or the bench fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infra::cql::{CqlClient, CqlUrl, migrate};
use infra::timelines::cql::{CqlTimelineOptions, CqlTimelines};
use infra::timelines::{Delivery, Entry, MemorySource, Stretch, TimelineOp, Timelines};
use schemas::{AccountId, PartitionId, PostId, Snowflake};

use super::super::dice::Dice;
use super::super::report::{Report, Stopwatch};
use super::{TimelinesArgs, ratios};
use crate::cluster::{Cluster, Kind, Options};

const SEED: u64 = 1;
const PARTITIONS: u32 = 8;
/// Posts of one `apply`.
const STEP_POSTS: usize = 280;
/// Statements in flight of the bare writer: the bound of the client that both sides share.
const IN_FLIGHT: usize = 256;
/// How often they read until all have a seat, which is made in the background.
const SITTING_ROUNDS_MAX: u32 = 30;
/// Readers who sit down at once.
const SITTING: usize = 32;
const START_MS: u64 = 1_700_000_000_000;
/// Time between two turns' first posts.
const TURN_MS: u64 = 100_000;
/// Numbers of readers begin here, those of authors at one.
const READERS_FROM: u64 = 1_000_000;
const SAMPLED_READERS: u32 = 50;
const PAGE: usize = 40;

/// Starts Cassandra, measures, and ends it.
pub(super) fn run(args: &TimelinesArgs, runs: u32, report: &mut Report) -> Result<()> {
    ensure!(args.readers > 0 && args.authors > 0 && args.posts >= PARTITIONS, "there is nothing to deliver");
    let cluster = Cluster::up(&Options { kinds: vec![Kind::Cql], brokers: 1 })?;
    let server = cluster.address(Kind::Cql).context("Cassandra was started")?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    runtime.block_on(measure(&server, args, runs, report))?;
    cluster.down()
}

/// A row of the bare writer.
#[derive(Debug, Clone, Copy)]
struct Row {
    reader: AccountId,
    entry: Entry,
}

/// Who gets whose posts, and what has been posted.
struct World {
    audiences: Vec<Vec<AccountId>>,
    dice: Dice,
    delivered: BTreeMap<AccountId, Vec<Entry>>,
}

impl World {
    fn new(args: &TimelinesArgs, source: &MemorySource) -> Self {
        let mut dice = Dice::new(SEED);
        let mut audiences = Vec::new();
        for author in 1..=args.authors {
            let mut audience: Vec<AccountId> = (0..args.audience).map(|_| reader(dice.below(args.readers))).collect();
            audience.sort_unstable();
            audience.dedup();
            for reader in &audience {
                source.follow(*reader, AccountId(u64::from(author)));
            }
            audiences.push(audience);
        }
        Self { audiences, dice, delivered: BTreeMap::new() }
    }

    /// The posts of a turn, by partition, and the rows that they come to.
    fn turn(&mut self, args: &TimelinesArgs, turn: u32) -> (Vec<Vec<TimelineOp>>, Vec<Row>) {
        let (mut ops, mut rows) = (Vec::new(), Vec::new());
        for partition in 0..PARTITIONS {
            let mut of_partition = Vec::new();
            for n in 0..u64::from(args.posts / PARTITIONS) {
                let author = self.dice.below(args.authors);
                let id = Snowflake::new(START_MS + u64::from(turn) * TURN_MS + n, PartitionId(partition as u16), 0);
                let entry = Entry { post: PostId(id.0), author: AccountId(u64::from(author) + 1), flags: 0 };
                for reader in self.audiences.get(author as usize).map_or(&[][..], Vec::as_slice) {
                    rows.push(Row { reader: *reader, entry });
                    self.delivered.entry(*reader).or_default().push(entry);
                }
                of_partition.push(TimelineOp::Posted(entry));
            }
            ops.push(of_partition);
        }
        (ops, rows)
    }
}

fn reader(number: u32) -> AccountId {
    AccountId(READERS_FROM + u64::from(number))
}

async fn measure(server: &str, args: &TimelinesArgs, runs: u32, report: &mut Report) -> Result<()> {
    let url: CqlUrl = format!("cql://{server}/roost_bench").parse()?;
    let client = Arc::new(CqlClient::connect(&url).await?);
    migrate(&client, &url.replication()).await?;
    client.run_once("CREATE TABLE KS.bare (reader bigint, post bigint, author bigint, flags int, PRIMARY KEY (reader, post))").await?;
    let source = Arc::new(MemorySource::new());
    let mut world = World::new(args, &source);
    let options = CqlTimelineOptions::default();
    let timelines = Arc::new(CqlTimelines::open(client.clone(), source, Arc::new(|| START_MS), options).await?);
    let mut rounds = 0;
    while !sit_down(&timelines, args.readers).await? {
        rounds += 1;
        ensure!(rounds < SITTING_ROUNDS_MAX, "readers have no seats after {rounds} rounds of reading");
        tokio::time::sleep(options.settling()).await;
    }
    let mut found = Found::default();
    for turn in 0..=runs {
        let (ops, rows) = world.turn(args, turn);
        let count = rows.len() as f64;
        // Neither side has the server to itself first in all turns.
        let (mut bare_s, bare_first) = (0.0, turn % 2 == 0);
        if bare_first {
            bare_s = write_bare(&client, rows.clone()).await?;
        }
        let (before, watch) = (blocks(&client).await?, Stopwatch::start());
        let packed_s = apply(&timelines, &ops).await?;
        let cpu = watch.spent().cpu;
        let written = (blocks(&client).await? - before) as f64;
        if !bare_first {
            bare_s = write_bare(&client, rows).await?;
        }
        // The first turn warms up.
        if turn > 0 {
            found.add(count, written, (bare_s, packed_s), cpu);
        }
    }
    compare(&timelines, &world, args).await?;
    found.tell(report);
    Ok(())
}

#[derive(Default)]
struct Found {
    bare_per_s: Vec<f64>,
    packed_per_s: Vec<f64>,
    rows_per_s: Vec<f64>,
    deliveries: f64,
    rows: f64,
    packed_cpu_s: f64,
}

impl Found {
    fn add(&mut self, deliveries: f64, rows: f64, (bare_s, packed_s): (f64, f64), packed_cpu: Duration) {
        self.bare_per_s.push(deliveries / bare_s);
        self.packed_per_s.push(deliveries / packed_s);
        self.rows_per_s.push(rows / packed_s);
        self.deliveries += deliveries;
        self.rows += rows;
        self.packed_cpu_s += packed_cpu.as_secs_f64();
    }

    fn tell(self, report: &mut Report) {
        report.note("timelines_server", "CQL (Cassandra 5), one node on this machine, whose processor time both sides share");
        let method = "the same deliveries in turns: a prepared statement each, and blocks through the timelines port, their audiences read \
                      by it; 256 statements in flight";
        report.note("timelines_method", method);
        report.add("timelines_deliveries", self.deliveries);
        report.add("timelines_deliveries_per_block", self.deliveries / self.rows.max(1.0));
        report.add_spread("timelines_bare", "_per_s", &self.bare_per_s);
        report.add_spread("timelines_packed", "_per_s", &self.packed_per_s);
        report.add_spread("timelines_packed_rows", "_per_s", &self.rows_per_s);
        report.add_spread("timelines_deliveries_packed_to_bare", "_ratio", &ratios(&self.packed_per_s, &self.bare_per_s));
        report.add_spread("timelines_rows_packed_to_bare", "_ratio", &ratios(&self.rows_per_s, &self.bare_per_s));
        report.add("timelines_packed_cpu_s_per_million", self.packed_cpu_s * 1e6 / self.deliveries);
    }
}

/// Has every reader read once, who then gets a seat; whether all have one already.
async fn sit_down(timelines: &Arc<CqlTimelines>, readers: u32) -> Result<bool> {
    let all_sit = Arc::new(AtomicBool::new(true));
    let lanes = (0..SITTING).map(|lane| {
        let (timelines, all_sit) = (timelines.clone(), all_sit.clone());
        tokio::spawn(async move {
            for number in (0..readers).skip(lane).step_by(SITTING) {
                let reader = reader(number);
                // Everybody's own posts are pushed to their seat.
                if timelines.delivery(reader, reader).await? != Delivery::Push {
                    all_sit.store(false, Ordering::Relaxed);
                    timelines.home(reader, Stretch { limit: 1, ..Stretch::default() }).await?;
                }
            }
            anyhow::Ok(())
        })
    });
    join(lanes.collect()).await?;
    Ok(all_sit.load(Ordering::Relaxed))
}

/// Writes a row for each delivery; says how many seconds it took.
async fn write_bare(client: &Arc<CqlClient>, rows: Vec<Row>) -> Result<f64> {
    let insert = client.prepare("INSERT INTO KS.bare (reader, post, author, flags) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?;
    let rows = Arc::new(rows);
    let began = Instant::now();
    let lanes = (0..IN_FLIGHT).map(|lane| {
        let (client, insert, rows) = (client.clone(), insert.clone(), rows.clone());
        tokio::spawn(async move {
            for Row { reader, entry } in rows.iter().skip(lane).step_by(IN_FLIGHT) {
                client.run(&insert, (reader.0 as i64, entry.post.0 as i64, entry.author.0 as i64, 0_i32, 1_i64)).await?;
            }
            anyhow::Ok(())
        })
    });
    join(lanes.collect()).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// Applies the posts of all partitions at once, each in steps; says how many seconds it took.
async fn apply(timelines: &Arc<CqlTimelines>, ops: &[Vec<TimelineOp>]) -> Result<f64> {
    let began = Instant::now();
    let lanes = ops.iter().map(|ops| {
        let (timelines, ops) = (timelines.clone(), ops.clone());
        tokio::spawn(async move {
            for step in ops.chunks(STEP_POSTS) {
                timelines.apply(step).await?;
            }
            anyhow::Ok(())
        })
    });
    join(lanes.collect()).await?;
    Ok(began.elapsed().as_secs_f64())
}

async fn join(lanes: Vec<tokio::task::JoinHandle<Result<()>>>) -> Result<()> {
    for lane in lanes {
        lane.await.context("a writer panicked")??;
    }
    Ok(())
}

async fn blocks(client: &CqlClient) -> Result<i64> {
    let count = client.prepare("SELECT COUNT(*) FROM KS.timeline_shelves").await?;
    let rows = client.rows::<(i64,)>(&count, ()).await?;
    rows.first().map(|(count,)| *count).context("a count is one row")
}

/// Compares pages with what was delivered.
async fn compare(timelines: &CqlTimelines, world: &World, args: &TimelinesArgs) -> Result<()> {
    for number in (0..args.readers).step_by(args.readers.div_ceil(SAMPLED_READERS) as usize) {
        let page = timelines.home(reader(number), Stretch { limit: PAGE, ..Stretch::default() }).await?;
        let mut expected = world.delivered.get(&reader(number)).cloned().unwrap_or_default();
        expected.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.post));
        expected.truncate(PAGE);
        ensure!(page == expected, "the page of reader {number} differs from what was delivered");
    }
    Ok(())
}
