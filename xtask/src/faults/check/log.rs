//! What the log holds, by `replay-tools inspect` (docs: invariant I1 of the fault plan): of every acknowledged command exactly one record,
//! of an open one at most one, of a refused one none; and no command id twice, whoever's it is.

use super::super::action::{Action, Attempt, Outcome};
use super::super::journal::Journal;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A command's records.
#[derive(Debug, Default)]
struct Recorded {
    positions: BTreeSet<String>,
    /// The posts and reblogs that they make.
    made: Vec<String>,
}

/// The log by command id.
type Log = BTreeMap<String, Recorded>;

/// Reads the log of the server with that operators' port and checks it against the journal. Returns how many commands it holds.
///
/// # Errors
/// Fails with everything that is lost, doubled or foreign.
pub(in super::super) fn all(replay_tools: &Path, operators_url: &str, journal: &Journal) -> Result<usize> {
    let log = read(replay_tools, operators_url)?;
    let mut wrong = doubled(&log);
    for (attempt, outcome) in journal.attempts() {
        let writer = journal.cast().writers.get(attempt.writer).context("attempts name their writer")?;
        let account = writer.id.parse().with_context(|| format!("{} has no id", writer.username))?;
        wrong.extend(compare(&attempt, &outcome, log.get(&attempt.command(account))));
    }
    anyhow::ensure!(wrong.is_empty(), "{} faults in the log:\n  {}", wrong.len(), wrong.join("\n  "));
    Ok(log.len())
}

fn read(replay_tools: &Path, operators_url: &str) -> Result<Log> {
    let mut command = Command::new(replay_tools);
    let mut child =
        command.args(["inspect", "--ops", operators_url]).stdout(Stdio::piped()).spawn().context("cannot start replay-tools")?;
    let out = child.stdout.take().context("its output was asked for")?;
    let mut log = Log::new();
    for line in BufReader::new(out).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no {name}: {line}"));
        anyhow::ensure!(text("type")? != "undecodable", "a record cannot be read: {line}");
        let recorded = log.entry(text("command")?).or_default();
        recorded.positions.insert(text("position")?);
        let made =
            ["post", "reblog"].iter().zip(["PostPublished", "Reblogged"]).find(|(_, kind)| line.get("type") == Some(&Value::from(*kind)));
        let id = made.and_then(|(name, _)| line.get("event")?.get(*name)?.as_str());
        recorded.made.extend(id.map(str::to_owned));
    }
    anyhow::ensure!(child.wait()?.success(), "replay-tools inspect failed");
    Ok(log)
}

fn doubled(log: &Log) -> Vec<String> {
    let twice = log.iter().filter(|(_, recorded)| recorded.positions.len() > 1);
    twice.map(|(command, recorded)| format!("command {command} is recorded at {:?}", recorded.positions)).collect()
}

fn compare(attempt: &Attempt, outcome: &Outcome, recorded: Option<&Recorded>) -> Option<String> {
    let right = match (outcome, recorded) {
        (Outcome::Ok(id), Some(recorded)) => match &attempt.action {
            Action::Post | Action::Reply { .. } | Action::Reblog { .. } => recorded.made == [id.as_str()],
            _ => true,
        },
        (Outcome::Ok(_), None) => false,
        (Outcome::Refused, recorded) => recorded.is_none(),
        (Outcome::Unknown | Outcome::Moot, _) => true,
    };
    (!right).then(|| format!("{attempt:?}: {outcome:?}, but recorded as {recorded:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_holds_what_was_acknowledged_once() {
        let attempt = Attempt { writer: 0, key: "k".into(), action: Action::Post };
        let recorded = |made: &str| Recorded { positions: ["1.0.1".to_owned()].into(), made: vec![made.to_owned()] };
        let right = |outcome, recorded: Option<Recorded>| compare(&attempt, &outcome, recorded.as_ref()).is_none();
        assert!(right(Outcome::Ok("7".into()), Some(recorded("7"))) && !right(Outcome::Ok("7".into()), Some(recorded("8"))));
        assert!(!right(Outcome::Ok("7".into()), None) && !right(Outcome::Refused, Some(recorded("7"))));
        assert!(right(Outcome::Unknown, None) && right(Outcome::Unknown, Some(recorded("7"))));
        let twice = Recorded { positions: ["1.0.1".to_owned(), "1.0.9".to_owned()].into(), made: Vec::new() };
        assert_eq!(doubled(&[("a".to_owned(), twice), ("b".to_owned(), recorded("7"))].into()).len(), 1);
    }
}
