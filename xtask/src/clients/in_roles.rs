//! The suites against processes of one role each on real servers. Each suite speaks to another process with the role `queries`, where there
//! are several, which passes what is written on to the ones that decide.

use super::{Args, run_suites};
use crate::cluster::{Cluster, Kind, Options};
use crate::fleet::{self, Fleet, Role};
use crate::tally::Tally;
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Runs the suites on the cluster that is there, or on one for this run.
///
/// # Errors
/// Fails where the servers or processes cannot be started, or a suite could not run at all.
pub(super) fn run(args: &Args) -> Result<Tally> {
    ensure!(args.each > 0, "--each takes one or more");
    let binary = fleet::built(args.binary.as_deref())?;
    match Cluster::present()? {
        Some(cluster) => on(&cluster, &binary, args),
        None => {
            let cluster = Cluster::up(&Options { kinds: Kind::ALL.to_vec(), brokers: 1 })?;
            let counted = on(&cluster, &binary, args);
            cluster.down()?;
            counted
        }
    }
}

fn on(cluster: &Cluster, binary: &Path, args: &Args) -> Result<Tally> {
    let folder = tempfile::Builder::new().prefix("roost-clients-").disable_cleanup(args.keep).tempdir().context("cannot make a folder")?;
    let name = format!("clients_{:08x}", rand::random::<u32>());
    let fleet = Fleet::start(binary, cluster, &name, args.each, folder.path())?;
    let place = |number: usize| {
        let edges = fleet.of(Role::Queries);
        let edge = edges.get(number % edges.len().max(1)).expect("there is one of each role at least");
        (edge.url(), edge.operators_url())
    };
    let counted = run_suites(args, &place);
    if !matches!(counted, Ok(Tally { failed: 0, .. })) {
        println!("{}", fleet.logs());
    }
    let stopped = fleet.stop();
    if args.keep {
        println!("kept {}", folder.path().display());
    }
    let counted = counted?;
    stopped?;
    Ok(counted)
}
