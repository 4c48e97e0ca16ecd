//! The two suites: how each gets its packages (pinned, into folders that git ignores) and how each is run.

use super::counts;
use crate::tally::Tally;
use crate::{process, root};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A client suite.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// Mastodon.py under pytest, with plain `requests` for headers and raw errors.
    Python,
    /// masto under node's test runner.
    Js,
}

impl Suite {
    /// Returns the suite's name as the command line spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Js => "js",
        }
    }

    /// Runs the suite against a server and returns what it counted.
    ///
    /// # Errors
    /// Fails where its packages cannot be installed, or the runner left no report.
    pub(crate) fn run(self, url: &str, operators: &str, rest: &[String]) -> Result<Tally> {
        let cache = root::workspace()?.join(".cache");
        std::fs::create_dir_all(&cache).context("cannot make .cache")?;
        let report = cache.join(format!("clients-{}.xml", self.name()));
        let mut command = match self {
            Self::Python => python(&cache, &report)?,
            Self::Js => js(&report)?,
        };
        command.args(rest).env("ROOST_URL", url).env("ROOST_OPS_URL", operators);
        junit(self.name(), &mut command, &report)
    }
}

/// Runs a test runner that writes a JUnit report, and counts the report.
///
/// # Errors
/// Fails where the runner left no report, ran no test, or failed outside any test.
pub(crate) fn junit(name: &str, command: &mut Command, report: &Path) -> Result<Tally> {
    if report.exists() {
        std::fs::remove_file(report).context("cannot remove the last report")?;
    }
    // A failing test is in the report; only a runner that left none is an error of this command.
    let ran = process::run(command);
    let text = match std::fs::read_to_string(report) {
        Ok(text) => text,
        Err(error) => return Err(ran.err().unwrap_or_else(|| anyhow::Error::new(error).context("the runner left no report"))),
    };
    let counted = counts::of_junit(&text);
    anyhow::ensure!(counted.passed + counted.failed > 0, "the {name} suite ran no test; see the output above");
    if ran.is_err() && counted.failed == 0 {
        return Err(ran.err().context("the runner failed outside any test")?);
    }
    Ok(counted)
}

/// Makes a virtual environment that holds exactly what `requirements` pins, unless it is there, and returns its interpreter.
///
/// # Errors
/// Fails where the packages cannot be installed.
pub(crate) fn venv(venv: &Path, requirements: &Path) -> Result<PathBuf> {
    let interpreter = venv.join("bin/python");
    let stamp = venv.join("installed.txt");
    let wanted = std::fs::read(requirements).context("cannot read requirements.txt")?;
    if std::fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
        process::run(
            Command::new(&interpreter).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements),
        )?;
        std::fs::write(&stamp, wanted).context("cannot write the stamp")?;
    }
    Ok(interpreter)
}

fn python(cache: &Path, report: &Path) -> Result<Command> {
    let suite = root::workspace()?.join("tests/clients/python");
    let mut command = Command::new(venv(&cache.join("clients-venv"), &suite.join("requirements.txt"))?);
    command.args(["-m", "pytest", "-q", "--junitxml"]).arg(report).current_dir(suite);
    Ok(command)
}

fn js(report: &Path) -> Result<Command> {
    let suite = root::workspace()?.join("tests/clients/js");
    let stamp: PathBuf = suite.join("node_modules/.installed.json");
    let wanted = std::fs::read(suite.join("package-lock.json")).context("cannot read package-lock.json")?;
    if std::fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        process::run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&suite))?;
        std::fs::write(&stamp, wanted).context("cannot write the stamp")?;
    }
    let mut command = Command::new("node");
    command.args(["--test", "--test-concurrency=2", "--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=junit"]);
    command.arg(format!("--test-reporter-destination={}", report.display()));
    command.args(test_files(&suite.join("suite"))?).current_dir(suite);
    Ok(command)
}

/// Lists the test files by name: what a folder or a pattern means to the runner differs between versions of node.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).context("cannot list the tests")? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.js") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
