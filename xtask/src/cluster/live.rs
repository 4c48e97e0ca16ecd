//! A cluster that runs: what other commands of this program use. One that they start ends with them; the one of `cargo xtask cluster up`
//! stays, and is attached to.

use super::folder::{KILL_WAIT, LOCAL, PASSING, kill_marked, parent, remove};
use super::java::Java;
use super::kind::Kind;
use super::launch::{Launch, REGISTRY_PATH, Site};
use super::pids::{Doing, Process};
use super::record::{Record, Server};
use super::{maven, ports};
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a server to be ready: Cassandra takes 20 s on two busy cores, and minutes where a dozen compilers share them.
const READY_WAIT: Duration = Duration::from_secs(400);
/// Longest wait for a server that was asked to stop.
const STOP_WAIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a server that is starting.
const POLL: Duration = Duration::from_millis(100);
/// The environment variable that names the folder of the cluster within which a program runs.
const FOLDER_VARIABLE: &str = "ROOST_TEST_CLUSTER";
/// The environment variable that says to the suites how to crash a broker and start it again: a shell command.
const RESTART_VARIABLE: &str = "ROOST_TEST_KAFKA_RESTART";
/// How far the ports of passing clusters lie above the usual ones.
const PASSING_PORTS: u16 = 1_000;

/// Which servers.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Each at most once.
    pub(crate) kinds: Vec<Kind>,
    /// Kafka brokers: 1, or 3 with three replicas of which two must be in sync.
    pub(crate) brokers: u8,
}

impl Options {
    /// Returns how many servers of a kind it has.
    fn count(&self, kind: Kind) -> u8 {
        match kind {
            _ if !self.kinds.contains(&kind) => 0,
            Kind::Kafka => self.brokers,
            Kind::Cql | Kind::Elastic | Kind::Registry => 1,
        }
    }

    fn total(&self) -> usize {
        Kind::ALL.into_iter().map(|kind| usize::from(self.count(kind))).sum()
    }
}

/// A running cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    record: Record,
    /// Processes of ours, to be waited for when they end.
    children: BTreeMap<String, Child>,
    /// Kept for as long as this program runs: also while a server of ours is down.
    ports: Vec<ports::Pair>,
    /// Whether dropping it ends it.
    passing: bool,
}

impl Cluster {
    /// Starts a cluster that ends with this value, its data with it.
    ///
    /// # Errors
    /// Fails, showing the end of the log, where a server does not start.
    pub(crate) fn up(options: &Options) -> Result<Self> {
        let parent = parent()?;
        let folder = tempfile::Builder::new().prefix(PASSING).tempdir_in(&parent).context("cannot make a folder")?.keep();
        let owner = i32::try_from(std::process::id()).ok().and_then(Process::of);
        Self::start_in(folder, owner, options)
    }

