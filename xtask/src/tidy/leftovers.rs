//! Nothing half-done lands: no notes to oneself, no test that is switched off, no path of one machine.

use super::{Sources, holds_word};

/// What must not stand in a file, and what to do instead. Spelled in two halves, so that this file passes.
const LEFTOVERS: [(&str, &str); 6] = [
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("FIX", "ME"), "do it, or open an issue"),
    (concat!("#[ig", "nore"), "a test that does not run is no test"),
    (concat!("/wo", "rk/"), "name no path of one machine"),
    (concat!("/ro", "ot/"), "name no path of one machine"),
    (concat!("/ho", "me/"), "name no path of one machine"),
];

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in sources {
        for (number, line) in (1..).zip(text.lines()) {
            for (leftover, instead) in LEFTOVERS.iter().filter(|(leftover, _)| stands_in(line, leftover)) {
                complaints.push(format!("{name}:{number}: {leftover}: {instead}"));
            }
        }
    }
    complaints
}

/// Returns whether a line holds the leftover: a word as a whole word, a path only where it starts, so that a URL may hold the same words.
fn stands_in(line: &str, leftover: &str) -> bool {
    if !leftover.starts_with('/') {
        return holds_word(line, leftover);
    }
    line.match_indices(leftover).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn leftovers_are_found_where_they_stand() {
        let check = |text: &str, parts: &[&str]| expect(&complaints(&sources(&[("docs/a.md", text)])), parts);
        check(concat!("all done\nMAS", "TODON"), &[]);
        check(concat!("x\n// TO", "DO: later"), &[":2: "]);
        check(concat!("see `/wo", "rk/x`"), &["path of one machine"]);
        check(concat!("GET https://host.example/wo", "rk/x"), &[]);
    }
}
