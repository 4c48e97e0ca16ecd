//! PostgreSQL for one bench: a cluster of its own, made by `initdb`, reached through a unix socket, with the settings of its side.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::servers::{Server, User, command, folder, program};

/// Where Debian puts each major version.
const VERSIONS: &str = "/usr/lib/postgresql";
const PACKAGE: &str = "postgresql";
/// The superuser of the cluster and its database.
const NAME: &str = "postgres";

/// Settings that hold for all benches: memory for the data, and no checkpoint, replication or compilation in between.
const COMMON: [&str; 12] = [
    "listen_addresses=",
    "shared_buffers=3GB",
    "work_mem=64MB",
    "maintenance_work_mem=512MB",
    "max_connections=200",
    "wal_level=minimal",
    "max_wal_senders=0",
    "wal_buffers=64MB",
    "max_wal_size=16GB",
    "checkpoint_timeout=1h",
    "jit=off",
    "random_page_cost=1.1",
];
/// What was acknowledged is on the disk.
pub(super) const DURABLE: [&str; 3] = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];
/// What was acknowledged may be lost with the machine, as a ring is.
pub(super) const IN_MEMORY: [&str; 3] = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"];

/// A PostgreSQL under way. Its handle stops it; then its folder goes.
pub(super) struct Postgres {
    server: Server,
    folder: tempfile::TempDir,
    settings: String,
    version: String,
}

impl Postgres {
    /// Makes a cluster under `parent` and starts it.
    ///
    /// # Errors
    /// Fails where it is not installed or does not start.
    pub(super) fn start(parent: &Path, durability: &[&str]) -> Result<Self> {
        let among = programs();
        let (initdb, postgres) = (program("initdb", &among, PACKAGE)?, program("postgres", &among, PACKAGE)?);
        let user = User::without_rights(&["postgres", "nobody"])?;
        let folder = folder(parent, user.as_ref())?;
        let data = folder.path().join("data");
        let init = command(&initdb, user.as_ref(), "KILL")
            .args(["--auth=trust", "--username", NAME, "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(&data)
            .stdin(Stdio::null())
            .current_dir(folder.path())
            .output()
            .context("cannot start initdb")?;
        ensure!(init.status.success(), "initdb failed: {}", String::from_utf8_lossy(&init.stderr));
        let settings: Vec<&str> = COMMON.iter().chain(durability).copied().collect();
        let mut start = command(&postgres, user.as_ref(), "QUIT");
        start.current_dir(folder.path()).arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in &settings {
            start.args(["-c", setting]);
        }
        let ready = program("pg_isready", &among, PACKAGE)?;
        let socket = folder.path().to_path_buf();
        // SIGINT: connections are cut, what is to be written is.
        let server = Server::start("postgres", &mut start, folder.path().join("log"), Signal::INT, &|| {
            let asked = Command::new(&ready).arg("--quiet").arg("--host").arg(&socket).status();
            asked.is_ok_and(|status| status.success())
        })?;
        let version = Command::new(&postgres).arg("--version").output().context("cannot ask PostgreSQL for its version")?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        Ok(Self { server, folder, settings: settings.join(" "), version })
    }

    /// How its clients reach it.
    pub(super) fn url(&self) -> String {
        // A host that begins with a slash is a folder with a socket; in an address it is escaped.
        let folder = self.folder.path().to_string_lossy().replace('%', "%25").replace('/', "%2F");
        format!("postgres://{NAME}@{folder}/{NAME}")
    }

    /// Seconds of processor time of all its processes.
    pub(super) fn cpu_s(&self) -> f64 {
        self.server.cpu_s()
    }

    /// Its version and settings.
    pub(super) fn setup(&self) -> String {
        format!("{}, unix socket; {}", self.version, self.settings)
    }
}

/// The folders of the installed versions, the newest first, then where others put theirs.
fn programs() -> Vec<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = versions.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let mut among: Vec<PathBuf> = numbers.iter().map(|number| Path::new(VERSIONS).join(number.to_string()).join("bin")).collect();
    among.extend(["/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    among
}
