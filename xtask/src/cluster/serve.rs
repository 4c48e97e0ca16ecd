//! `cargo xtask cluster serve`: Roost in its roles over real servers, for trying things out.

use super::{Cluster, Kind, Options};
use crate::fleet::{Fleet, Role, built};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// The name of its log, keyspace and indexes: what was written is there the next time, as long as the servers are.
const NAME: &str = "roost";

/// Serves until Ctrl-C, on the cluster that is there or on one of its own.
pub(super) fn run(each: usize, brokers: u8, binary: Option<&Path>) -> Result<()> {
    ensure!(each > 0, "--each takes one or more");
    let binary = built(binary)?;
    match Cluster::present()? {
        Some(cluster) => on(&cluster, each, &binary),
        None => {
            let cluster = Cluster::up(&Options { kinds: Kind::ALL.to_vec(), brokers })?;
            let served = on(&cluster, each, &binary);
            cluster.down()?;
            served
        }
    }
}

fn on(cluster: &Cluster, each: usize, binary: &Path) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("roost-cluster-").tempdir().context("cannot make a folder")?;
    let fleet = Fleet::start(binary, cluster, NAME, each, folder.path())?;
    for edge in fleet.of(Role::Queries) {
        println!("Roost is at {} (operators: {}); logs are in {}", edge.url(), edge.operators_url(), folder.path().display());
    }
    println!("Ctrl-C ends it");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(tokio::signal::ctrl_c()).context("cannot listen for Ctrl-C")?;
    // The processes were told as well, where a terminal did it.
    fleet.stop()
}
