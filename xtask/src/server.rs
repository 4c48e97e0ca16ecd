//! A running `roost serve` for the suites: started on free ports over a folder of its own, awaited until it is ready,
//! and stopped by its process id.

use crate::{process, root};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a started server to say that it is ready.
const READY_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for a server that was asked to stop.
const STOP_WAIT: Duration = Duration::from_secs(20);
/// Pause between two looks at a process or port.
const POLL: Duration = Duration::from_millis(20);
/// How many bytes of the server's log a failure shows.
const LOG_TAIL_BYTES: usize = 8 * 1024;

/// What the suites read from the environment; the server would refuse to start with keys that it does not know.
const SUITES_VARIABLES: &[&str] = &[
    "ROOST_SEEDS",
    "ROOST_SEED",
    "ROOST_URL",
    "ROOST_OPS_URL",
    "ROOST_CHROMIUM",
    "ROOST_CHROMEDRIVER",
    "ROOST_TEST_CLUSTER",
    "ROOST_TEST_KAFKA",
    "ROOST_TEST_KAFKA_RESTART",
    "ROOST_TEST_CQL",
    "ROOST_TEST_ELASTIC",
    "ROOST_TEST_REGISTRY",
    "ROOST_CONFIRMING_URL",
    "ROOST_MAIL_FOLDER",
];

/// Returns a command of the executable without what the environment says to the suites.
pub(crate) fn command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for name in SUITES_VARIABLES {
        command.env_remove(name);
    }
    command
}

/// Builds the server in release mode and returns its path.
pub(crate) fn build() -> Result<PathBuf> {
    process::run(process::cargo().args(["build", "--release", "--package", "roost"]))?;
    Ok(root::target()?.join("release").join("roost"))
}

/// Returns `given`, or builds the server where none was given.
pub(crate) fn built(given: Option<&Path>) -> Result<PathBuf> {
    given.map_or_else(build, |path| path.canonicalize().with_context(|| format!("no executable at {}", path.display())))
}

/// Addresses that a server is started on; kept over restarts, so that clients find it again.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    public: String,
    operators: String,
}

impl Addresses {
    /// Picks two ports that are free now.
    pub(crate) fn free() -> Result<Self> {
        let (public, operators) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        Ok(Self { public: public.local_addr()?.to_string(), operators: operators.local_addr()?.to_string() })
    }

    /// Returns the base URL of the public port.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.public)
    }

    /// Returns the base URL of the operators' port.
    pub(crate) fn operators_url(&self) -> String {
        format!("http://{}", self.operators)
    }
}

/// A server process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts the server over `data` and waits until it is ready; returns it with the time that this took.
    ///
    /// # Errors
    /// Fails, showing the log's end, where the server ends early or is not ready in time.
    pub(crate) fn start(binary: &Path, data: &Path, addresses: &Addresses, log: &Path) -> Result<(Self, Duration)> {
        Self::start_with(binary, data, addresses, log, &[])
    }

    /// The same, with configuration keys set (`key=value`).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_with(binary: &Path, data: &Path, addresses: &Addresses, log: &Path, settings: &[&str]) -> Result<(Self, Duration)> {
        let out = File::options().create(true).append(true).open(log).context("cannot open the server's log")?;
        let mut command = command(binary);
        command.args(["serve", "--listen", &addresses.public, "--ops-listen", &addresses.operators, "--data"]).arg(data);
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.env("ROOST_RATE_LIMITS", "off").stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Self { child, log: log.to_path_buf() };
        let ready = format!("{}/readyz", addresses.operators_url());
        while !answers(&ready) {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status} before it was ready\n{}", server.log_tail());
            }
            if started.elapsed() > READY_WAIT {
                bail!("the server was not ready after {} s\n{}", READY_WAIT.as_secs(), server.log_tail());
            }
            std::thread::sleep(POLL);
        }
        Ok((server, started.elapsed()))
    }

    /// Stops the server as an operator would (SIGTERM).
    ///
    /// # Errors
    /// Fails where the server does not end in time or ends with another status than 0.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).context("cannot signal the server")?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "the server ended with {status} when asked to stop\n{}", self.log_tail());
                return Ok(());
            }
            if asked.elapsed() > STOP_WAIT {
                bail!("the server did not stop within {} s\n{}", STOP_WAIT.as_secs(), self.log_tail());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Kills the server (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// Fails where it had ended by itself.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended with {status} before it was killed\n{}", self.log_tail());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends the server a signal.
    ///
    /// # Errors
    /// Fails where it is gone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("cannot signal the server")
    }

    /// Returns the end of what the server logged.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let tail = text.get(text.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default();
        format!("--- end of the server's log ---\n{}", String::from_utf8_lossy(tail))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the process has ended already, which is all that is wanted here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answers(url: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(1))).build().into();
    agent.get(url).call().is_ok()
}
