//! What the whole write side carries: the highest rate of W1's writes at which every view keeps up, search included.
//!
//! The platform runs in this process on embedded stores with fsync. Commands come over the command bus, without HTTP, at a set rate: each
//! at its time, whether those before are answered or not. At the end everything that was acknowledged is in the views (`check.rs`).

mod check;
pub(super) mod lag;
pub(super) mod load;
mod memory;
pub(super) mod mix;
pub(super) mod rate;

use super::folder::{self, Sizes};
use super::post::world::World;
use super::report::{Report, whole};
use anyhow::Result;
pub(super) use check::{check, followers};
use rate::{Hold, Writers};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const SEED: u64 = 1;
/// Holds at the most; each rate is a tenth below the one before.
const HOLDS_MAX: u32 = 10;
const LOWER: f64 = 0.9;
/// Memory is flat where its last third is at most so much above the second.
const FLAT: f64 = 1.05;

/// How much to measure, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of workload W1, who write by its rates.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Readers whose timelines are hot: deliveries go to them.
    #[arg(long, default_value_t = 2_000)]
    readers: usize,
    /// How long the rate that is found must hold.
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// How long each rate is tried on the way there.
    #[arg(long, default_value_t = 5)]
    step_seconds: u64,
    /// A folder on the disk to be measured; by default the workspace's target folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let folder = folder::make(&folder::parent(args.folder.as_ref())?, "pipeline")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::new("pipeline");
        let world = World::prepare(folder.path(), (args.accounts, args.readers), SEED, &mut report).await?;
        measure(args, folder.path(), &world, &mut report).await?;
        report.add_peak_memory();
        world.node.shutdown().await?;
        Ok(report)
    })
}

async fn measure(args: &Args, folder: &std::path::Path, world: &Arc<World>, report: &mut Report) -> Result<()> {
    let followers_before = followers(world).await?;
    let writers = Writers::new(world)?;
    let (highest, steps) = writers.highest(Duration::from_secs(args.step_seconds)).await?;
    report.add("steps", f64::from(steps));
    report.add("short_rate_per_s", highest);
    let mut rate = highest.max(1.0);
    for holds in 1..=HOLDS_MAX {
        world.node.ports.views.flush().await?;
        let before = Sizes::of(folder)?;
        let hold = writers.hold(rate, Duration::from_secs(args.seconds)).await?;
        if !hold.held() && holds < HOLDS_MAX {
            rate *= LOWER;
            continue;
        }
        world.node.ports.views.flush().await?;
        report.add("holds", f64::from(holds));
        add(&hold, report);
        before.report_growth(folder, ("command", whole(hold.sent.answers_us.len().max(1))), report)?;
        break;
    }
    let known = writers.mix.acknowledged();
    check(world, &known, followers_before).await?;
    for (what, count) in [
        ("posts", known.posts),
        ("replies", known.replies),
        ("reblogs", known.reblogs),
        ("favourites", known.favourites),
        ("follows", known.follows),
        ("unfollows", known.unfollows),
        ("samples_compared", known.samples.len() as u64),
    ] {
        report.add(format!("acknowledged_{what}"), whole(count));
    }
    Ok(())
}

fn add(hold: &Hold, report: &mut Report) {
    let held = hold.held();
    report.add("sustained_rate_per_s", if held { hold.answered_per_s() } else { 0.0 });
    report.add("hold_rate_per_s", hold.rate);
    report.add("hold_s", hold.sent.time.as_secs_f64());
    report.add("refused", whole(hold.sent.refused));
    report.add_latencies("answer_", &hold.sent.answers_us);
    for (view, lag) in &hold.lags {
        report.add(format!("{view}_lag_max_ms"), lag.as_secs_f64() * 1e3);
    }
    report.add("cpu_s_per_million", hold.spent.cpu.as_secs_f64() * 1e6 / whole(hold.sent.answers_us.len().max(1)));
    report.add("cpu_share_of_a_core", hold.spent.cpu.as_secs_f64() / hold.spent.wall.as_secs_f64());
    report.add("memory_first_third_mb", hold.memory.first_mb);
    report.add("memory_second_third_mb", hold.memory.second_mb);
    report.add("memory_last_third_mb", hold.memory.last_mb);
    let flat = hold.memory.last_mb <= FLAT * hold.memory.second_mb;
    report.note(
        "held",
        format!("the rate {}, memory {}", if held { "held" } else { "did not hold" }, if flat { "is flat" } else { "grows" }),
    );
    report
        .note("commands", "of 100 writes 55 posts, 25 reblogs, 15 replies, 4 follows, 1 unfollow; beside them 5 favourites for each post");
}
