//! Every `ROOST_...` that is named anywhere in the folder is a key of the configuration: Roost refuses to start with an unknown one.

use super::{FOLDER, Files, words};

/// Variables that are no keys: the one that names the configuration file.
const OTHERS: [&str; 1] = [infra::config::FILE_VARIABLE];
/// What the suites and the local cluster say to each other; never seen by Roost.
const OF_SUITES: &str = "ROOST_TEST_";

pub(super) fn complaints(files: &Files, keys: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| name.starts_with(FOLDER)) {
        for (number, line) in (1..).zip(text.lines()) {
            let named = words(line, "ROOST_").into_iter().filter(|word| !word.starts_with(OF_SUITES) && !OTHERS.contains(word));
            let unknown =
                named.filter_map(|word| word.strip_prefix("ROOST_")).filter(|key| !keys.contains(&key.to_ascii_lowercase().as_str()));
            complaints.extend(unknown.map(|key| format!("{name}:{number}: there is no configuration key {}", key.to_ascii_lowercase())));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, files};
    use super::*;

    #[test]
    fn unknown_keys_are_found() {
        let files = files(&[
            ("infra/deploy/compose.yaml", "ROOST_LOG: a\nROOST_LGO: ${ROOST_SECRET:?x}\nROOST_CONFIG: f"),
            ("infra/deploy/env.example", "ROOST_TEST_KAFKA=x\nROOST_SECRTE="),
            ("docs/x.md", "ROOST_ELSEWHERE"),
        ]);
        expect(&complaints(&files, &["log", "secret"]), &["compose.yaml:2: there is no configuration key lgo", "env.example:2: "]);
    }
}
