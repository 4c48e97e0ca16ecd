//! `cargo xtask deploy-lint`: what can be said about infra/deploy without a container engine. Everything parses, what one file names
//! another one has, and what is said about Roost is true of this source: configuration keys, metrics, operations, features, toolchain.
//!
//! Not checked, since it takes an engine, a network or the program itself: that images exist under their tags, that the image builds, that
//! containers start and find one another, that nginx, Prometheus and Grafana accept their files beyond their form, and that queries mean what their
//! titles say. One file per rule; each is a pure function from texts to complaints.

mod compose;
mod dockerfile;
mod gateway;
mod metrics;
mod settings;

use crate::root;
use crate::tally::Tally;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// The texts that the rules read, by path from the repository's root.
type Files = BTreeMap<String, String>;

/// The folder that is checked.
const FOLDER: &str = "infra/deploy/";
/// Templates of `cargo xtask cluster`: they parse only once their places are filled, and the servers that read them then say so.
const TEMPLATES: &str = "infra/deploy/local/";

/// Checks every rule, prints each complaint, and returns how many rules hold.
///
/// # Errors
/// Fails where a file cannot be read.
pub(crate) fn run() -> Result<Tally> {
    let files = load()?;
    let keys: Vec<&str> = infra::config::KEYS.iter().map(|key| key.name).collect();
    let rules: [(&str, Vec<String>); 6] = [
        ("files parse", malformed(&files)),
        ("compose: images, files, services, variables", compose::complaints(&files)),
        ("configuration keys", settings::complaints(&files, &keys)),
        ("metrics of alerts and dashboards", metrics::complaints(&files)),
        ("Dockerfile", dockerfile::complaints(&files)),
        ("gateway and operations", gateway::complaints(&files, schemas::api::OPERATIONS)),
    ];
    let mut tally = Tally::default();
    for (rule, complaints) in &rules {
        for complaint in complaints {
            println!("deploy-lint: {complaint}");
        }
        println!(
            "deploy-lint: {rule}: {}",
            if complaints.is_empty() { "ok".to_owned() } else { format!("{} complaints", complaints.len()) }
        );
        tally += Tally::one(complaints.is_empty());
    }
    Ok(tally)
}

fn load() -> Result<Files> {
    let root = root::workspace()?;
    let mut files = Files::new();
    for name in root::files(&root)? {
        if name.starts_with(FOLDER) || name.ends_with(".rs") || name.ends_with(".toml") || name == "Cargo.lock" {
            let text = std::fs::read_to_string(root.join(&name)).with_context(|| format!("cannot read {name}"))?;
            files.insert(name, text);
        }
    }
    Ok(files)
}

/// Lists the files whose form is wrong.
fn malformed(files: &Files) -> Vec<String> {
    let of_ours = files.keys().filter(|name| name.starts_with(FOLDER) && !name.starts_with(TEMPLATES));
    of_ours.filter_map(|name| parse(files, name)?.err()).collect()
}

/// Parses a YAML or JSON file; none for other files and for one that is not there. YAML's anchors and merges are resolved.
fn parse(files: &Files, name: &str) -> Option<Result<Value, String>> {
    let text = files.get(name)?;
    if name.ends_with(".json") {
        Some(serde_json::from_str(text).map_err(|error| format!("{name}: {error}")))
    } else if name.ends_with(".yml") || name.ends_with(".yaml") {
        Some(serde_saphyr::from_str(text).map_err(|error| format!("{name}: {error}")))
    } else {
        None
    }
}

/// Parses a file of this folder that must be there; what is malformed is another rule's complaint.
fn parsed(files: &Files, name: &str) -> Value {
    parse(files, &format!("{FOLDER}{name}")).and_then(Result::ok).unwrap_or(Value::Null)
}

/// Lists every text in a value, keys left out.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Lists the words of a text that begin so: letters in the case of `prefix`, digits and underscores.
fn words<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !part(c)).filter(|word| word.starts_with(prefix) && word.len() > prefix.len()).collect()
}

/// Returns why an image is not pinned; none if it is: a tag with a version in it, not one that moves.
fn unpinned(image: &str) -> Option<String> {
    let (_, last) = image.rsplit_once('/').unwrap_or(("", image));
    let moving = |tag: &str| tag.contains("latest") || !tag.chars().any(|c| c.is_ascii_digit()) || tag.contains('$');
    match last.split_once('@').map_or_else(|| last.split_once(':'), Some) {
        None => Some(format!("{image} has no tag: name a version")),
        Some((_, tag)) if moving(tag) => Some(format!("{image} moves: name a version")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files for a rule's tests.
    pub(super) fn files(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// Expects one complaint per part, in order, each holding its part.
    pub(super) fn expect(complaints: &[String], parts: &[&str]) {
        assert_eq!(complaints.len(), parts.len(), "{complaints:#?}");
        for (complaint, part) in complaints.iter().zip(parts) {
            assert!(complaint.contains(part), "{complaint} should say {part}");
        }
    }

    #[test]
    fn what_is_deployed_holds() {
        assert_eq!(run().expect("readable").failed, 0, "see the complaints above");
    }

    #[test]
    fn what_does_not_parse_is_found() {
        let good = ("infra/deploy/a.yml", "x: &x {a: 1}\ny: {<<: *x, b: 2}\n");
        let good_once_filled = ("infra/deploy/local/e.yaml", "port: @PORT@\n");
        let bad = [("infra/deploy/b.yml", "a: [1\n"), ("infra/deploy/c.json", "{"), ("elsewhere/d.yml", "a: [1\n")];
        expect(&malformed(&files(&[good, good_once_filled, bad[0], bad[1], bad[2]])), &["b.yml", "c.json"]);
        assert_eq!(parsed(&files(&[good]), "a.yml")["y"], serde_json::json!({"a": 1, "b": 2}));
    }

    #[test]
    fn a_pinned_image_names_a_version() {
        let check = |image: &str, pinned: bool| assert_eq!(unpinned(image).is_none(), pinned, "{image}");
        check("apache/kafka:4.3.1", true);
        check("registry.example:5000/kafka", false);
        check("registry.example:5000/kafka:v4", true);
        check("kafka:latest", false);
        check("kafka:stable", false);
        check("kafka:${TAG}", false);
        check("kafka@sha256:01ab", true);
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("sum(roost_a_total{x=\"y\"}) / roost_b", "roost_"), ["roost_a_total", "roost_b"]);
        assert!(words("my_roost_a roost_", "roost_").is_empty());
    }
}
