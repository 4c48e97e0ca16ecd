//! Posts over HTTP against the whole platform in one process: every role, embedded stores, fsync; beside a static body of the same size
//! from the same stack, in turns.
//!
//! An answer comes when the post is durable and the author's own views show it. A post counts only where every delivery settled within two
//! seconds of that (`settle.rs`). At the end the homes of readers, as the API gives them, equal what was acknowledged.

mod batching;
pub(super) mod settle;
pub(super) mod world;
pub(super) mod writing;

use super::dice::Dice;
use super::folder::{self, Sizes};
use super::http::{Load, Pace, Stack, TURNS, Talk, client};
use super::report::{Report, median, whole};
use anyhow::{Context, Result, ensure};
use batching::Batches;
use bytes::Bytes;
use queries::PageAsk;
use schemas::PostId;
use settle::{SETTLED_WITHIN, Seen, Settled};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use world::World;
use writing::{Writing, Written, post_id, request, texts};

const SEED: u64 = 1;
/// Readers whose homes are compared with what was acknowledged.
const CHECKED_READERS: usize = 50;
/// Pages of each.
const CHECKED_PAGES: usize = 3;
const PAGE: usize = 40;

/// What to post, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of workload W1, who post by its rates.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Readers whose timelines are hot: deliveries go to them.
    #[arg(long, default_value_t = 2_000)]
    readers: usize,
    /// How long to post, in all turns; the static body is read as long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections at once, each with one request at a time.
    #[arg(long, default_value_t = 128)]
    connections: u64,
    /// Connections that send batches, each one batch at a time.
    #[arg(long, default_value_t = 16)]
    batch_connections: u64,
    /// A folder on the disk to be measured; by default the workspace's target folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let folder = folder::make(&folder::parent(args.folder.as_ref())?, "post")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::new("post");
        let world = World::prepare(folder.path(), (args.accounts, args.readers), SEED, &mut report).await?;
        describe(&world, &mut report);
        world.node.ports.views.flush().await?;
        let before = Sizes::of(folder.path())?;
        let posts = measure(args, &world, &mut report).await?;
        report.add_peak_memory();
        world.node.shutdown().await?;
        before.report_growth(folder.path(), ("post", posts.max(1) as f64), &mut report)?;
        Ok(report)
    })
}

fn describe(world: &World, report: &mut Report) {
    let follows: usize = world.readers.iter().map(|reader| reader.followees.len()).sum();
    report.note(
        "workload",
        format!(
            "W1 of {} accounts, all of them opened, and {} follows; {} readers are there with the {follows} follows of theirs",
            world.members.len(),
            world.edges,
            world.readers.len()
        ),
    );
}

/// Posts for all turns; says how many were acknowledged.
async fn measure(args: &Args, world: &Arc<World>, report: &mut Report) -> Result<usize> {
    let stack = Stack::start(infra::http::finish(world.node.api(), world.node.edge.clone())).await?;
    let (written, mut dice) = (Arc::new(Written::default()), Dice::new(SEED + 1));
    let texts = texts(&mut dice);
    let body = first(world, &stack, &written, texts.first().context("there are texts")?).await?;
    report.add("answer_bytes", body.len() as f64);
    stack.set_static(body);
    let load = |written: Option<&Arc<Written>>| {
        let talk = |n| Box::new(Writing::new(world, &texts, Dice::new(SEED + 100 + n), written)) as Box<dyn Talk>;
        Load::new((0..args.connections.max(1)).map(talk).collect())
    };
    let (mut posts, mut fixed) = (load(Some(&written)), load(None));
    let (mut settled, mut seen, mut counted) = (Settled::new(), Seen::new(), Vec::new());
    let time = Duration::from_secs(args.seconds) / TURNS;
    for turn in 0..=TURNS {
        let (of_turn, seen_in_turn) = one_turn(world, &stack, &written, &mut posts, (time, Pace::Saturated, turn > 0)).await?;
        fixed.turn(&stack, time, Pace::Saturated, turn > 0).await?;
        if turn > 0 {
            counted.push(posts.rates.last().copied().unwrap_or_default() * of_turn.in_time());
            settled.add(&of_turn)?;
            seen.add(&seen_in_turn)?;
        }
    }
    report.add_spread("settled_rate", "_per_s", &counted);
    posts.report("", report);
    fixed.report("static_", report);
    let ratios: Vec<f64> = counted.iter().zip(&fixed.rates).map(|(rate, fixed)| rate / fixed.max(f64::MIN_POSITIVE)).collect();
    report.add_spread("settled_of_static", "_ratio", &ratios);
    report.add("settled_within_2_s_share", settled.in_time());
    delays("", &settled, &seen, report);
    let half = median(&counted) / 2.0;
    let mut posts = posts.anew();
    let (settled, seen) = one_turn(world, &stack, &written, &mut posts, (2 * time, Pace::PerSecond(half.max(1.0)), true)).await?;
    posts.report("half_load_", report);
    delays("half_load_", &settled, &seen, report);
    report.add("stale_answers", whole(written.stale()));
    let mut batches = Batches::new(args.batch_connections, world, &texts, &written);
    batches.measure((world, &stack), &mut fixed.anew(), time, report).await?;
    check(world, &written, report).await?;
    stack.stop().await?;
    Ok(written.newest_first().len())
}

