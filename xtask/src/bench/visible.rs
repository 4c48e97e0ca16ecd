//! How soon a post is seen, while others write at half of what the platform carries: by its author, a follower, and a searcher.
//!
//! The platform and its writers are those of `pipeline`: in this process, over the command bus, open loop. Three questions: how soon an
//! ordinary post is seen; when a post of the most followed account is in the timeline of every reader that is there; and how soon everybody
//! else's posts are seen while that account posts once a second.

mod probe;

use super::folder;
use super::pipeline::rate::Writers;
use super::pipeline::{check, followers, load};
use super::post::world::World;
use super::report::{Report, whole};
use anyhow::{Context, Result};
use infra::timelines::{Stretch, Timelines};
use probe::{Seen, probe};
use schemas::{AccountId, PostId};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SEED: u64 = 1;
/// Posts of the most followed account in a burst, and how far they lie apart.
const BURST_POSTS: u32 = 10;
const BURST_EVERY: Duration = Duration::from_secs(1);
/// How long the wait for all timelines may last.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at those timelines that lack a post.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How much to measure, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of workload W1, who write by its rates.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Readers whose timelines are hot.
    #[arg(long, default_value_t = 10_000)]
    readers: usize,
    /// How long ordinary posts are followed at half load.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How long each rate is tried while the full load is looked for.
    #[arg(long, default_value_t = 5)]
    step_seconds: u64,
    /// Commands a second of half the load; without it the full load is looked for as `pipeline` does, in short steps.
    #[arg(long)]
    rate: Option<f64>,
    /// A folder on the disk to be measured; by default the workspace's target folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let folder = folder::make(&folder::parent(args.folder.as_ref())?, "visible")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::new("visible");
        let world = World::prepare(folder.path(), (args.accounts, args.readers), SEED, &mut report).await?;
        measure(args, &world, &mut report).await?;
        report.add_peak_memory();
        world.node.shutdown().await?;
        Ok(report)
    })
}

async fn measure(args: &Args, world: &Arc<World>, report: &mut Report) -> Result<()> {
    let followers_before = followers(world).await?;
    let writers = Arc::new(Writers::new(world)?);
    let rate = match args.rate {
        Some(rate) => rate,
        None => writers.highest(Duration::from_secs(args.step_seconds)).await?.0 / 2.0,
    };
    let celebrity = most_followed(world).context("there are readers")?;
    let fans: Vec<AccountId> =
        world.readers.iter().filter(|reader| reader.followees.contains(&celebrity)).map(|r| world.id(r.account)).collect();
    report.add("half_load_per_s", rate);
    report.add("celebrity_hot_followers", fans.len() as f64);

    let stop = Arc::new(AtomicBool::new(false));
    let loading = {
        let (writers, stop) = (writers.clone(), stop.clone());
        // Until told to stop: so long nothing here takes.
        let time = Duration::from_secs(24 * 3_600);
        tokio::spawn(async move { load::send(&writers.bus, &writers.mix, rate.max(1.0), time, &stop).await })
    };
    let measured = phases(args, &writers, (celebrity, &fans), report).await;
    stop.store(true, Ordering::Relaxed);
    let sent = loading.await.context("the load panicked")??;
    measured?;
    report.add("load_answered_per_s", whole(sent.answers_us.len()) / sent.time.as_secs_f64());
    report.add("load_refused", whole(sent.refused));
    report.add_latencies("load_answer_", &sent.answers_us);
    settle(world).await?;
    check(world, &writers.mix.acknowledged(), followers_before).await
}

async fn phases(args: &Args, writers: &Arc<Writers>, (celebrity, fans): (u32, &[AccountId]), report: &mut Report) -> Result<()> {
    let burst_time = BURST_POSTS * BURST_EVERY;
    // The rings and caches of the first seconds are not what it is like.
    probe(writers, celebrity, Duration::from_secs(2)).await?;
    add("", &probe(writers, celebrity, Duration::from_secs(args.seconds)).await?, report);
    let before = probe(writers, celebrity, burst_time).await?;
    let (during, complete) = tokio::try_join!(probe(writers, celebrity, burst_time), burst(writers, celebrity, fans))?;
    report.add_spread("celebrity_post_complete", "_ms", &complete);
    let p99 = |seen: &Seen| whole(seen.by_follower_us.value_at_quantile(0.99).max(1));
    report.add("before_burst_posts", whole(before.by_follower_us.len()));
    report.add_latencies("before_burst_visible_to_follower_", &before.by_follower_us);
    report.add("burst_posts", whole(during.by_follower_us.len()));
    report.add_latencies("burst_visible_to_follower_", &during.by_follower_us);
    report.add("burst_p99_of_before_ratio", p99(&during) / p99(&before));
    Ok(())
}

fn add(prefix: &str, seen: &Seen, report: &mut Report) {
    report.add(format!("{prefix}followed_posts"), whole(seen.by_follower_us.len()));
    report.add_latencies(&format!("{prefix}visible_to_author_"), &seen.by_author_us);
    report.add_latencies(&format!("{prefix}visible_to_follower_"), &seen.by_follower_us);
    report.add_latencies(&format!("{prefix}searchable_"), &seen.by_search_us);
}

/// Whom most of the hot readers follow.
fn most_followed(world: &World) -> Option<u32> {
    let mut counts = vec![0_u32; world.members.len()];
    for followee in world.readers.iter().flat_map(|reader| &reader.followees) {
        if let Some(count) = counts.get_mut(*followee as usize) {
            *count += 1;
        }
    }
    (0..).zip(counts).max_by_key(|(_, count)| *count).map(|(account, _)| account)
}

/// Posts of one account, each at its time; in milliseconds, from when each was due until every timeline has it.
async fn burst(writers: &Arc<Writers>, author: u32, fans: &[AccountId]) -> Result<Vec<f64>> {
    let (began, fans) = (Instant::now(), Arc::new(fans.to_vec()));
    let mut posts = tokio::task::JoinSet::new();
    for number in 0..BURST_POSTS {
        let due = began + number * BURST_EVERY;
        tokio::time::sleep_until(due.into()).await;
        let (writers, fans) = (writers.clone(), fans.clone());
        posts.spawn(async move {
            let planned = writers.mix.post_of(author, &format!("burst{number}"));
            let receipt = writers.bus.execute(planned.envelope).await?;
            writers.mix.heard(planned.about, receipt.id);
            everywhere(&writers.world, &fans, PostId(receipt.id)).await?;
            anyhow::Ok(due.elapsed().as_secs_f64() * 1e3)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = posts.join_next().await {
        all.push(done.context("a wait for timelines panicked")??);
    }
    Ok(all)
}

/// Waits until the timelines of all these readers have the post.
async fn everywhere(world: &World, fans: &[AccountId], post: PostId) -> Result<()> {
    let (began, mut missing) = (Instant::now(), fans.to_vec());
    let stretch = Stretch { below: Some(PostId(post.0 + 1)), limit: 1, ..Stretch::default() };
    while let Some(reader) = missing.last().copied() {
        let newest = world.timelines.home(reader, stretch).await?;
        if newest.first().is_some_and(|entry| entry.post == post) {
            missing.pop();
        } else if began.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
        } else {
            anyhow::bail!("post {post} did not reach the timelines of {} readers", missing.len());
        }
    }
    Ok(())
}

/// Waits until views and search have all that the log holds.
async fn settle(world: &Arc<World>) -> Result<()> {
    let watch = super::pipeline::lag::Watch::start(world, &Arc::default());
    watch.end().await?;
    Ok(())
}
