//! `cargo xtask cluster`: real servers on this machine without containers, for the suites and for trying things out: Kafka (one broker or
//! three), Cassandra for CQL, Elasticsearch and a schema registry, from Maven's artifacts.
//!
//! Everything listens on loopback; data, logs and the record of what runs lie in a folder below cargo's output folder and go with `down`.
//! Processes are found again by an argument that they alone were started with, so that nothing else is ever stopped. Linux only: it reads
//! /proc.

mod folder;
mod java;
mod kind;
mod launch;
mod live;
mod maven;
mod pids;
mod ports;
mod probe;
mod record;
mod serve;
mod status;
mod template;

pub(crate) use kind::Kind;
#[cfg(feature = "cluster")]
pub(crate) use live::kafka_tool;
pub(crate) use live::{Cluster, Options};

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// What to do with which cluster.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Starts a cluster that stays until `down`, and prints `export` lines: eval "$(cargo xtask cluster up)".
    Up {
        #[command(flatten)]
        which: Which,
        /// Prints the servers as JSON instead.
        #[arg(long)]
        json: bool,
    },
    /// Kills the servers, and those that a command left behind when it was killed; removes their data.
    Down,
    /// Shows the servers: port, process, memory, whether they answer.
    Status {
        /// Prints JSON instead of a table.
        #[arg(long, conflicts_with = "env")]
        json: bool,
        /// Prints the `export` lines of `up` instead.
        #[arg(long)]
        env: bool,
    },
    /// Runs a command with a cluster of its own, which ends with the command: `cluster run -- cargo test -p infra --features cluster`.
    Run {
        #[command(flatten)]
        which: Which,
        /// Keeps the folder with data and logs, as it is kept anyway where the command fails.
        #[arg(long)]
        keep: bool,
        /// The command and its arguments, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Runs Roost as a cluster until Ctrl-C: processes of one role each over the servers of `up`, or over ones that come and go with it.
    Serve {
        /// How many processes of each role.
        #[arg(long, default_value_t = 1)]
        each: usize,
        /// How many Kafka brokers, where servers are started: 1 or 3.
        #[arg(long, default_value_t = 1, value_parser = brokers)]
        brokers: u8,
        /// Starts this executable instead of building one.
        #[arg(long)]
        binary: Option<PathBuf>,
    },
    /// Kills one server (SIGKILL): a crash.
    Kill { name: String },
    /// Stops one server as an operator would (SIGTERM).
    Stop { name: String },
    /// Starts one server again that was killed or stopped, over its data.
    Start { name: String },
    /// Kills one server (SIGKILL) and starts it again over its data.
    Restart { name: String },
    /// Pauses one server (SIGSTOP).
    Pause { name: String },
    /// Lets a paused server go on (SIGCONT).
    Resume { name: String },
    /// Runs one of Kafka's tools: `cluster tool org.apache.kafka.tools.TopicCommand -- --bootstrap-server 127.0.0.1:19092 --list`.
    Tool {
        /// The tool's main class.
        class: String,
        /// Its arguments, after `--`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// Which servers.
#[derive(clap::Args, Debug)]
pub(crate) struct Which {
    /// How many Kafka brokers: 1, or 3 (three replicas, two of them in sync at least).
    #[arg(long, default_value_t = 1, value_parser = brokers)]
    brokers: u8,
    /// Only these servers, by commas; all by default.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
}

impl Which {
    fn options(&self) -> Options {
        let kinds = if self.only.is_empty() { Kind::ALL.to_vec() } else { self.only.clone() };
        Options { kinds, brokers: self.brokers }
    }
}

fn brokers(text: &str) -> Result<u8, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("takes 1 or 3".to_owned()),
    }
}

/// Does it.
///
/// # Errors
/// Fails where a server does not start, stop or exist.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match &args.action {
        Action::Up { which, json } => {
            let cluster = Cluster::up_local(&which.options())?;
            if *json { status::json(&cluster)? } else { exports(&cluster) }
        }
        Action::Down => eprintln!("cluster: {} servers killed, data removed", folder::down_all()?),
        Action::Status { json: true, .. } => status::json(&present()?)?,
        Action::Status { env: true, .. } => exports(&present()?),
        Action::Status { .. } => status::table(&present()?),
        Action::Run { which, keep, command } => return run_command(&which.options(), *keep, command),
        Action::Serve { each, brokers, binary } => serve::run(*each, *brokers, binary.as_deref())?,
        Action::Kill { name } => present()?.kill(name)?,
        Action::Stop { name } => present()?.stop(name)?,
        Action::Start { name } => present()?.start(name)?,
        Action::Restart { name } => {
            let mut cluster = present()?;
            cluster.kill(name)?;
            cluster.start(name)?;
        }
        Action::Pause { name } => present()?.pause(name)?,
        Action::Resume { name } => present()?.resume(name)?,
        Action::Tool { class, arguments } => {
            let status = live::kafka_tool(class)?.args(arguments).status().context("cannot start Java")?;
            return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn present() -> Result<Cluster> {
    Cluster::present()?.context("no cluster is up; `cargo xtask cluster up` starts one")
}

fn exports(cluster: &Cluster) {
    for (variable, address) in cluster.environment() {
        println!("export {variable}=\"{address}\"");
    }
}

/// Runs a command with a cluster of its own; keeps what the servers logged if it fails.
fn run_command(options: &Options, keep: bool, words: &[String]) -> Result<ExitCode> {
    let (program, arguments) = words.split_first().context("a command follows `--`")?;
    let cluster = Cluster::up(options)?;
    let status = Command::new(program).args(arguments).envs(cluster.environment()).status();
    let status = status.with_context(|| format!("cannot start `{program}`"))?;
    if keep || !status.success() {
        eprintln!("cluster: kept {}", cluster.keep()?.display());
    } else {
        cluster.down()?;
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
