//! The folders of clusters, and their end: every process that was started for a folder is killed, then the folder is removed.

use super::pids::{self, Doing};
use super::record::Record;
use crate::root;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for a server that was killed.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(20);
/// The folder of the cluster that stays.
pub(super) const LOCAL: &str = "local";
/// How folders of clusters that end with a command begin.
pub(super) const PASSING: &str = "run-";

/// Ends the cluster that stays, and passing ones whose command has ended without stopping them; returns how many servers were killed.
///
/// # Errors
/// Fails where a process does not end or a folder cannot be removed.
pub(super) fn down_all() -> Result<usize> {
    let mut killed = 0;
    for entry in std::fs::read_dir(parent()?).context("cannot list the clusters")? {
        let folder = entry.context("cannot list the clusters")?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != LOCAL && !name.starts_with(PASSING) {
            continue;
        }
        let record = Record::load(&folder)?;
        let owner = record.as_ref().and_then(|record| record.owner);
        if owner.is_some_and(|owner| owner.doing() != Doing::Gone) {
            continue;
        }
        if let Some(record) = record {
            killed += pids::with_argument(&record.mark).len();
            kill_marked(&record.mark)?;
        }
        remove(&folder)?;
    }
    Ok(killed)
}

/// Kills every process that was started with the mark: also one of which the record does not know yet.
///
/// # Errors
/// Fails where one does not end.
pub(super) fn kill_marked(mark: &str) -> Result<()> {
    for process in pids::with_argument(mark) {
        process.signal(Signal::KILL)?;
        anyhow::ensure!(process.wait_gone(KILL_WAIT), "process {} does not end", process.id);
    }
    Ok(())
}

/// Returns the folder of all clusters.
pub(super) fn parent() -> Result<PathBuf> {
    let folder = root::target()?.join("cluster");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}

/// Removes a folder that may be gone already.
///
/// # Errors
/// Fails where it is there and cannot be removed.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
