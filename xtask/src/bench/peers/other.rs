//! The program in `peers/`: built when it is asked for, started for one bench, and asked in lines of JSON, one answer to each.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::servers::{command, cpu_s};
use crate::{process, root};

/// The program under way; it ends with its handle.
pub(super) struct Other {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Other {
    /// Builds the program in release mode and starts it for a bench; `features` are those of its crate.
    ///
    /// # Errors
    /// Fails where it cannot be built.
    pub(super) fn start(bench: &str, features: &[&str]) -> Result<Self> {
        let folder = root::target()?.join("peers");
        let mut build = process::cargo();
        build.args(["build", "--release", "--quiet", "--locked", "--manifest-path"]).arg(root::workspace()?.join("peers/Cargo.toml"));
        build.arg("--target-dir").arg(&folder).args(["--features", &features.join(",")]);
        let built = build.stdout(Stdio::null()).status().context("cannot start cargo")?;
        ensure!(built.success(), "the crate peers/ does not build");
        let mut start = command(&folder.join("release").join("roost-peers"), None, "KILL");
        let spawned = start.arg(bench).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.context("cannot start the program of peers/")?;
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("its output was asked for")?);
        Ok(Self { child, asks, answers })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Fails where the program does, with its words.
    pub(super) fn ask(&mut self, ask: &Value) -> Result<Value> {
        let asks = self.asks.as_mut().context("the program is under way")?;
        writeln!(asks, "{ask}").context("the program of peers/ has ended")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("the program of peers/ has ended without an answer")?;
        let error = answer.get("error").and_then(Value::as_str);
        ensure!(error.is_none(), "the other side failed: {}", error.unwrap_or_default());
        Ok(answer)
    }

    /// Seconds of processor time of the program.
    pub(super) fn cpu_s(&self) -> f64 {
        cpu_s(&self.child)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Without asks to come it ends; an error means that it has already.
        self.asks = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of an answer.
///
/// # Errors
/// Fails where it has none of that name.
pub(super) fn number(answer: &Value, name: &str) -> Result<f64> {
    answer.get(name).and_then(Value::as_f64).with_context(|| format!("the other side gives no {name}"))
}

/// Pages of ids of an answer.
///
/// # Errors
/// Fails where it has none.
pub(super) fn pages(answer: &Value) -> Result<Vec<Vec<u64>>> {
    let pages = answer.get("pages").cloned().context("the other side gives no pages")?;
    serde_json::from_value(pages).context("the other side's pages are not ids")
}
