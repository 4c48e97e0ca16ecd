//! `cargo xtask pages`: the pages as a person meets them, in headless Chromium, against the executable that users run.
//!
//! The server gets a folder of its own, filled by `roost demo`, and free ports; the suite gets its address in `ROOST_URL`. A second one,
//! empty, asks for the confirmation of e-mail addresses (`ROOST_CONFIRMING_URL`) and leaves its mail in a folder (`ROOST_MAIL_FOLDER`).

use crate::clients::{junit, venv};
use crate::server::{self, Addresses, Server};
use crate::tally::Tally;
use crate::{process, root};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the suite drives, where Debian's packages `chromium` and `chromium-driver` put it.
const PROGRAMS: [(&str, &str); 2] = [("ROOST_CHROMIUM", "/usr/bin/chromium"), ("ROOST_CHROMEDRIVER", "/usr/bin/chromedriver")];

/// What to run it on.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Starts this executable instead of building one.
    #[arg(long, conflicts_with = "url")]
    binary: Option<PathBuf>,
    /// Runs against a server that runs already and holds the demo (its public URL) instead of starting one.
    #[arg(long)]
    url: Option<String>,
    /// Passed to pytest, after `--`: for example `-k consent`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs the suite and returns what it counted.
///
/// # Errors
/// Fails where Chromium is absent, the server cannot be built, filled, started or stopped, or the suite could not run at all.
pub(crate) fn run(args: &Args) -> Result<Tally> {
    for (variable, usual) in PROGRAMS {
        let path = std::env::var_os(variable).map_or_else(|| PathBuf::from(usual), PathBuf::from);
        let name = path.display();
        anyhow::ensure!(path.exists(), "no {name}: install the packages chromium and chromium-driver, or set {variable}");
    }
    if let Some(url) = &args.url {
        return suite(url, None, &args.rest);
    }
    let binary = server::built(args.binary.as_deref())?;
    let folder = tempfile::Builder::new().prefix("roost-pages-").tempdir().context("cannot make a folder")?;
    let data = folder.path().join("data");
    process::run(server::command(&binary).args(["demo", "--data"]).arg(&data))?;
    let addresses = Addresses::free()?;
    let (server, ready) = Server::start(&binary, &data, &addresses, &folder.path().join("server.log"))?;
    println!("server ready at {} after {:.3} s", addresses.url(), ready.as_secs_f64());
    let (elsewhere, empty) = (Addresses::free()?, folder.path().join("confirming"));
    let log = folder.path().join("confirming.log");
    let (confirming, _) = Server::start_with(&binary, &empty, &elsewhere, &log, &["email_confirmation=on"])?;
    let counted = suite(&addresses.url(), Some((&elsewhere.url(), &empty.join("mail"))), &args.rest);
    if !matches!(counted, Ok(Tally { failed: 0, .. })) {
        println!("{}\n{}", server.log_tail(), confirming.log_tail());
    }
    let (stopped, stopped_too) = (server.stop(), confirming.stop());
    let counted = counted?;
    stopped?;
    stopped_too?;
    Ok(counted)
}

fn suite(url: &str, confirming: Option<(&str, &Path)>, rest: &[String]) -> Result<Tally> {
    let cache = root::workspace()?.join(".cache");
    let suite = root::workspace()?.join("tests/pages");
    let interpreter = venv(&cache.join("pages-venv"), &suite.join("requirements.txt"))?;
    let report = cache.join("pages.xml");
    let mut command = pytest(&interpreter, &report, &suite);
    if let Some((url, mail)) = confirming {
        command.env("ROOST_CONFIRMING_URL", url).env("ROOST_MAIL_FOLDER", mail);
    }
    junit("pages", command.args(rest).env("ROOST_URL", url), &report)
}

fn pytest(interpreter: &Path, report: &Path, suite: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-q", "--junitxml"]).arg(report).current_dir(suite);
    command
}
