//! Snapshots that no test makes any more, or that nobody has reviewed, are stale.

use super::{Sources, holds_word};

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in sources {
        if name.ends_with(".snap.new") {
            complaints.push(format!("{name}: a snapshot that nobody has reviewed; accept or delete it"));
        } else if let Some(path) = name.strip_suffix(".snap") {
            complaints.extend(stale(sources, name, path, text));
        }
    }
    complaints
}

/// insta names a snapshot `module__test-number@suffix.snap`, and its head says which source made it.
fn stale(sources: &Sources, name: &str, path: &str, text: &str) -> Option<String> {
    let Some(source) = text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix("source: ")) else {
        return Some(format!("{name}: does not say which source made it"));
    };
    let Some(test) = sources.get(source) else { return Some(format!("{name}: its source {source} is gone")) };
    let file = path.rsplit('/').next().unwrap_or(path);
    let file = file.split('@').next().unwrap_or(file);
    let file = file.rsplit_once('-').filter(|(_, number)| number.chars().all(|c| c.is_ascii_digit())).map_or(file, |(file, _)| file);
    let made_by = file.rsplit("__").next().unwrap_or(file);
    (!holds_word(test, made_by)).then(|| format!("{name}: {source} has no test or snapshot named {made_by}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn a_snapshot_belongs_to_a_test_that_exists() {
        let head = "---\nsource: queries/src/a.rs\nexpression: x\n---\n{}";
        let check = |name: &str, text: &str, parts: &[&str]| {
            expect(&complaints(&sources(&[(name, text), ("queries/src/a.rs", "fn shows_a_status() {}")])), parts);
        };
        check("queries/src/snapshots/queries__a__shows_a_status.snap", head, &[]);
        check("queries/src/snapshots/queries__a__shows_a_status-2.snap", head, &[]);
        check("queries/src/snapshots/queries__a__shows_a_status@locked.snap", head, &[]);
        check("queries/src/snapshots/queries__a__shows_a_poll.snap", head, &["shows_a_poll"]);
        check("queries/src/snapshots/queries__a__x.snap", "---\nsource: gone.rs\n---\n", &["gone"]);
        check("queries/src/snapshots/queries__a__x.snap.new", head, &["reviewed"]);
    }
}
