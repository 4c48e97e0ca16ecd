//! Arrows between crates point one way (docs/architecture.md): `schemas` <- `infra` <- the three services <-
//! `replay-tools`, `roost`; the services never import one another. All kinds of dependencies count, tests' included.

use super::Sources;
use toml::{Table, Value};

/// Each crate with the crates of this workspace that it may name.
const MAY_NAME: [(&str, &[&str]); 9] = [
    ("schemas", &[]),
    ("infra", &["schemas"]),
    ("commands", &["schemas", "infra"]),
    ("projectors", &["schemas", "infra"]),
    ("queries", &["schemas", "infra"]),
    ("replay-tools", &["schemas", "infra", "commands", "projectors", "queries"]),
    ("roost", &["schemas", "infra", "commands", "projectors", "queries", "replay-tools"]),
    ("xtask", &["schemas", "infra", "commands", "projectors", "queries", "replay-tools", "roost"]),
    // A workspace of its own: what stands on the other side of benchmarks shares nothing with us.
    ("peers", &[]),
];

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in sources {
        let Some(folder) = name.strip_suffix("/Cargo.toml") else { continue };
        let Some((_, allowed)) = MAY_NAME.iter().find(|(known, _)| *known == folder) else {
            complaints.push(format!("{name}: a crate without a place in the arrows; add it to xtask/src/tidy/arrows.rs"));
            continue;
        };
        match text.parse::<Table>() {
            Ok(manifest) => complaints.extend(
                named(&manifest)
                    .into_iter()
                    .filter(|named| !allowed.contains(&named.as_str()))
                    .map(|named| format!("{name}: {folder} must not depend on {named}")),
            ),
            Err(error) => complaints.push(format!("{name}: {}", error.message())),
        }
    }
    complaints
}

/// Lists the crates of this workspace that a manifest names as a dependency of any kind, for any target.
fn named(manifest: &Table) -> Vec<String> {
    let mut tables = vec![manifest];
    if let Some(Value::Table(targets)) = manifest.get("target") {
        tables.extend(targets.values().filter_map(Value::as_table));
    }
    let mut named = Vec::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            if let Some(Value::Table(dependencies)) = table.get(kind) {
                named.extend(dependencies.iter().map(package_of).filter(|name| MAY_NAME.iter().any(|(known, _)| known == name)));
            }
        }
    }
    named
}

/// Returns a dependency's package, also where it is renamed.
fn package_of((key, value): (&String, &Value)) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn only_arrows_against_the_order_are_complained_of() {
        let check = |name: &str, text: &str, parts: &[&str]| expect(&complaints(&sources(&[(name, text)])), parts);
        check("infra/Cargo.toml", "[dependencies]\nschemas.workspace = true\nserde = \"1\"", &[]);
        check("schemas/Cargo.toml", "[dev-dependencies]\ninfra = { path = \"../infra\" }", &["schemas must not depend on infra"]);
        check("queries/Cargo.toml", "[dependencies]\nx = { package = \"commands\" }", &["queries must not depend on commands"]);
        check("queries/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nprojectors.workspace = true", &["projectors"]);
        check("new/Cargo.toml", "[package]", &["without a place"]);
        check("Cargo.toml", "[workspace.dependencies]\nschemas = { path = \"schemas\" }", &[]);
    }
}
