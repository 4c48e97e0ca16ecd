//! Roost as a cluster: processes of one role each over real servers, for the suites that ask the same of it as of one process.

use crate::cluster::{Cluster, Kind};
use crate::server::{self, Addresses, Server};
use crate::{process, root};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait until every partition has a process that writes it and one that projects it.
const SHARED_OUT_WAIT: Duration = Duration::from_secs(60);
/// Longest wait for a process to say whether it is ready.
const READY_ANSWER_WAIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);
/// Partitions of the log: enough for every process of two roles to have some.
const PARTITIONS: usize = 6;
/// The secret of instances that live for one run.
const SECRET: &str = "6f6e6520727568206f6e6c793a206e6f626f64792773207365637265742e2e2e";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Commands,
    Projectors,
    Queries,
}

impl Role {
    const ALL: [Self; 3] = [Self::Commands, Self::Projectors, Self::Queries];

    /// Returns the role's name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Projectors => "projectors",
            Self::Queries => "queries",
        }
    }
}

/// A process of the fleet.
struct Member {
    role: Role,
    addresses: Addresses,
    server: Server,
}

/// See the module. Dropping it kills the processes.
pub(crate) struct Fleet {
    binary: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    members: Vec<Member>,
    started: usize,
}

/// Builds the executable that reaches servers, and returns its path; the one that does not stays beside it.
///
/// # Errors
/// Fails where it does not build.
fn build() -> Result<PathBuf> {
    process::run(process::cargo().args(["build", "--release", "--package", "roost", "--features", "cluster"]))?;
    let release = root::target()?.join("release");
    let kept = release.join("roost-cluster");
    std::fs::copy(release.join("roost"), &kept).context("cannot keep the executable")?;
    Ok(kept)
}

/// Returns `given`, or builds the executable where none was given.
///
/// # Errors
/// Fails where there is none, or it does not build.
pub(crate) fn built(given: Option<&Path>) -> Result<PathBuf> {
    given.map_or_else(build, |path| path.canonicalize().with_context(|| format!("no executable at {}", path.display())))
}

