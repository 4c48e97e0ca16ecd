//! Every metric that an alert or a panel asks for is recorded somewhere in the source, and its buckets exist: only histograms whose names end as
//! telemetry says have buckets.

use super::{FOLDER, Files, parse, texts, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// Crates whose code records metrics.
const CRATES: [&str; 5] = ["infra/src/", "commands/src/", "projectors/src/", "queries/src/", "roost/src/"];
/// What Prometheus appends to the name of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];
/// Histograms with these endings are recorded in buckets (infra/src/telemetry.rs).
const IN_BUCKETS: [&str; 2] = ["_seconds", "_records"];

pub(super) fn complaints(files: &Files) -> Vec<String> {
    let recorded = recorded(files);
    let mut complaints = Vec::new();
    for name in files.keys().filter(|name| name.starts_with(FOLDER)) {
        let Some(Ok(value)) = parse(files, name) else { continue };
        for expression in expressions(&value) {
            for metric in words(expression, "roost_") {
                let part = PARTS.into_iter().find_map(|part| Some((metric.strip_suffix(part)?, part)));
                let (base, part) = part.filter(|(base, _)| recorded.contains(base)).unwrap_or((metric, ""));
                if !recorded.contains(base) {
                    complaints.push(format!("{name}: nothing records {metric}"));
                } else if part == "_bucket" && !IN_BUCKETS.iter().any(|ending| base.ends_with(ending)) {
                    complaints.push(format!("{name}: {base} is not recorded in buckets"));
                }
            }
        }
    }
    complaints
}

/// Lists the PromQL of alerts and panels: the values of every `expr`.
fn expressions(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| if key == "expr" { texts(value) } else { expressions(value) }).collect()
        }
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

/// Lists the names that the source records: its string literals that begin like a metric.
fn recorded(files: &Files) -> BTreeSet<&str> {
    let sources = files.iter().filter(|(name, _)| name.ends_with(".rs") && CRATES.iter().any(|folder| name.starts_with(folder)));
    let literals = sources.flat_map(|(_, text)| text.lines()).flat_map(|line| line.split('"').skip(1).step_by(2));
    literals.filter(|literal| words(literal, "roost_") == [*literal]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, files};
    use super::*;

    #[test]
    fn only_recorded_metrics_are_asked_for() {
        let source = "counter!(\"roost_a_total\");\nconst B: &str = \"roost_b_seconds\";\nhistogram!(\"roost_c_commands\");";
        let alerts = "rules: [{expr: 'rate(roost_a_total[5m]) > roost_b_seconds_count'}, {expr: 'roost_b_seconds_bucket or roost_c_commands_bucket'}]";
        let panels = r#"{"panels": [{"targets": [{"expr": "roost_d"}]}], "title": "roost_e"}"#;
        let files = files(&[
            ("infra/src/x.rs", source),
            ("xtask/src/x.rs", "\"roost_d\""),
            ("infra/deploy/alerts.yml", alerts),
            ("infra/deploy/grafana/roost.json", panels),
        ]);
        expect(&complaints(&files), &["roost_c_commands is not recorded in buckets", "nothing records roost_d"]);
    }
}
