//! Views compared with the log.

mod decisions;

use anyhow::{Context, anyhow};
use projectors::{ProjectorOptions, Target, Verified};
use schemas::rows::View;

use crate::offline::Deployment;

/// Reads what to verify beside a running server; nothing named, every view that is projected and the search index. What the write side
/// keeps itself, `decisions`, stands still only while no server runs: see [`targets_offline`].
pub fn targets(names: &[String]) -> anyhow::Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(Target::all());
    }
    let known = || Target::all().iter().map(|target| target.name()).collect::<Vec<_>>().join(", ");
    let named = |name: &String| Target::named(name).ok_or_else(|| anyhow!("{name} is nothing to verify: there are {}", known()));
    names.iter().map(named).collect()
}

/// Reads what to verify in a data folder that no server has open; nothing named, everything.
pub fn targets_offline(names: &[String]) -> anyhow::Result<Vec<Target>> {
    let (own, others): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| *name == View::Decisions.name());
    let mut found = if others.is_empty() && !own.is_empty() { Vec::new() } else { targets(&others)? };
    if names.is_empty() || !own.is_empty() {
        found.push(Target::View(View::Decisions));
    }
    Ok(found)
}

/// Verifies a view, or the search index, in a data folder that no server has open.
pub async fn verify(deployment: &Deployment, target: Target) -> anyhow::Result<Verified> {
    let options = ProjectorOptions::default();
    let verified = match target {
        Target::View(View::Decisions) => return decisions::verify(deployment).await,
        Target::View(view) => projectors::verify(&deployment.log, &deployment.views, options, view).await,
        Target::Search => projectors::verify_search(&deployment.log, &deployment.search, options).await,
    };
    verified.with_context(|| format!("{} could not be verified", target.name()))
}

/// What was found, for people.
pub fn summary(found: &Verified) -> String {
    let what = if found.view == Target::Search.name() { "documents" } else { "rows" };
    let mut text = match found.differing {
        0 => format!("{}: {} {what}, all as the log says", found.view, found.rows),
        differing => format!("{}: {} {what}, {differing} NOT as the log says", found.view, found.rows),
    };
    for difference in &found.differences {
        text.push_str(&format!("\n  {:?} {} {}", difference.fault, difference.table, difference.key));
    }
    let untold = found.differing - found.differences.len() as u64;
    if untold > 0 {
        text.push_str(&format!("\n  and {untold} more"));
    }
    text
}
