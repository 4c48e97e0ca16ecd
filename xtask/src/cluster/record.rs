//! What a cluster's folder says about it: which servers, with which command lines, on which ports, as which processes. Written before
//! anybody waits for a server, so that whatever was started can be stopped by a later command.

use super::kind::Kind;
use super::launch::Launch;
use super::pids::{Doing, Process};
use super::probe;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file's name in the cluster's folder.
const FILE: &str = "cluster.json";
/// How many bytes of a server's log a failure shows.
const LOG_TAIL_BYTES: usize = 4 * 1024;

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The process with which it ends; none for one that stays until it is told to stop.
    pub(super) owner: Option<Process>,
    /// An argument that all its processes were started with, and no other.
    pub(super) mark: String,
    pub(super) servers: Vec<Server>,
}

/// One server of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server {
    /// `kafka-1`, `cql`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// `cassandra-5.0.9`.
    pub(super) program: String,
    /// The port for its clients.
    pub(super) port: u16,
    pub(super) launch: Launch,
    pub(super) log: PathBuf,
    /// How long the log was when the present process started, in bytes.
    pub(super) log_from: u64,
    pub(super) process: Option<Process>,
}

impl Record {
    /// Reads the record of a folder; none where there is no cluster.
    ///
    /// # Errors
    /// Fails where the file is damaged.
    pub(super) fn load(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).with_context(|| format!("{} is damaged; remove its folder", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes the record; whoever reads sees the former one or this.
    ///
    /// # Errors
    /// Fails where the folder cannot be written.
    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        let (path, draft) = (folder.join(FILE), folder.join(format!("{FILE}.draft")));
        std::fs::write(&draft, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(&draft, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Server {
    /// Returns what its process is doing.
    pub(super) fn doing(&self) -> Doing {
        self.process.map_or(Doing::Gone, Process::doing)
    }

    /// Returns whether it serves.
    pub(super) fn is_ready(&self) -> bool {
        let said = |line: &str| self.logged().windows(line.len()).any(|window| window == line.as_bytes());
        self.doing() == Doing::Running && probe::ready_line(self.kind).is_none_or(said) && probe::answers(self.kind, self.port)
    }

    /// Returns the end of what its present process logged.
    pub(super) fn log_tail(&self) -> String {
        let logged = self.logged();
        let tail = logged.get(logged.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default();
        format!("--- end of {} ---\n{}", self.log.display(), String::from_utf8_lossy(tail))
    }

    fn logged(&self) -> Vec<u8> {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let from = usize::try_from(self.log_from).unwrap_or(usize::MAX);
        bytes.get(from..).map(<[u8]>::to_vec).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_as_written() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Record::load(folder.path()).expect("no error"), None);
        let launch = Launch { program: "java".into(), arguments: vec!["-jar".into()], format: None, folder: "f".into() };
        let log = folder.path().join("log");
        std::fs::write(&log, "earlier\nlater").expect("written");
        let server = Server {
            name: "cql".into(),
            kind: Kind::Cql,
            program: "cassandra-5.0.9".into(),
            port: 19_042,
            launch,
            log,
            log_from: 8,
            process: Process::of(1),
        };
        assert!(server.log_tail().ends_with("---\nlater"), "{}", server.log_tail());
        let record = Record { owner: None, mark: "-Dx=y".into(), servers: vec![server] };
        record.save(folder.path()).expect("written");
        assert_eq!(Record::load(folder.path()).expect("readable"), Some(record));
        std::fs::write(folder.path().join(FILE), "{").expect("written");
        assert!(Record::load(folder.path()).is_err());
    }
}
