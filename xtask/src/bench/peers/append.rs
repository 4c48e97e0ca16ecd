//! Appending beside a peer: PostgreSQL with a row per record, each insert with its own durable commit or what waits in one statement, or
//! cqrs-es on PostgreSQL. The same disk, the same bodies, as many callers in flight, in turns with ours.
//!
//! Ours also decides, refuses what was done before, and writes the rows that deciding reads; a bare insert does none of that. At the end the
//! table holds every acknowledged row with a body that was sent, or the bench fails.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use schemas::events::{Event, PostPublished, Visibility};
use schemas::log::body;
use schemas::{AccountId, AppId, PostId};
use serde_json::{Value, json};

use super::super::append::{SEED, TEXT};
use super::super::dice::{Dice, Weighted};
use super::super::report::{Report, whole};
use super::other::{Other, number};
use super::postgres::{DURABLE, Postgres};
use super::{export, ratios};

/// Bodies and authors that are drawn; after the last the first comes again.
const DRAWN: usize = 100_000;
/// Connections to be tried where each caller commits by itself.
const CONNECTIONS: [u64; 4] = [16, 32, 64, 128];
/// Connections to be tried where what waits goes into one statement.
const CONNECTIONS_BATCHED: [u64; 4] = [1, 2, 4, 8];
/// How long each number of connections is tried.
const TRIAL_S: f64 = 1.0;

/// With what to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// A bare insert, and many in one statement.
    Postgres,
    /// The crates cqrs-es and postgres-es.
    CqrsEs,
}

/// One way to append with so many callers in flight, with what was found.
struct Way {
    name: String,
    in_flight: u64,
    batched: bool,
    connections: u64,
    rates: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    done: f64,
    server_cpu_s: f64,
}

/// A peer under way. The client ends before its server.
pub(crate) struct Beside {
    other: Other,
    server: Postgres,
    peer: Peer,
    seconds: f64,
    ways: Vec<Way>,
    accepted: f64,
}

impl Beside {
    /// Starts the peer with its data under `parent`, and tries with how many connections it is best.
    ///
    /// # Errors
    /// Fails where it is not installed, does not start, or holds other than was sent.
    pub(crate) fn start(peer: Peer, parent: &Path, posters: &Weighted, in_flight: &[u64], seconds: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-peer-").tempdir_in(parent).context("cannot make a folder")?;
        let drawn = folder.path().join("drawn");
        let server = Postgres::start(parent, &DURABLE)?;
        let mut dice = Dice::new(SEED);
        let authors = (0..DRAWN).map(|_| u64::from(posters.draw(&mut dice)));
        let (other, names) = match peer {
            Peer::Postgres => {
                export::bodies(&drawn, authors.map(|author| anyhow::Ok((author, post(author)?))).collect::<Result<Vec<_>>>()?.into_iter())?;
                let mut other = Other::start("append", &[])?;
                other.ask(&json!({ "do": "open", "url": server.url(), "bodies": drawn }))?;
                (other, vec![("postgres", false), ("postgres_batched", true)])
            }
            Peer::CqrsEs => {
                export::pairs(&drawn, authors.zip(0..).map(|(author, number)| (number, author)))?;
                let mut other = Other::start("cqrs-es", &[])?;
                other.ask(&json!({ "do": "open", "url": server.url(), "authors": drawn, "text": TEXT }))?;
                (other, vec![("cqrs_es", false)])
            }
        };
        let mut beside = Self { other, server, peer, seconds: seconds as f64, ways: Vec::new(), accepted: 0.0 };
        for in_flight in in_flight {
            for (name, batched) in &names {
                let name = format!("in_flight_{in_flight}_{name}");
                let connections = beside.best(*in_flight, *batched)?;
                let (rates, p50_us, p99_us) = (Vec::new(), Vec::new(), Vec::new());
                beside.ways.push(Way {
                    name,
                    in_flight: *in_flight,
                    batched: *batched,
                    connections,
                    rates,
                    p50_us,
                    p99_us,
                    done: 0.0,
                    server_cpu_s: 0.0,
                });
            }
        }
        beside.check()?;
        Ok(beside)
    }

