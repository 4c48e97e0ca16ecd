//! Each Rust file opens with `//!`: what it is and why it is there.

use super::Sources;

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in sources.iter().filter(|(name, _)| name.ends_with(".rs")) {
        let header = text.lines().next().and_then(|line| line.strip_prefix("//! "));
        if header.is_none_or(|header| header.trim().is_empty()) {
            complaints.push(format!("{name}:1: open the file with `//!`: what it is and why"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn a_file_opens_with_its_header() {
        let files =
            [("a.rs", "//! What and why.\n"), ("b.rs", "use std::fmt;\n"), ("c.rs", "//!\n"), ("d.py", "import os\n"), ("e.rs", "")];
        expect(&complaints(&sources(&files)), &["b.rs", "c.rs", "e.rs"]);
    }
}
