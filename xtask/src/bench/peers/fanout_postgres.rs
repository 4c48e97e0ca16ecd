//! PostgreSQL as a store of home timelines: a row per entry, written by INSERT .. SELECT from a table of follows, many posts at once.
//!
//! The table of entries is unlogged and nothing waits for the disk: the durability of a ring, which is made anew from the log. Rows beyond
//! the bound are deleted at the end of each turn, all at once, which is much cheaper than at each delivery; a rate without it stands beside.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::report::Report;
use super::super::w1::W1;
use super::export;
use super::fanout::{Delivered, FanoutPeer, Post, Size};
use super::other::{Other, number, pages};
use super::postgres::{IN_MEMORY, Postgres};
use super::seconds;

/// Posts of a statement and connections, to be tried.
const WAYS: [(u64, u64); 5] = [(256, 1), (256, 2), (2_048, 2), (8_192, 1), (8_192, 2)];

/// A PostgreSQL with the timelines of some readers. The client ends before its server.
pub(super) struct PostgresFanout {
    other: Other,
    server: Postgres,
    folder: tempfile::TempDir,
    way: (u64, u64),
    deliveries: f64,
    insert_s: f64,
}

impl PostgresFanout {
    /// Starts a PostgreSQL and writes the follows of the hot readers, each of whom follows itself too.
    ///
    /// # Errors
    /// Fails where it is not installed or does not start.
    pub(super) fn start(parent: &Path, w1: &W1, hot: &[bool], slots: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-peer-").tempdir_in(parent).context("cannot make a folder")?;
        let follows = folder.path().join("follows");
        export::follows(&follows, w1, hot)?;
        let server = Postgres::start(parent, &IN_MEMORY)?;
        let mut other = Other::start("fanout", &[])?;
        other.ask(&json!({ "do": "open", "url": server.url(), "follows": follows, "slots": slots }))?;
        Ok(Self { other, server, folder, way: WAYS[0], deliveries: 0.0, insert_s: 0.0 })
    }

    /// Delivers and trims; how many deliveries, and how long the inserts took of it.
    fn push(&mut self, posts: &[Post], (batch, connections): (u64, u64)) -> Result<(Value, f64)> {
        let path = self.folder.path().join("posts");
        export::pairs(&path, posts.iter().map(|post| (post.id, post.author.into())))?;
        let answer = self.other.ask(&json!({ "do": "deliver", "posts": path, "batch": batch, "connections": connections }))?;
        let took_s = number(&answer, "insert_s")? + number(&answer, "trim_s")?;
        Ok((answer, took_s))
    }
}

impl FanoutPeer for PostgresFanout {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn fill(&mut self, posts: &[Post], _: &W1, _: &[bool]) -> Result<u64> {
        let (first, second) = posts.split_at(posts.len() / 2);
        let (filled, _) = self.push(first, self.way)?;
        let (mut deliveries, mut best) = (number(&filled, "deliveries")?, 0.0);
        for (way, posts) in WAYS.iter().zip(second.chunks(second.len().div_ceil(WAYS.len()).max(1))) {
            let began = Instant::now();
            let (answer, took_s) = self.push(posts, *way)?;
            let done = number(&answer, "deliveries")?;
            let rate = done / took_s.max(f64::MIN_POSITIVE);
            eprintln!("postgres: {way:?} posts a statement and connections: {rate:.0} deliveries/s in {:.1} s", seconds(began.elapsed()));
            deliveries += done;
            if rate > best {
                (best, self.way) = (rate, *way);
            }
        }
        Ok(deliveries as u64)
    }

    fn deliver(&mut self, posts: &[Post], _: &W1, _: &[bool]) -> Result<Delivered> {
        let (answer, wall_s) = self.push(posts, self.way)?;
        let deliveries = number(&answer, "deliveries")?;
        self.deliveries += deliveries;
        self.insert_s += number(&answer, "insert_s")?;
        Ok(Delivered { deliveries: deliveries as u64, wall_s })
    }

    fn page(&mut self, reader: u32, limit: usize) -> Result<Vec<u64>> {
        let answer = self.other.ask(&json!({ "do": "pages", "readers": [reader], "limit": limit }))?;
        pages(&answer)?.pop().context("the other side gives no page")
    }

    fn size(&mut self, _: &[u32]) -> Result<Size> {
        let answer = self.other.ask(&json!({ "do": "size" }))?;
        Ok(Size { entries: number(&answer, "entries")? as u64, bytes: number(&answer, "bytes")? as u64 })
    }

    fn server_cpu_s(&self) -> f64 {
        self.server.cpu_s()
    }

    fn setup(&self) -> String {
        let (batch, connections) = self.way;
        format!(
            "{}; an unlogged table (reader, post) with its primary key: lost with the server, as rings are; INSERT .. SELECT of {batch} posts a \
             statement on {connections} connections (the best of {WAYS:?}), rows beyond the bound deleted once a turn; ids alone",
            self.server.setup()
        )
    }

    fn report(&self, report: &mut Report) {
        report.add("postgres_rate_untrimmed_per_s", self.deliveries / self.insert_s.max(f64::MIN_POSITIVE));
    }
}
