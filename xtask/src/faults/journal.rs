//! The journal: every attempt before it is sent, its outcome after, appended to a file of JSON lines as they happen. Whatever is killed,
//! server or harness, the file says what must be there.

use super::Cast;
use super::action::{Attempt, Outcome};
use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// Who writes, and to whom things are done; the first line.
    Cast(Cast),
    /// About to be sent.
    Sent(Attempt),
    /// Answered, or given up; the last line of a key counts.
    Answered { key: String, outcome: Outcome },
}

/// All attempts so far, in the order of each writer.
#[derive(Debug)]
pub(super) struct Journal {
    cast: Cast,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    attempts: Vec<(Attempt, Outcome)>,
    places: BTreeMap<String, usize>,
}

impl Journal {
    /// Starts an empty journal in a new file.
    pub(super) fn create(path: &Path, cast: Cast) -> Result<Self> {
        let file = File::create_new(path).context("cannot make the journal")?;
        let mut state = State { file, attempts: Vec::new(), places: BTreeMap::new() };
        state.write(&Line::Cast(cast.clone()))?;
        Ok(Self { cast, state: Mutex::new(state) })
    }

    /// Reads the journal of a harness that is gone, and goes on with it. A last line that was cut off does not count: what it would have
    /// said was not acted on, or is unknown without it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("no journal at {}", path.display()))?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        let file = File::options().append(true).open(path).context("cannot go on with the journal")?;
        file.set_len(whole.len() as u64).context("cannot go on with the journal")?;
        let mut state = State { file, attempts: Vec::new(), places: BTreeMap::new() };
        let mut cast = None;
        for line in whole.lines() {
            match serde_json::from_str(line).with_context(|| format!("not a line of a journal: {line}"))? {
                Line::Cast(known) => cast = Some(known),
                Line::Sent(attempt) => state.note(attempt),
                Line::Answered { key, outcome } => state.settle(&key, outcome)?,
            }
        }
        Ok(Self { cast: cast.context("the journal names nobody")?, state: Mutex::new(state) })
    }

    /// Who takes part.
    pub(super) fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Notes an attempt that is about to be sent.
    pub(super) fn sent(&self, attempt: &Attempt) -> Result<()> {
        let mut state = self.state.lock();
        state.write(&Line::Sent(attempt.clone()))?;
        state.note(attempt.clone());
        Ok(())
    }

    /// Notes what became of one.
    pub(super) fn answered(&self, key: &str, outcome: Outcome) -> Result<()> {
        let mut state = self.state.lock();
        state.write(&Line::Answered { key: key.to_owned(), outcome: outcome.clone() })?;
        state.settle(key, outcome)
    }

    /// Every attempt with its outcome.
    pub(super) fn attempts(&self) -> Vec<(Attempt, Outcome)> {
        self.state.lock().attempts.clone()
    }

    /// The attempts whose outcome is open.
    pub(super) fn unanswered(&self) -> Vec<Attempt> {
        let open = self.attempts().into_iter().filter(|(_, outcome)| *outcome == Outcome::Unknown);
        open.map(|(attempt, _)| attempt).collect()
    }

    /// How many writers have an acknowledged attempt whose key begins so.
    pub(super) fn writers_acknowledged(&self, prefix: &str) -> usize {
        let state = self.state.lock();
        let acknowledged =
            state.attempts.iter().filter(|(attempt, outcome)| matches!(outcome, Outcome::Ok(_)) && attempt.key.starts_with(prefix));
        acknowledged.map(|(attempt, _)| attempt.writer).collect::<BTreeSet<_>>().len()
    }

    /// Says how many attempts there are of each outcome.
    pub(super) fn counts(&self) -> String {
        let state = self.state.lock();
        let count = |wanted: fn(&Outcome) -> bool| state.attempts.iter().filter(|(_, outcome)| wanted(outcome)).count();
        let acknowledged = count(|outcome| matches!(outcome, Outcome::Ok(_)));
        format!("{acknowledged} acknowledged, {} refused", count(|outcome| *outcome == Outcome::Refused))
    }
}

impl State {
    fn write(&mut self, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).context("cannot write the journal")
    }

    fn note(&mut self, attempt: Attempt) {
        self.places.insert(attempt.key.clone(), self.attempts.len());
        self.attempts.push((attempt, Outcome::Unknown));
    }

    fn settle(&mut self, key: &str, outcome: Outcome) -> Result<()> {
        let place = self.places.get(key).and_then(|place| self.attempts.get_mut(*place));
        place.with_context(|| format!("{key} was answered and never sent"))?.1 = outcome;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::action::Action;
    use super::*;

    #[test]
    fn a_journal_that_was_cut_off_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let attempt = |key: &str| Attempt { writer: 0, key: key.to_owned(), action: Action::Post };
        let journal = Journal::create(&path, Cast::default()).expect("made");
        journal.sent(&attempt("a")).expect("written");
        journal.answered("a", Outcome::Ok("1".into())).expect("written");
        journal.sent(&attempt("b")).expect("written");
        drop(journal);
        let mut file = File::options().append(true).open(&path).expect("opened");
        file.write_all(br#"{"answered":{"key":"b","out"#).expect("written");
        for _ in 0..2 {
            let journal = Journal::open(&path).expect("read");
            assert_eq!(journal.attempts(), [(attempt("a"), Outcome::Ok("1".into())), (attempt("b"), Outcome::Unknown)]);
            assert_eq!(journal.unanswered(), [attempt("b")]);
        }
        let journal = Journal::open(&path).expect("read");
        journal.answered("b", Outcome::Moot).expect("written");
        assert_eq!(Journal::open(&path).expect("read").unanswered(), []);
    }
}
