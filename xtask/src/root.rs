//! Where things are: the workspace's root, build outputs, and the files under source control.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the workspace's root folder.
pub(crate) fn workspace() -> Result<PathBuf> {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`, so that cargo says where the workspace is")?;
    let parent = Path::new(&manifest).parent().context("the xtask crate lies inside the workspace")?;
    Ok(parent.to_path_buf())
}

/// Returns cargo's output folder.
pub(crate) fn target() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Ok(workspace()?.join("target")),
    }
}

/// Lists every file that git tracks or would track, relative to the root, sorted.
///
/// # Errors
/// Fails where git cannot be run or the folder is no repository.
pub(crate) fn files(root: &Path) -> Result<Vec<String>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("cannot run git; install it to list the files")?;
    anyhow::ensure!(listing.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&listing.stderr).trim());
    let text = String::from_utf8(listing.stdout).context("a file name is not UTF-8; rename it")?;
    let mut names: Vec<String> = text.split('\0').filter(|name| !name.is_empty() && root.join(name).is_file()).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
