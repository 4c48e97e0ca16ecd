//! The journal: every attempt with its outcome, in memory for the checks and as JSON lines for whoever looks into a failure.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// What became of an attempt, as far as its writer knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) enum Outcome {
    /// Acknowledged, as this status.
    Ok(String),
    /// Refused before anything was done (503).
    Rejected,
    /// No answer, or one that leaves it open.
    Unknown,
}

/// One status that a writer tried to publish. Its key is its text and its idempotency key.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Attempt {
    pub(super) writer: usize,
    pub(super) key: String,
    pub(super) outcome: Outcome,
}

/// All attempts so far.
#[derive(Debug)]
pub(super) struct Journal {
    attempts: Vec<Attempt>,
    file: File,
}

impl Journal {
    /// Starts an empty journal in a new file.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { attempts: Vec::new(), file: File::create_new(path).context("cannot make the journal")? })
    }

    /// Notes the attempts of one round.
    pub(super) fn add(&mut self, attempts: Vec<Attempt>) -> Result<()> {
        for attempt in &attempts {
            self.write(attempt)?;
        }
        self.attempts.extend(attempts);
        Ok(())
    }

    /// Replaces the outcome of attempts that were sent again.
    pub(super) fn settle(&mut self, settled: Vec<Attempt>) -> Result<()> {
        for attempt in settled {
            self.write(&attempt)?;
            let known = self.attempts.iter_mut().find(|known| known.key == attempt.key);
            known.context("only what was attempted is sent again")?.outcome = attempt.outcome;
        }
        Ok(())
    }

    /// Every attempt, in the order of each writer.
    pub(super) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The attempts whose outcome is open.
    pub(super) fn unanswered(&self) -> Vec<Attempt> {
        self.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Unknown).cloned().collect()
    }

    /// Says how many attempts there are of each outcome.
    pub(super) fn counts(&self) -> String {
        let count = |wanted: fn(&Outcome) -> bool| self.attempts.iter().filter(|attempt| wanted(&attempt.outcome)).count();
        let acknowledged = count(|outcome| matches!(outcome, Outcome::Ok(_)));
        format!("{acknowledged} acknowledged, {} rejected", count(|outcome| *outcome == Outcome::Rejected))
    }

    fn write(&mut self, attempt: &Attempt) -> Result<()> {
        let mut line = serde_json::to_vec(attempt)?;
        line.push(b'\n');
        self.file.write_all(&line).context("cannot write the journal")
    }
}