    /// Starts the cluster that stays after this program has ended, or returns it if it is there and is the one that is asked for.
    ///
    /// # Errors
    /// Fails where another one is there, and as [`Self::up`].
    pub(super) fn up_local(options: &Options) -> Result<Self> {
        let folder = parent()?.join(LOCAL);
        if let Some(there) = Self::local()? {
            if there.is(options) {
                return Ok(there);
            }
            let states: Vec<String> = there.record.servers.iter().map(|server| format!("{} {:?}", server.name, server.doing())).collect();
            bail!("another cluster is there already ({}); `cargo xtask cluster down` ends it", states.join(", ").to_lowercase());
        }
        remove(&folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Self::start_in(folder, None, options)
    }

    /// Returns the cluster within which this program runs ([`FOLDER_VARIABLE`]), else the one that stays, if there is one.
    ///
    /// # Errors
    /// Fails where its record is damaged.
    pub(crate) fn present() -> Result<Option<Self>> {
        std::env::var_os(FOLDER_VARIABLE).map_or_else(Self::local, |folder| Self::attach(PathBuf::from(folder)))
    }

    fn local() -> Result<Option<Self>> {
        Self::attach(parent()?.join(LOCAL))
    }

    fn attach(folder: PathBuf) -> Result<Option<Self>> {
        let record = Record::load(&folder)?;
        Ok(record.map(|record| Self { folder, record, children: BTreeMap::new(), ports: Vec::new(), passing: false }))
    }

    /// Returns whether it has exactly these servers and all of them run.
    fn is(&self, options: &Options) -> bool {
        let count =
            |kind: Kind| self.record.servers.iter().filter(|server| server.kind == kind && server.doing() == Doing::Running).count();
        Kind::ALL.into_iter().all(|kind| count(kind) == usize::from(options.count(kind))) && self.names().len() == options.total()
    }

    fn start_in(folder: PathBuf, owner: Option<Process>, options: &Options) -> Result<Self> {
        let began = Instant::now();
        let mark = format!("-Droost.cluster={}", folder.display());
        let record = Record { owner, mark, servers: Vec::new() };
        record.save(&folder)?;
        // From here on dropping it on an error removes what was begun.
        let mut cluster = Self { folder, record, children: BTreeMap::new(), ports: Vec::new(), passing: true };
        cluster.prepare(options)?;
        cluster.format()?;
        let names = cluster.names();
        for name in &names {
            cluster.spawn(name)?;
        }
        cluster.wait_ready(&names, began)?;
        cluster.passing = owner.is_some();
        Ok(cluster)
    }

    /// Chooses ports, fetches programs and writes configuration files.
    fn prepare(&mut self, options: &Options) -> Result<()> {
        let first = |kind: Kind| kind.port() + if self.record.owner.is_some() { PASSING_PORTS } else { 0 };
        for kind in Kind::ALL.into_iter().filter(|kind| options.kinds.contains(kind)) {
            let java = choose_java(kind)?;
            let package = kind.package(java.release);
            let library = maven::fetch(package, &parent()?.join("libraries"), &|told| eprintln!("cluster: {told}"))?;
            let mut client_ports = Vec::new();
            for _ in 0..options.count(kind) {
                let pair = ports::pair(first(kind))?;
                client_ports.push(pair.port);
                self.ports.push(pair);
            }
            for (number, port) in (1..).zip(&client_ports) {
                let name = if kind == Kind::Kafka { format!("kafka-{number}") } else { kind.name().to_owned() };
                let folder = self.folder.join(&name);
                std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
                let classes = package.classes(&library);
                let brokers: &[u16] = if kind == Kind::Kafka { &client_ports } else { &[] };
                let site =
                    Site { kind, folder: &folder, port: *port, java: &java, library: &library, classes, mark: &self.record.mark, brokers };
                let launch = site.launch()?;
                let log = folder.join("server.log");
                self.record.servers.push(Server {
                    name,
                    kind,
                    program: package.title(),
                    port: *port,
                    launch,
                    log,
                    log_from: 0,
                    process: None,
                });
            }
        }
        self.record.save(&self.folder)
    }

    /// Makes the data folders ready, all at once.
    fn format(&self) -> Result<()> {
        let mut running = Vec::new();
        for server in &self.record.servers {
            if let Some(arguments) = &server.launch.format {
                let child = command(&server.launch, arguments, &server.log)?.spawn();
                running.push((server, child.with_context(|| format!("cannot start {}", server.launch.program.display()))?));
            }
        }
        for (server, mut child) in running {
            let status = child.wait()?;
            anyhow::ensure!(status.success(), "{} could not make its data folder\n{}", server.name, server.log_tail());
        }
        Ok(())
    }

    fn spawn(&mut self, name: &str) -> Result<()> {
        let stays = self.record.owner.is_none();
        let server = self.server_mut(name)?;
        server.log_from = std::fs::metadata(&server.log).map_or(0, |file| file.len());
        let mut command = command(&server.launch, &server.launch.arguments, &server.log)?;
        if stays {
            // Out of reach of the Ctrl-C that ends a command in this terminal.
            command.process_group(0);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", server.launch.program.display()))?;
        server.process = i32::try_from(child.id()).ok().and_then(Process::of);
        eprintln!("cluster: {name} ({}) starting on 127.0.0.1:{}, process {}", server.program, server.port, child.id());
        self.children.insert(name.to_owned(), child);
        self.record.save(&self.folder)
    }

    /// Waits until all these servers are ready, telling of each how long it took.
    fn wait_ready(&self, names: &[String], began: Instant) -> Result<()> {
        let asked = Instant::now();
        let mut waiting = names.to_vec();
        while !waiting.is_empty() {
            let mut still = Vec::new();
            for name in waiting {
                let server = self.server(&name)?;
                if server.is_ready() {
                    eprintln!("cluster: {name} ready after {:.1} s", began.elapsed().as_secs_f64());
                    continue;
                }
                let gone = server.doing() == Doing::Gone;
                if gone || asked.elapsed() > READY_WAIT {
                    let what = if gone {
                        "ended before it was ready".to_owned()
                    } else {
                        format!("was not ready after {} s", READY_WAIT.as_secs())
                    };
                    bail!("{name} {what}\n{}", server.log_tail());
                }
                still.push(name);
            }
            waiting = still;
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Returns the names of its servers: `cql`, `kafka-1`, ...
    pub(crate) fn names(&self) -> Vec<String> {
        self.record.servers.iter().map(|server| server.name.clone()).collect()
    }

    /// Returns its servers as recorded.
    pub(super) fn servers(&self) -> &[Server] {
        &self.record.servers
    }

    /// Returns where clients find the servers of a kind; none if it has none. `host:port` (of Kafka several, by commas); of the
    /// registry the URL of its Confluent interface.
    pub(crate) fn address(&self, kind: Kind) -> Option<String> {
        let hosts: Vec<String> =
            self.record.servers.iter().filter(|server| server.kind == kind).map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let hosts = hosts.join(",");
        match kind {
            _ if hosts.is_empty() => None,
            Kind::Kafka | Kind::Cql | Kind::Elastic => Some(hosts),
            Kind::Registry => Some(format!("http://{hosts}{REGISTRY_PATH}")),
        }
    }

    /// Returns what tells the suites where it is (`ROOST_TEST_KAFKA` and so on) and how a broker is crashed and started again.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables: Vec<(&'static str, String)> =
            Kind::ALL.into_iter().filter_map(|kind| Some((kind.variable(), self.address(kind)?))).collect();
        variables.push((FOLDER_VARIABLE, self.folder.display().to_string()));
        let broker = self.record.servers.iter().find(|server| server.kind == Kind::Kafka);
        if let (Some(broker), Ok(program)) = (broker, std::env::current_exe()) {
            variables.push((RESTART_VARIABLE, format!("'{}' cluster restart {}", program.display(), broker.name)));
        }
        variables
    }

    /// Kills a server (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// Fails where there is no such server or it does not end.
    pub(crate) fn kill(&mut self, name: &str) -> Result<()> {
        self.end(name, Signal::KILL, KILL_WAIT)
    }

    /// Stops a server as an operator would (SIGTERM) and waits until it is gone.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub(crate) fn stop(&mut self, name: &str) -> Result<()> {
        self.end(name, Signal::TERM, STOP_WAIT)
    }

    fn end(&mut self, name: &str, signal: Signal, longest: Duration) -> Result<()> {
        let process = self.server(name)?.process.with_context(|| format!("{name} does not run"))?;
        process.signal(signal)?;
        let gone = process.wait_gone(longest);
        anyhow::ensure!(gone, "{name} did not end within {} s\n{}", longest.as_secs(), self.server(name)?.log_tail());
        if let Some(mut child) = self.children.remove(name) {
            child.wait().context("cannot wait for a server")?;
        }
        self.server_mut(name)?.process = None;
        self.record.save(&self.folder)
    }

    /// Starts a server again that was killed or stopped, over its data, and waits until it is ready.
    ///
    /// # Errors
    /// Fails where it runs still, and as [`Self::up`].
    pub(crate) fn start(&mut self, name: &str) -> Result<()> {
        anyhow::ensure!(self.server(name)?.doing() == Doing::Gone, "{name} runs");
        let began = Instant::now();
        self.spawn(name)?;
        self.wait_ready(&[name.to_owned()], began)
    }

    /// Pauses a server (SIGSTOP).
    ///
    /// # Errors
    /// Fails where there is no such server or it does not run.
    pub(crate) fn pause(&self, name: &str) -> Result<()> {
        self.server(name)?.process.with_context(|| format!("{name} does not run"))?.signal(Signal::STOP)
    }

    /// Lets a paused server go on (SIGCONT).
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub(crate) fn resume(&self, name: &str) -> Result<()> {
        self.server(name)?.process.with_context(|| format!("{name} does not run"))?.signal(Signal::CONT)
    }

    /// Keeps the folder with its data and logs when this value ends; returns it.
    pub(crate) fn keep(mut self) -> Result<PathBuf> {
        self.passing = false;
        kill_marked(&self.record.mark)?;
        Ok(self.folder.clone())
    }

    /// Kills all servers and removes their data.
    ///
    /// # Errors
    /// Fails where a process does not end or the folder cannot be removed.
    pub(crate) fn down(mut self) -> Result<()> {
        self.passing = false;
        kill_marked(&self.record.mark)?;
        remove(&self.folder)
    }

    fn server(&self, name: &str) -> Result<&Server> {
        let known = || format!("no server {name}; there are {}", self.names().join(", "));
        self.record.servers.iter().find(|server| server.name == name).with_context(known)
    }

    fn server_mut(&mut self, name: &str) -> Result<&mut Server> {
        self.record.servers.iter_mut().find(|server| server.name == name).with_context(|| format!("no server {name}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.passing
            && let Err(error) = kill_marked(&self.record.mark).and_then(|()| remove(&self.folder))
        {
            eprintln!("cluster: {error:#}; `cargo xtask cluster down` tries again");
        }
        for child in self.children.values_mut() {
            // Waits for those that have ended only.
            let _ = child.try_wait();
        }
    }
}

/// Returns the command of one of Kafka's tools.
///
/// # Errors
/// Fails where Java is not there or Kafka cannot be fetched.
pub(crate) fn kafka_tool(class: &str) -> Result<Command> {
    let java = choose_java(Kind::Kafka)?;
    let package = Kind::Kafka.package(java.release);
    let library = maven::fetch(package, &parent()?.join("libraries"), &|told| eprintln!("cluster: {told}"))?;
    let mut command = Command::new(java.program("java"));
    command.arg("-Xmx512m").args(package.classes(&library)).arg(class);
    Ok(command)
}

fn choose_java(kind: Kind) -> Result<Java> {
    Java::find(kind.java()).with_context(|| format!("cannot start {}", kind.name()))
}

/// Returns the command of a launch with its output appended to the log.
fn command(launch: &Launch, arguments: &[String], log: &Path) -> Result<Command> {
    let out = File::options().create(true).append(true).open(log).context("cannot open a server's log")?;
    let mut command = Command::new(&launch.program);
    command.args(arguments).current_dir(&launch.folder).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    // Options that somebody set for their own programs would change what is measured here.
    command.env_remove("JAVA_TOOL_OPTIONS").env_remove("_JAVA_OPTIONS").env_remove("JDK_JAVA_OPTIONS").env_remove("CLASSPATH");
    Ok(command)
}
