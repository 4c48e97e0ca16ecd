//! Decide and project are pure, and schemas do no I/O: time, ids and randomness enter as arguments. Replay and the
//! proof that views are exact rest on it.

use super::{Sources, code_of, holds_word};

/// Folders whose code is pure.
const PURE: [&str; 3] = ["commands/src/domain/", "projectors/src/views/", "schemas/src/"];

/// Words that code in them must not hold.
const IMPURE: [&str; 11] =
    ["SystemTime", "Instant", "Utc::now", "Timestamp::now", "rand", "tokio", "std::fs", "std::net", "std::env", "std::thread", "async fn"];

/// Names that must not be imported in a group, as in `use std::{fs, io}`.
const IMPURE_IN_GROUP: [&str; 4] = ["fs", "net", "env", "thread"];

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in sources {
        if !name.ends_with(".rs") || !PURE.iter().any(|folder| name.starts_with(folder)) {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = impure(code_of(line)) {
                complaints.push(format!("{name}:{number}: pure code must not use {word}; take it as an argument"));
            }
        }
    }
    complaints
}

fn impure(code: &str) -> Option<&'static str> {
    let grouped = code.contains("std::{");
    let named = IMPURE.into_iter().find(|word| holds_word(code, word));
    named.or_else(|| IMPURE_IN_GROUP.into_iter().find(|word| grouped && holds_word(code, word)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn impure_words_are_found_in_pure_folders_only() {
        let check = |name: &str, text: &str, parts: &[&str]| expect(&complaints(&sources(&[(name, text)])), parts);
        check("commands/src/domain/posts.rs", "//! A.\nuse std::time::Instant;", &[":2: pure code must not use Instant"]);
        check("commands/src/handle.rs", "use std::time::Instant;", &[]);
        check("schemas/src/ids.rs", "// says tokio\nlet operand = 1;", &[]);
        check("schemas/src/ids.rs", "use std::{fmt, net};", &["net"]);
        check("projectors/src/views/home.rs", "pub async fn project() {}\nrand::random()", &["async fn", "rand"]);
    }
}
