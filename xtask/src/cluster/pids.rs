//! Processes by id, safely: a process is known by its id *and* the moment it started, and is signalled through a descriptor of that very
//! process, so that an id that was used again is never hit. Linux only, as all of this folder.

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Pause between two looks at a process.
const POLL: Duration = Duration::from_millis(20);

/// One process, also after its id was given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) id: i32,
    /// When it started, in the kernel's ticks since the machine did.
    started: u64,
}

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Running,
    /// Stopped by a signal (SIGSTOP).
    Paused,
    Gone,
}

impl Process {
    /// Returns the process that has this id now, if there is one.
    pub(super) fn of(id: i32) -> Option<Self> {
        stat(id).map(|stat| Self { id, started: stat.started })
    }

    /// Returns what it is doing. A process that has ended and whom nobody has waited for is gone.
    pub(super) fn doing(self) -> Doing {
        match stat(self.id) {
            Some(stat) if stat.started == self.started => match stat.state {
                'Z' | 'X' => Doing::Gone,
                'T' | 't' => Doing::Paused,
                _ => Doing::Running,
            },
            _ => Doing::Gone,
        }
    }

    /// Sends a signal; nothing happens to a process that is gone.
    ///
    /// # Errors
    /// Fails where the signal is not permitted.
    pub(super) fn signal(self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.id).context("a process id is above zero")?;
        let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
        // The descriptor stays with one process: if that is ours now, it is ours when the signal arrives.
        if self.doing() == Doing::Gone {
            return Ok(());
        }
        match pidfd_send_signal(&descriptor, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot signal process {}", self.id)),
        }
    }

    /// Waits until it is gone, for `longest`; returns whether it is.
    pub(super) fn wait_gone(self, longest: Duration) -> bool {
        let began = Instant::now();
        while self.doing() != Doing::Gone {
            if began.elapsed() > longest {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }

    /// Returns the memory it has in use (resident), in bytes; 0 if it is gone.
    pub(super) fn memory_bytes(self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        if self.doing() == Doing::Gone { 0 } else { kibibytes * 1024 }
    }
}

/// Lists the processes that were started with exactly this argument.
pub(super) fn with_argument(argument: &str) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter_map(|id| {
        let process = Process::of(id)?;
        let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()).then_some(process)
    })
    .collect()
}

struct Stat {
    state: char,
    started: u64,
}

fn stat(id: i32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Reads state and start out of /proc/ID/stat (proc(5): fields 3 and 22). The name, field 2, may itself hold spaces and brackets.
fn parse(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some(Stat { state, started: fields.nth(18)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_kernels_line_is_read_past_the_name() {
        let line = "42 (a ) b (c) T 1 42 42 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 987654 0 0";
        let stat = parse(line).expect("a good line");
        assert_eq!((stat.state, stat.started), ('T', 987_654));
        assert!(parse("42 (cut").is_none());
    }

    #[test]
    fn a_process_is_paused_resumed_and_killed_and_its_id_alone_is_not_it() {
        let mark = format!("7{}", std::process::id());
        let mut child = Command::new("sleep").arg(&mark).spawn().expect("started");
        let id = i32::try_from(child.id()).expect("small");
        let process = Process::of(id).expect("runs");
        let until = |expected: Doing| {
            let began = Instant::now();
            while process.doing() != expected {
                assert!(began.elapsed() < Duration::from_secs(10), "still {:?}", process.doing());
                std::thread::sleep(POLL);
            }
        };
        while !with_argument(&mark).contains(&process) {
            std::thread::sleep(POLL);
        }
        process.signal(Signal::STOP).expect("sent");
        until(Doing::Paused);
        process.signal(Signal::CONT).expect("sent");
        until(Doing::Running);
        let other = Process { started: process.started + 1, ..process };
        other.signal(Signal::KILL).expect("nothing to do");
        assert_eq!((other.doing(), process.doing(), other.memory_bytes()), (Doing::Gone, Doing::Running, 0));
        process.signal(Signal::KILL).expect("sent");
        assert!(process.wait_gone(Duration::from_secs(10)));
        child.wait().expect("reaped");
        assert!(with_argument(&mark).is_empty());
    }
}
