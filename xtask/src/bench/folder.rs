//! Where benches put their data, and how much of the disk it takes.

use super::report::Report;
use anyhow::{Context, Result};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Bytes of the units in which files count their blocks.
const BLOCK_BYTES: u64 = 512;
/// The parts of a data folder that grow with what is written.
const PARTS: [&str; 3] = ["log", "views", "search"];

/// The folder that was named, or else the workspace's target folder.
pub(super) fn parent(named: Option<&PathBuf>) -> Result<PathBuf> {
    named.map_or_else(crate::root::target, |folder| Ok(folder.clone()))
}

/// A folder for a bench's data below `parent`, which goes with its handle.
pub(super) fn make(parent: &Path, bench: &str) -> Result<TempDir> {
    tempfile::Builder::new().prefix(&format!("bench-{bench}-")).tempdir_in(parent).context("cannot make a folder")
}

/// The sum over all files of a folder.
pub(super) fn bytes_in(folder: &Path, of: fn(&Metadata) -> u64) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        // A merge may take files away meanwhile.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { bytes_in(&entry.path(), of)? } else { of(&about) };
    }
    Ok(bytes)
}

/// What the parts of a data folder take on disk at a moment: what is only reserved counts as well.
pub(super) struct Sizes([u64; 3]);

impl Sizes {
    /// Looks now.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let mut bytes = [0; 3];
        for (bytes, part) in bytes.iter_mut().zip(PARTS) {
            *bytes = bytes_in(&folder.join(part), |about| about.blocks() * BLOCK_BYTES)?;
        }
        Ok(Self(bytes))
    }

    /// Adds by how much each part has grown for each of `count` things.
    pub(super) fn report_growth(&self, folder: &Path, (thing, count): (&str, f64), report: &mut Report) -> Result<()> {
        for ((part, after), before) in PARTS.iter().zip(Self::of(folder)?.0).zip(self.0) {
            report.add(format!("{part}_bytes_per_{thing}"), after.saturating_sub(before) as f64 / count);
        }
        Ok(())
    }
}
