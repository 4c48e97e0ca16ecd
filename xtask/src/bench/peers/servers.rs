//! Servers of Debian packages, started for one bench: each in a folder of its own, reached through a socket in it, stopped by its process
//! id when its handle goes, and by the kernel should this program end without that.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};

/// Longest wait for a started server to answer.
const READY_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for a server that was asked to stop.
const STOP_WAIT: Duration = Duration::from_secs(20);
/// Pause between two looks at a server.
const POLL: Duration = Duration::from_millis(20);
/// The kernel counts processor time in hundredths of a second (proc(5), USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// A user without rights that a server runs as.
#[derive(Debug, Clone)]
pub(super) struct User {
    name: String,
    id: u32,
    group: u32,
}

impl User {
    /// Returns the first of these users that there is; none where this program itself runs without rights, whose servers are its user's.
    ///
    /// # Errors
    /// Fails where this program runs as root and none of the users is there.
    pub(super) fn without_rights(names: &[&str]) -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").context("cannot read the users")?;
        let found = names.iter().find_map(|name| {
            let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
            Some(Self { name: (*name).to_owned(), id: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
        });
        Ok(Some(found.with_context(|| format!("none of the users {} is there for the server to run as", names.join(", ")))?))
    }

    /// Gives a folder to the user.
    pub(super) fn give(&self, folder: &Path) -> Result<()> {
        std::os::unix::fs::chown(folder, Some(self.id), Some(self.group)).with_context(|| format!("cannot give a folder to {}", self.name))
    }
}

/// Returns a command of the program, as the user, which the kernel ends with this program; `end` is the signal for that.
pub(super) fn command(program: &Path, user: Option<&User>, end: &str) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args([format!("--reuid={}", user.id), format!("--regid={}", user.group), "--clear-groups".to_owned()]);
    }
    command.args(["--pdeathsig", end]).arg(program);
    command
}

/// Finds a program of a package; `among` are the folders where it may lie, the first best.
///
/// # Errors
/// Fails where it is in none, saying what to install.
pub(super) fn program(name: &str, among: &[PathBuf], package: &str) -> Result<PathBuf> {
    let found = among.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("`{name}` is not there: run `apt-get install --no-install-recommends {package}`"))
}

/// A folder for a server's data, which goes with its handle. It may be entered by the user that the server runs as.
pub(super) fn folder(parent: &Path, user: Option<&User>) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("bench-peer-").tempdir_in(parent).context("cannot make a folder")?;
    if let Some(user) = user {
        user.give(folder.path())?;
    }
    Ok(folder)
}

/// A server under way.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Which signal asks it to end.
    end: Signal,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// Fails, with what it printed, where it ends early or does not answer in time.
    pub(super) fn start(name: &'static str, command: &mut Command, log: PathBuf, end: Signal, answers: &dyn Fn() -> bool) -> Result<Self> {
        let out = File::create(&log).context("cannot make the server's log")?;
        let child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn();
        let mut server = Self { name, child: child.with_context(|| format!("cannot start {name}"))?, log, end };
        let began = Instant::now();
        while !answers() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status} before it answered:\n{}", server.printed());
            }
            ensure!(began.elapsed() < READY_WAIT, "{name} did not answer in {} s:\n{}", READY_WAIT.as_secs(), server.printed());
            std::thread::sleep(POLL);
        }
        Ok(server)
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Seconds of processor time of the server and of the processes that it started, ended ones included.
    pub(super) fn cpu_s(&self) -> f64 {
        cpu_s(&self.child)
    }
}

/// Seconds of processor time of a process and of those that it started, ended ones included.
pub(super) fn cpu_s(process: &Child) -> f64 {
    let parent = process.id();
    let mut ticks = times(parent).map_or(0, |times| times.own + times.ended_children);
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let child = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()).and_then(times);
        ticks += child.filter(|times| times.parent == parent).map_or(0, |times| times.own);
    }
    ticks as f64 / TICKS_PER_SECOND
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors here mean that it has ended already, which is all that is wanted.
        let _ = kill_process(Pid::from_child(&self.child), self.end);
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < STOP_WAIT {
            std::thread::sleep(POLL);
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            eprintln!("{} does not stop, so it is killed", self.name);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Times {
    parent: u32,
    own: u64,
    ended_children: u64,
}

fn times(process: u32) -> Option<Times> {
    parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Reads the parent and the times out of /proc/ID/stat (proc(5): fields 4 and 14 to 17). The name, field 2, may hold spaces and brackets.
fn parse(text: &str) -> Option<Times> {
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut ticks = fields.skip(9).map(|field| field.parse::<u64>().ok());
    let own = ticks.next()?? + ticks.next()??;
    Some(Times { parent, own, ended_children: ticks.next()?? + ticks.next()?? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read_past_the_name() {
        let times = parse("42 (a ) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 11 2 30 4 20 0 1 0 987654 0 0").expect("a good line");
        assert_eq!((times.parent, times.own, times.ended_children), (7, 13, 34));
        assert!(parse("42 (cut").is_none());
    }

    #[test]
    fn a_server_is_gone_with_its_handle_and_one_that_ends_early_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = |program: &str, argument: &str, answers: &dyn Fn() -> bool| {
            let mut command = command(Path::new(program), None, "KILL");
            Server::start("sleeper", command.arg(argument), folder.path().join("log"), Signal::TERM, answers)
        };
        let server = start("sleep", "60", &|| true).expect("started");
        let id = Pid::from_child(&server.child);
        assert!(server.cpu_s() < 60.0);
        drop(server);
        assert!(kill_process(id, Signal::CONT).is_err(), "the process is gone");
        let error = start("ls", "/nowhere", &|| false).expect_err("it ended").to_string();
        assert!(error.contains("/nowhere"), "{error}");
    }

    #[test]
    fn what_is_absent_says_what_to_install() {
        let error = program("no-such-server", &[PathBuf::from("/usr/bin")], "no-such").expect_err("absent").to_string();
        assert!(error.ends_with("run `apt-get install --no-install-recommends no-such`"), "{error}");
    }
}
