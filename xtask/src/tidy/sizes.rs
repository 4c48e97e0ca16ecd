//! A Rust file holds one subject: past 400 lines look for the seam, or give a reason here.

use super::Sources;

/// Most lines of a file.
const LINES_MAX: usize = 400;

/// Files that may be longer, each with its reason.
const LONGER: [(&str, &str); 0] = [];

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    check(sources, &LONGER)
}

fn check(sources: &Sources, longer: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in sources.iter().filter(|(name, _)| name.ends_with(".rs")) {
        let lines = text.lines().count();
        let excused = longer.iter().any(|(excused, _)| excused == name);
        if lines > LINES_MAX && !excused {
            complaints.push(format!("{name}: {lines} lines; split it at a seam, or say in xtask/src/tidy/sizes.rs why not"));
        }
        if lines <= LINES_MAX && excused {
            complaints.push(format!("{name}: {lines} lines need no excuse; remove it from xtask/src/tidy/sizes.rs"));
        }
    }
    for (name, _) in longer.iter().filter(|(name, _)| !sources.contains_key(*name)) {
        complaints.push(format!("{name} is gone; remove it from xtask/src/tidy/sizes.rs"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn long_files_need_an_excuse_and_short_ones_none() {
        let long = "//! Long.\n".repeat(401);
        let files = sources(&[("long.rs", &long), ("short.rs", "//! Short.\n"), ("long.py", &long)]);
        expect(&check(&files, &[]), &["long.rs: 401 lines"]);
        expect(&check(&files, &[("long.rs", "a table")]), &[]);
        expect(&check(&files, &[("long.rs", "a table"), ("short.rs", "x"), ("old.rs", "x")]), &["short.rs", "old.rs is gone"]);
    }
}
