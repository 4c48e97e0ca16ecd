//! How a cluster is shown.

use super::live::Cluster;
use super::pids::{Doing, Process};
use super::record::Server;
use anyhow::Result;
use serde::Serialize;

/// A server as shown.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    program: &'a str,
    port: u16,
    /// The process's id; none if it does not run.
    process: Option<i32>,
    memory_bytes: u64,
    state: &'static str,
    log: String,
}

impl<'a> Line<'a> {
    fn of(server: &'a Server) -> Self {
        let process = server.process.filter(|process| process.doing() != Doing::Gone);
        let state = match server.doing() {
            Doing::Gone => "gone",
            Doing::Paused => "paused",
            Doing::Running if server.is_ready() => "ready",
            Doing::Running => "not ready",
        };
        Self {
            name: &server.name,
            program: &server.program,
            port: server.port,
            process: process.map(|process| process.id),
            memory_bytes: process.map_or(0, Process::memory_bytes),
            state,
            log: server.log.display().to_string(),
        }
    }
}

/// Prints a table.
pub(super) fn table(cluster: &Cluster) {
    println!("{:<10} {:<22} {:>6} {:>8} {:>10}  state", "server", "program", "port", "process", "memory MB");
    let lines: Vec<Line<'_>> = cluster.servers().iter().map(Line::of).collect();
    for line in &lines {
        let process = line.process.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let megabytes = line.memory_bytes / 1_000_000;
        println!("{:<10} {:<22} {:>6} {process:>8} {megabytes:>10}  {}", line.name, line.program, line.port, line.state);
    }
    let all: u64 = lines.iter().map(|line| line.memory_bytes).sum();
    println!("{:<10} {:<22} {:>6} {:>8} {:>10}", "all", "", "", "", all / 1_000_000);
}

/// Prints one line of JSON: a list of servers.
///
/// # Errors
/// Fails where the list cannot be written as JSON.
pub(super) fn json(cluster: &Cluster) -> Result<()> {
    let lines: Vec<Line<'_>> = cluster.servers().iter().map(Line::of).collect();
    println!("{}", serde_json::to_string(&lines)?);
    Ok(())
}