/// The first post: what an answer looks like.
async fn first(world: &World, stack: &Stack, written: &Written, text: &str) -> Result<Bytes> {
    let member = world.members.first().context("there are accounts")?;
    let body = client::once(stack.address, &request("/api/v1/statuses", &member.token, text)).await?;
    written.add(post_id(&body)?, 0);
    Ok(body.into())
}

/// Posts for a while, watching; returns once everything has settled, so that the next turn starts from rest.
async fn one_turn(
    world: &Arc<World>,
    stack: &Stack,
    written: &Arc<Written>,
    posts: &mut Load,
    (time, pace, measured): (Duration, Pace, bool),
) -> Result<(Settled, Seen)> {
    let stop = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(settle::watch(world.clone(), stop.clone()));
    let probing = tokio::spawn(settle::probe(world.clone(), stack.address, written.clone(), stop.clone()));
    let posted = posts.turn(stack, time, pace, measured).await;
    stop.store(true, Ordering::Relaxed);
    let settled = watching.await.context("the watch panicked")??;
    let seen = probing.await.context("the probe panicked")??;
    posted?;
    Ok((settled, seen))
}

fn delays(prefix: &str, settled: &Settled, seen: &Seen, report: &mut Report) {
    report.add_latencies(&format!("{prefix}settle_"), &settled.delays_us);
    report.add(format!("{prefix}settled_after_2_s_records"), whole(settled.late));
    report.add(format!("{prefix}followed_posts"), whole(seen.posts));
    report.add_latencies(&format!("{prefix}visible_to_author_"), &seen.by_author_us);
    report.add_latencies(&format!("{prefix}visible_to_follower_"), &seen.by_follower_us);
    report.add_latencies(&format!("{prefix}searchable_"), &seen.by_search_us);
}

/// All that was acknowledged is there, once; and the homes of some readers are what it comes to.
async fn check(world: &World, written: &Written, report: &mut Report) -> Result<()> {
    let posts = written.newest_first();
    let distinct: HashSet<PostId> = posts.iter().map(|(post, _)| *post).collect();
    ensure!(distinct.len() == posts.len(), "a post was acknowledged twice");
    let counted = world.statuses().await?;
    ensure!(counted == posts.len() as u64, "{} posts were acknowledged, the views count {counted}", posts.len());
    for reader in world.readers.iter().take(CHECKED_READERS) {
        let of_whom: HashSet<u32> = reader.followees.iter().copied().chain([reader.account]).collect();
        let mut wanted = posts.iter().filter(|(_, author)| of_whom.contains(author)).map(|(post, _)| post.0);
        let mut ask = PageAsk::newest(PAGE);
        for page in 0..CHECKED_PAGES {
            let wanted: Vec<u64> = wanted.by_ref().take(PAGE).collect();
            let items = world.node.queries.home(world.id(reader.account), ask).await?.items;
            ensure!(ids(&items.to_bytes())? == wanted, "page {page} of reader {} is not what was acknowledged", reader.account);
            ask.max_id = wanted.last().copied();
        }
    }
    let stats = world.timelines.stats();
    report.add("acknowledged_posts", posts.len() as f64);
    report.add("entry_bytes", stats.ring_bytes as f64 / stats.entries.max(1) as f64);
    report.add("edge_bytes", stats.edge_bytes as f64 / stats.edges.max(1) as f64);
    report.note(
        "settled",
        format!("only posts whose records were in all views within {SETTLED_WITHIN:?} count; {CHECKED_READERS} homes compared"),
    );
    Ok(())
}

/// The ids of a page of posts.
pub(super) fn ids(items: &[u8]) -> Result<Vec<u64>> {
    let page: Vec<serde_json::Value> = serde_json::from_slice(items)?;
    let id = |post: &serde_json::Value| post.get("id").and_then(|id| id.as_str()).context("a post has no id")?.parse().context("an id");
    page.iter().map(id).collect()
}
