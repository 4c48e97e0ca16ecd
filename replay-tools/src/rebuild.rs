//! Views and the search index made anew from the log.

use anyhow::{Context, anyhow};
use projectors::{ProjectorOptions, Report, Target};

use crate::offline::Deployment;

/// Reads what to rebuild; nothing named, everything.
pub fn targets(names: &[String]) -> anyhow::Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(Target::all());
    }
    let known = || Target::all().iter().map(|target| target.name()).collect::<Vec<_>>().join(", ");
    let named = |name: &String| Target::named(name).ok_or_else(|| anyhow!("{name} is nothing to rebuild: there are {}", known()));
    names.iter().map(named).collect()
}

/// Rebuilds in a data folder that no server has open; says how many records were read.
pub async fn rebuild(deployment: &Deployment, targets: &[Target], report: Report<'_>) -> anyhow::Result<u64> {
    projectors::rebuild(&deployment.rebuild_ports(), ProjectorOptions::default(), targets, report).await.context("the rebuild failed")
}
