//! `cargo xtask tidy`: the rules of the house that neither the compiler nor clippy checks. One file per rule; each is a
//! pure function from texts to complaints, so that its own tests are data.

mod arrows;
mod headers;
mod leftovers;
mod operations;
mod purity;
mod sizes;
mod snapshots;

use crate::root;
use crate::tally::Tally;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The texts of the repository by path, sorted.
type Sources = BTreeMap<String, String>;

/// Endings of the files whose text the rules read.
const TEXTS: [&str; 11] = [".rs", ".toml", ".md", ".py", ".mjs", ".js", ".html", ".snap", ".snap.new", ".yml", ".yaml"];

/// Checks every rule, prints each complaint, and returns how many rules hold.
///
/// # Errors
/// Fails where a file cannot be read.
pub(crate) fn run() -> Result<Tally> {
    let sources = load()?;
    let rules: [(&str, Vec<String>); 7] = [
        ("arrows between crates", arrows::complaints(&sources)),
        ("purity of decide, project and schemas", purity::complaints(&sources)),
        ("headers", headers::complaints(&sources)),
        ("sizes", sizes::complaints(&sources)),
        ("leftovers", leftovers::complaints(&sources)),
        ("operations and their tests", operations::complaints(&sources)),
        ("snapshots", snapshots::complaints(&sources)),
    ];
    let mut tally = Tally::default();
    for (rule, complaints) in &rules {
        for complaint in complaints {
            println!("tidy: {complaint}");
        }
        println!("tidy: {rule}: {}", if complaints.is_empty() { "ok".to_owned() } else { format!("{} complaints", complaints.len()) });
        tally += Tally::one(complaints.is_empty());
    }
    Ok(tally)
}

fn load() -> Result<Sources> {
    let root = root::workspace()?;
    let mut sources = Sources::new();
    for name in root::files(&root)? {
        if TEXTS.iter().any(|ending| name.ends_with(ending)) || name == ".ci/run" {
            let text = std::fs::read_to_string(root.join(&name)).with_context(|| format!("cannot read {name}"))?;
            sources.insert(name, text);
        }
    }
    Ok(sources)
}

/// Returns whether `text` holds `needle` as whole words: not inside a longer name.
fn holds_word(text: &str, needle: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(needle).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + needle.len()..).and_then(|after| after.chars().next());
        !inside(before) && !inside(after)
    })
}

/// Returns a line of Rust without its comment. Good enough for rules about code: a `//` inside a string only hides a rest.
fn code_of(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources for a rule's tests.
    pub(super) fn sources(files: &[(&str, &str)]) -> Sources {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// Expects one complaint per part, in order, each holding its part.
    pub(super) fn expect(complaints: &[String], parts: &[&str]) {
        assert_eq!(complaints.len(), parts.len(), "{complaints:?}");
        for (complaint, part) in complaints.iter().zip(parts) {
            assert!(complaint.contains(part), "{complaint} should say {part}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert!(holds_word("use tokio::fs;", "tokio"));
        assert!(holds_word("std::fs::read", "std::fs"));
        assert!(!holds_word("let instant_ms = 1; Instants", "Instant"));
        assert!(!holds_word("operand::x", "rand"));
    }
}
