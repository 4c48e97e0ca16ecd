//! Every operation of the API has a test in a client suite, and no test names an operation that does not exist.
//!
//! Python tests say `@operation("statuses.create", ...)`, others `// operation: statuses.create, ...`.

use super::Sources;
use std::collections::BTreeMap;

/// Folders whose tests count.
const SUITES: [&str; 2] = ["tests/clients/", "roost/tests/"];

pub(super) fn complaints(sources: &Sources) -> Vec<String> {
    let known: Vec<&str> = schemas::api::OPERATIONS.iter().map(|operation| operation.id).collect();
    check(sources, &known)
}

fn check(sources: &Sources, known: &[&str]) -> Vec<String> {
    let mut named: BTreeMap<&str, &str> = BTreeMap::new();
    for (file, text) in sources.iter().filter(|(file, _)| SUITES.iter().any(|suite| file.starts_with(suite))) {
        named.extend(names(text).into_iter().map(|id| (id, file.as_str())));
    }
    let untested =
        known.iter().filter(|id| !named.contains_key(**id)).map(|id| format!("no test of a client suite names the operation {id}"));
    let unknown = named.iter().filter(|(id, _)| !known.contains(id)).map(|(id, file)| format!("{file}: there is no operation {id}"));
    untested.chain(unknown).collect()
}

/// Lists the operations that a test file names.
fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in text.split("@operation(").skip(1) {
        let listed = part.split(')').next().unwrap_or_default();
        names.extend(listed.split('"').skip(1).step_by(2));
    }
    for part in text.split("// operation:").skip(1) {
        let listed = part.lines().next().unwrap_or_default();
        names.extend(listed.split(',').map(str::trim).filter(|name| !name.is_empty()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, sources};
    use super::*;

    #[test]
    fn operations_and_tests_name_each_other() {
        let files = sources(&[
            ("tests/clients/python/test_a.py", "@operation(\"a.get\",\n    \"a.list\")\ndef test(): pass"),
            ("tests/clients/js/suite/b.test.js", "// operation: b.get, b.gone\nit()"),
            ("queries/src/c.rs", "// operation: c.get"),
        ]);
        expect(&check(&files, &["a.get", "a.list", "b.get"]), &["there is no operation b.gone"]);
        expect(&check(&files, &["a.get", "a.list", "b.get", "b.gone", "c.get"]), &["names the operation c.get"]);
    }
}
