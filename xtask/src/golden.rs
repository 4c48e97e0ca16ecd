//! `cargo xtask golden`: bytes at rest are forever, so golden files may grow but what they held must stay.
//!
//! `xtask/golden.lock` keeps, for each file, how many bytes were accepted and their SHA-256. A file passes if its first so many
//! bytes still hash to that; `--accept` takes in new files and new lines, and never a change of what was accepted.

use crate::root;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const LOCK: &str = "xtask/golden.lock";

/// Whether to check or to accept.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Accepts new golden files and what was appended to known ones.
    #[arg(long)]
    accept: bool,
}

/// What was accepted of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Accepted {
    bytes: usize,
    sha256: String,
}

/// Checks the golden files, or accepts what was added.
///
/// # Errors
/// Fails where a file cannot be read, or with `--accept` where an accepted file was changed.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    let root = root::workspace()?;
    let lock = parse(&std::fs::read_to_string(root.join(LOCK)).unwrap_or_default())?;
    let found = golden_files(&root)?;
    let complaints = complaints(&lock, &found);
    if args.accept {
        let changed: Vec<&String> = complaints.iter().filter(|complaint| !complaint.contains("--accept")).collect();
        if !changed.is_empty() {
            bail!("will not accept a change of bytes at rest:\n{}", changed.into_iter().cloned().collect::<Vec<_>>().join("\n"));
        }
        std::fs::write(root.join(LOCK), render(&found)).context("cannot write the lock")?;
        println!("golden: {} files accepted", found.len());
        return Ok(Tally { passed: found.len() as u64, failed: 0 });
    }
    for complaint in &complaints {
        println!("golden: {complaint}");
    }
    let failed = complaints.len() as u64;
    Ok(Tally { passed: (found.len() as u64).saturating_sub(failed), failed })
}

fn golden_files(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for name in root::files(root)? {
        if name.split('/').any(|part| part == "golden") {
            let bytes = std::fs::read(root.join(&name)).with_context(|| format!("cannot read {name}"))?;
            found.insert(name, bytes);
        }
    }
    Ok(found)
}

fn complaints(lock: &BTreeMap<String, Accepted>, found: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, accepted) in lock {
        match found.get(name).map(|bytes| (bytes, bytes.get(..accepted.bytes))) {
            None => complaints.push(format!("{name} is gone; what was once written must stay readable")),
            Some((_, held)) if held.is_none_or(|held| hash(held) != accepted.sha256) => {
                complaints.push(format!("{name}: accepted bytes were changed; add a new version beside it instead"));
            }
            Some((bytes, _)) if bytes.len() > accepted.bytes => complaints.push(format!("{name} grew; run `cargo xtask golden --accept`")),
            Some(_) => {}
        }
    }
    for name in found.keys().filter(|name| !lock.contains_key(*name)) {
        complaints.push(format!("{name} is new; run `cargo xtask golden --accept`"));
    }
    complaints
}

fn hash(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

fn parse(text: &str) -> Result<BTreeMap<String, Accepted>> {
    let mut lock = BTreeMap::new();
    for line in text.lines() {
        let [sha256, bytes, name] = line.split(' ').collect::<Vec<_>>()[..] else { bail!("{LOCK}: not `hash bytes name`: {line}") };
        let bytes = bytes.parse().with_context(|| format!("{LOCK}: not a length: {line}"))?;
        lock.insert(name.to_owned(), Accepted { bytes, sha256: sha256.to_owned() });
    }
    Ok(lock)
}

fn render(found: &BTreeMap<String, Vec<u8>>) -> String {
    found.iter().map(|(name, bytes)| format!("{} {} {name}\n", hash(bytes), bytes.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accepted: &[(&str, &str)], found: &[(&str, &str)], wanted: &[&str]) {
        let files = |list: &[(&str, &str)]| list.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let lock = parse(&render(&files(accepted))).expect("a rendered lock parses");
        let complaints = complaints(&lock, &files(found));
        assert_eq!(complaints.len(), wanted.len(), "{complaints:?}");
        for (complaint, part) in complaints.iter().zip(wanted) {
            assert!(complaint.contains(part), "{complaint} should say {part}");
        }
    }

    #[test]
    fn files_may_grow_but_never_change() {
        check(&[("golden/a", "one\n")], &[("golden/a", "one\n")], &[]);
        check(&[("golden/a", "one\n")], &[("golden/a", "one\ntwo\n")], &["grew"]);
        check(&[("golden/a", "one\n")], &[("golden/a", "One\ntwo\n")], &["changed"]);
        check(&[("golden/a", "one\n")], &[("golden/a", "on")], &["changed"]);
        check(&[("golden/a", "one\n")], &[], &["gone"]);
        check(&[], &[("golden/a", "one\n")], &["new"]);
    }
}
