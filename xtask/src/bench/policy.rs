//! Adaptive push and pull beside push-all, pull-all and fixed thresholds, in four regimes: processor time per served page, at equal freshness.
//!
//! Every policy goes through the same sequence of posts and reads, a part at a time, in turns. What counts is the time for deliveries and
//! reads together, divided by pages: a policy that saves at one end pays at the other. Pages equal the naive reference at that moment.

mod script;
mod serve;

use super::report::{Report, forget_peak_memory, median, whole};
use super::w1::W1;
use anyhow::{Context, Result};
use infra::timelines::ring::Policy;
use script::{REGIMES, Regime, Script};
use serve::Server;
use std::sync::Arc;

const SEED: u64 = 1;
const START_MS: u64 = 1_700_000_000_000;
/// Followers from which a fixed threshold pulls, in the sweep.
const THRESHOLDS: [u64; 9] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];

/// Parts in which policies warm up in turns.
const WARM_PARTS: usize = 48;

/// What to go through.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of W1.
    #[arg(long, default_value_t = 20_000)]
    accounts: usize,
    /// Turns of each policy in each regime.
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Only this regime.
    #[arg(long, value_parser = REGIMES.map(|regime| regime.name))]
    regime: Option<String>,
}

/// Measures every policy in every regime.
///
/// # Errors
/// Fails where a page differs from the reference.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let w1 = Arc::new(W1::generate(args.accounts, SEED));
    let mut report = Report::new("policy");
    report.add("accounts", f64::from(w1.accounts()));
    report.add("edges", whole(w1.edges() as u64));
    forget_peak_memory();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for regime in REGIMES.into_iter().filter(|regime| args.regime.as_ref().is_none_or(|wanted| wanted == regime.name)) {
        runtime.block_on(measure(regime, &w1, args.turns.max(1), &mut report))?;
    }
    report.add_peak_memory();
    Ok(report)
}

/// The policies with their names; thresholds that nobody reaches are push-all again, and left out.
fn policies(w1: &W1) -> Vec<(String, Policy)> {
    let most = (0..w1.accounts()).map(|account| w1.followers(account).len() as u64).max().unwrap_or_default();
    let mut all =
        vec![("adaptive".to_owned(), Policy::Adaptive), ("push_all".to_owned(), Policy::PushAll), ("pull_all".to_owned(), Policy::PullAll)];
    let reached = THRESHOLDS.into_iter().filter(|followers| *followers <= most);
    all.extend(reached.map(|followers| (format!("threshold_{followers}"), Policy::Threshold { followers })));
    all
}

async fn measure(regime: Regime, w1: &Arc<W1>, turns: usize, report: &mut Report) -> Result<()> {
    let script = Script::draw(regime, w1, turns);
    let mut servers: Vec<Server> = policies(w1).into_iter().map(|(name, policy)| Server::new(name, policy, &script)).collect();
    // In turns as well: rings of one after the other, and not all of one before those of the next, or the first finds worse memory.
    for acts in script.warm.chunks(script.warm.len().div_ceil(WARM_PARTS).max(1)) {
        for server in &mut servers {
            server.go(acts, false).await?;
        }
    }
    for acts in &script.turns {
        // Whoever was first is last next time: none always finds the caches as the same other one left them.
        servers.rotate_left(1);
        for server in &mut servers {
            server.go(acts, true).await?;
        }
    }
    servers.sort_by(|one, other| median(&one.us_per_page).total_cmp(&median(&other.us_per_page)));
    for server in &servers {
        report.add_spread(&format!("{}_{}", regime.name, server.name), "_cpu_us_per_page", &server.us_per_page);
    }
    let adaptive = servers.iter().find(|server| server.name == "adaptive").context("the adaptive policy is measured")?;
    let best = servers.iter().find(|server| server.name != "adaptive").context("other policies are measured")?;
    let ratios: Vec<f64> = adaptive.us_per_page.iter().zip(&best.us_per_page).map(|(adaptive, best)| adaptive / best).collect();
    report.add_spread(&format!("{}_adaptive_of_best", regime.name), "_ratio", &ratios);
    let costs = adaptive.timelines.costs();
    for (name, nanoseconds) in [("push", costs.push_ns), ("open", costs.open_ns), ("entry", costs.entry_ns), ("fill", costs.fill_ns)] {
        report.add(format!("{}_adaptive_{name}_ns", regime.name), f64::from(nanoseconds));
    }
    let compared = servers.iter().map(|server| server.pages_compared as u64).sum();
    report.add(format!("{}_pages_compared", regime.name), whole(compared));
    report.add(format!("{}_posts", regime.name), whole(script.history.len() as u64));
    report.note(regime.name, format!("the best of the others is {}", best.name));
    Ok(())
}