    fn best(&mut self, in_flight: u64, batched: bool) -> Result<u64> {
        let (mut best, mut best_rate) = (1, 0.0);
        for connections in if batched { CONNECTIONS_BATCHED } else { CONNECTIONS } {
            let found = self.turn(in_flight, connections, TRIAL_S, batched)?;
            let rate = number(&found, "count")? / number(&found, "wall_s")?;
            if rate > best_rate {
                (best, best_rate) = (connections.min(in_flight), rate);
            }
            // More connections than callers are no other way.
            if connections >= in_flight {
                break;
            }
        }
        Ok(best)
    }

    fn turn(&mut self, in_flight: u64, connections: u64, seconds: f64, batched: bool) -> Result<Value> {
        let ask = json!({ "do": "turn", "in_flight": in_flight, "connections": connections, "seconds": seconds, "batched": batched });
        let found = self.other.ask(&ask)?;
        self.accepted += number(&found, "accepted")?;
        Ok(found)
    }

    /// One run: each way in turn.
    ///
    /// # Errors
    /// Fails where the peer does.
    pub(crate) fn run(&mut self) -> Result<()> {
        let mut ways = std::mem::take(&mut self.ways);
        for way in &mut ways {
            let before_s = self.server.cpu_s();
            let found = self.turn(way.in_flight, way.connections, self.seconds, way.batched)?;
            way.server_cpu_s += self.server.cpu_s() - before_s;
            way.done += number(&found, "accepted")?;
            way.rates.push(number(&found, "count")? / number(&found, "wall_s")?);
            way.p50_us.push(number(&found, "p50_us")?);
            way.p99_us.push(number(&found, "p99_us")?);
        }
        self.ways = ways;
        Ok(())
    }

    /// Compares what the peer holds with what it acknowledged; how many rows, and their bytes.
    fn check(&mut self) -> Result<(f64, f64)> {
        let held = self.other.ask(&json!({ "do": "count" }))?;
        let (rows, accepted) = (number(&held, "rows")?, self.accepted);
        ensure!(rows >= accepted && rows > 0.0, "the peer acknowledged {accepted} records and holds {rows}");
        ensure!(rows == accepted, "the peer holds {rows} records, and only {accepted} were acknowledged");
        Ok((rows, number(&held, "bytes")?))
    }

    /// Adds the figures; `ours` are the rates of each number of callers in flight.
    ///
    /// # Errors
    /// Fails where the peer holds other than was acknowledged.
    pub(crate) fn report(mut self, ours: &[(u64, Vec<f64>)], report: &mut Report) -> Result<()> {
        let (rows, bytes) = self.check()?;
        for way in &self.ways {
            let name = &way.name;
            report.add_spread(&format!("{name}_rate"), "_per_s", &way.rates);
            report.add_spread(&format!("{name}_p50"), "_us", &way.p50_us);
            report.add_spread(&format!("{name}_p99"), "_us", &way.p99_us);
            report.add(format!("{name}_connections"), whole(way.connections));
            report.add(format!("{name}_server_cpu_s_per_million"), way.server_cpu_s * 1e6 / way.done.max(1.0));
            let (_, ours) = ours.iter().find(|(in_flight, _)| *in_flight == way.in_flight).context("both sides have the same callers")?;
            report.add_spread(&name.replacen("in_flight_", "of_in_flight_", 1), "_ratio", &ratios(ours, &way.rates));
        }
        report.add("peer_record_bytes", bytes / rows);
        let how = match self.peer {
            Peer::Postgres => {
                "a row per record: (position bigserial primary key, actor, body), prepared, a commit each; batched: what waits in one INSERT"
            }
            Peer::CqrsEs => "cqrs-es 0.5 with postgres-es, its own table; each post an aggregate of its own, no queries, JSON",
        };
        report.note("peer", format!("{how}; durable before it is acknowledged, as ours; {}", self.server.setup()));
        Ok(())
    }
}

/// The body of a post, as the log holds it.
fn post(author: u64) -> Result<Vec<u8>> {
    let post = PostPublished {
        post: PostId(1_700_000_000_000 << 16),
        account: AccountId(author + 1),
        visibility: Visibility::Public,
        text: TEXT.to_owned(),
        spoiler: String::new(),
        sensitive: false,
        language: Some("en".to_owned()),
        mentions: Vec::new(),
        tags: vec!["bench".to_owned()],
        in_reply_to: None,
        app: AppId(1),
    };
    Ok(body::encode(&[Event::from(post)])?.to_vec())
}