impl Fleet {
    /// Prepares the servers under a name of their own and starts `each` processes of every role; returns once all partitions are at work.
    ///
    /// # Errors
    /// Fails, showing the end of a log, where a process does not start.
    pub(crate) fn start(binary: &Path, cluster: &Cluster, name: &str, each: usize, folder: &Path) -> Result<Self> {
        let mut fleet = Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            settings: settings(cluster, name)?,
            members: Vec::new(),
            started: 0,
        };
        process::run(server::command(binary).arg("migrate").args(fleet.settings.iter().flat_map(|setting| ["--set", setting])))?;
        if let Some(registry) = cluster.address(Kind::Registry) {
            process::run(server::command(binary).args(["schemas", "register", "--registry", &registry]))?;
        }
        for role in Role::ALL {
            for _ in 0..each {
                fleet.add(role)?;
            }
        }
        fleet.wait_shared_out()?;
        Ok(fleet)
    }

    /// Starts one more process of a role.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn add(&mut self, role: Role) -> Result<()> {
        self.started += 1;
        let (addresses, log) = (Addresses::free()?, self.folder.join(format!("{}-{}.log", role.name(), self.started)));
        let roles = format!("roles={}", role.name());
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).chain([roles.as_str()]).collect();
        let (server, ready) = Server::start_with(&self.binary, &self.folder.join("unused"), &addresses, &log, &settings)?;
        println!("{} ready at {} after {:.3} s", role.name(), addresses.url(), ready.as_secs_f64());
        self.members.push(Member { role, addresses, server });
        Ok(())
    }

    /// Stops the first process of a role as an operator would, or kills it.
    ///
    /// # Errors
    /// Fails where there is none, or it does not end well.
    pub(crate) fn remove(&mut self, role: Role, kill: bool) -> Result<()> {
        let place = self.members.iter().position(|member| member.role == role).with_context(|| format!("no {} left", role.name()))?;
        let mut member = self.members.remove(place);
        if kill { member.server.kill() } else { member.server.stop() }
    }

    /// Pauses the first process of a role (SIGSTOP).
    ///
    /// # Errors
    /// Fails where there is none.
    pub(crate) fn pause(&self, role: Role) -> Result<()> {
        self.first(role)?.server.signal(Signal::STOP)
    }

    /// Lets the first process of a role go on (SIGCONT).
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub(crate) fn resume(&self, role: Role) -> Result<()> {
        self.first(role)?.server.signal(Signal::CONT)
    }

    fn first(&self, role: Role) -> Result<&Member> {
        self.members.iter().find(|member| member.role == role).with_context(|| format!("no {} left", role.name()))
    }

    /// Returns the addresses of the processes of a role.
    pub(crate) fn of(&self, role: Role) -> Vec<&Addresses> {
        self.members.iter().filter(|member| member.role == role).map(|member| &member.addresses).collect()
    }

    /// Waits until every process is ready and every partition is written by one process and projected by one.
    ///
    /// # Errors
    /// Fails where that takes too long.
    pub(crate) fn wait_shared_out(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let missing = self.missing();
            if missing.is_empty() {
                println!("all at work after {:.3} s", began.elapsed().as_secs_f64());
                return Ok(());
            }
            if began.elapsed() > SHARED_OUT_WAIT {
                bail!("not all at work after {} s:\n  {}\n{}", SHARED_OUT_WAIT.as_secs(), missing.join("\n  "), self.logs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Says what keeps the processes from their work.
    fn missing(&self) -> Vec<String> {
        let (mut missing, mut writes, mut projects) = (Vec::new(), 0, 0);
        for member in &self.members {
            let told = readiness(&member.addresses).unwrap_or_default();
            let with = |what: &str| {
                let partitions = told.get("partitions").and_then(Value::as_array);
                partitions.map_or(0, |all| all.iter().filter(|partition| partition.get(what) == Some(&Value::Bool(true))).count())
            };
            writes += with("writes");
            projects += with("projects");
            if told.get("ready") != Some(&Value::Bool(true)) {
                let what = told.get("missing").map_or_else(|| "no answer".to_owned(), Value::to_string);
                missing.push(format!("{} at {}: {what}", member.role.name(), member.addresses.url()));
            }
        }
        if writes != PARTITIONS || projects != PARTITIONS {
            missing.push(format!("of {PARTITIONS} partitions {writes} have a writer and {projects} a projector"));
        }
        missing
    }

    /// Returns the end of every process's log.
    pub(crate) fn logs(&self) -> String {
        let tail = |member: &Member| format!("{} at {}\n{}", member.role.name(), member.addresses.url(), member.server.log_tail());
        self.members.iter().map(tail).collect::<Vec<_>>().join("\n")
    }

    /// Stops all processes, the ones that clients speak to first.
    ///
    /// # Errors
    /// Fails where one does not end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        for role in [Role::Queries, Role::Commands, Role::Projectors] {
            while self.members.iter().any(|member| member.role == role) {
                self.remove(role, false)?;
            }
        }
        Ok(())
    }
}

/// The configuration of every process.
fn settings(cluster: &Cluster, name: &str) -> Result<Vec<String>> {
    let address = |kind: Kind| cluster.address(kind).with_context(|| format!("the cluster has no {kind:?}"));
    let (kafka, cql, elastic) = (address(Kind::Kafka)?, address(Kind::Cql)?, address(Kind::Elastic)?);
    let brokers = kafka.split(',').count();
    ensure!(brokers == 1 || brokers == 3, "a log is kept once or three times, not on {brokers} brokers");
    let mut settings = vec![
        format!("log=kafka://{kafka}/{name}?rf={brokers}"),
        format!("views=cql://{cql}/{name}"),
        format!("blobs=cql://{cql}/{name}"),
        format!("search=elastic://{elastic}/{name}?replicas=0"),
        format!("secret={SECRET}"),
        format!("partitions={PARTITIONS}"),
    ];
    if let Some(registry) = cluster.address(Kind::Registry) {
        settings.push(format!("registry={registry}"));
    }
    Ok(settings)
}

/// What a process says of its readiness.
fn readiness(addresses: &Addresses) -> Option<Value> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(READY_ANSWER_WAIT)).http_status_as_error(false).build().into();
    agent.get(format!("{}/readyz", addresses.operators_url())).call().ok()?.body_mut().read_json().ok()
}
