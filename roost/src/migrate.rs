//! `roost migrate`: the servers of a cluster made ready for this version, before any process of it starts.

use std::io::Write;

use anyhow::bail;
use infra::config::Config;
use infra::connect::{Migrated, migrate};
use serde_json::json;

/// Prepares what the configuration names, and prints what was done.
pub fn run(config: &Config, as_json: bool) -> anyhow::Result<()> {
    if ![&config.log, &config.views, &config.blobs].into_iter().any(infra::config::BackingUrl::is_shared) {
        bail!("nothing to prepare: log, views and blobs are embedded, and make themselves ready at the first start");
    }
    let done = crate::runtime()?.block_on(migrate(config))?;
    print(&done, as_json, &mut std::io::stdout().lock())
}

fn print(done: &[Migrated], as_json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for Migrated { key, place, made } in done {
        match (as_json, made.is_empty()) {
            (true, _) => writeln!(out, "{}", json!({ "key": key, "place": place, "made": made }))?,
            (false, true) => writeln!(out, "{key:<6}  {place}  up to date")?,
            (false, false) => writeln!(out, "{key:<6}  {place}  made: {}", made.join(", "))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(as_json: bool, expected: &str) {
        let done = [
            Migrated { key: "log", place: "kafka://a:9092/roost?rf=1".into(), made: vec!["generation 1, 8 partitions".into()] },
            Migrated { key: "views", place: "cql://b:9042/roost".into(), made: Vec::new() },
        ];
        let mut out = Vec::new();
        print(&done, as_json, &mut out).expect("memory takes all");
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn tables_and_json() {
        let table = "log     kafka://a:9092/roost?rf=1  made: generation 1, 8 partitions\nviews   cql://b:9042/roost  up to date\n";
        check(false, table);
        let lines = concat!(
            r#"{"key":"log","made":["generation 1, 8 partitions"],"place":"kafka://a:9092/roost?rf=1"}"#,
            "\n",
            r#"{"key":"views","made":[],"place":"cql://b:9042/roost"}"#,
            "\n"
        );
        check(true, lines);
    }
}
