//! Fan-out beside a peer: the same posts of W1 go to the same readers, in turns, ours and each of the peer's ways; all keep as many entries.
//!
//! Before anything is timed all timelines are filled, and a sample of them equals the naive reference, whole; again at the end. What a
//! peer may choose (how many commands leave at once, how many connections) is tried while filling, and the best is kept.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use infra::timelines::{NaiveTimelines, RingOptions, Stretch, Timelines};

use super::super::fanout::{Args, Bench, Posts, SEED, bare_rate, block_on, id};
use super::super::raw_rings::{RawRings, report_distance};
use super::super::report::{Report, Stopwatch, latencies};
use super::super::w1::W1;
use super::fanout_postgres::PostgresFanout;
use super::redis::{Redis, Shape};
use super::{TURNS, ratios, seconds};

/// Readers whose timelines are compared.
const SAMPLED_READERS: usize = 200;

/// With what to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// LPUSH and LTRIM, then ZADD and ZREMRANGEBYRANK.
    Redis,
    /// INSERT .. SELECT from a table of follows.
    Postgres,
}

/// A post to deliver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Post {
    /// Its id; later ones are larger.
    pub(super) id: u64,
    /// The number of its author in W1.
    pub(super) author: u32,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivered {
    pub(super) deliveries: u64,
    pub(super) wall_s: f64,
}

/// What a peer holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// A system that keeps home timelines.
pub(super) trait FanoutPeer {
    /// How its figures begin.
    fn name(&self) -> &'static str;
    /// Delivers posts, tries what may be chosen, and keeps the best; how many deliveries there were.
    fn fill(&mut self, posts: &[Post], w1: &W1, hot: &[bool]) -> Result<u64>;
    /// Delivers posts to the hot ones among the followers of their authors, and to hot authors; returns when all are there.
    fn deliver(&mut self, posts: &[Post], w1: &W1, hot: &[bool]) -> Result<Delivered>;
    /// The newest entries of a reader, newest first.
    fn page(&mut self, reader: u32, limit: usize) -> Result<Vec<u64>>;
    /// What it holds; fails where a reader's entries are more than they may be.
    fn size(&mut self, readers: &[u32]) -> Result<Size>;
    /// Seconds of processor time of its server.
    fn server_cpu_s(&self) -> f64;
    /// Version, settings and durability, as known after filling.
    fn setup(&self) -> String;
    /// Figures of its own.
    fn report(&self, report: &mut Report);
}

/// A peer with what was found.
struct Side {
    peer: Box<dyn FanoutPeer>,
    rates: Vec<f64>,
    deliveries: u64,
    server_cpu_s: f64,
    client_cpu_s: f64,
}

/// Measures fan-out to the readers of W1, ours and a peer's, in turns.
///
/// # Errors
/// Fails where the peer cannot be started, or a feed differs from the reference.
pub(crate) fn run(args: &Args, peer: Peer) -> Result<Report> {
    let w1 = Arc::new(W1::generate(args.accounts, SEED));
    let readers: Vec<u32> = w1.readers().collect();
    let mut hot = vec![false; w1.accounts() as usize];
    for reader in &readers {
        if let Some(hot) = hot.get_mut(*reader as usize) {
            *hot = true;
        }
    }
    let slots = RingOptions::default().slots;
    let (parent, mut bench) = (crate::root::target()?, Bench::new(&w1, &readers)?);
    let mut sides = Vec::new();
    for peer in start(peer, &parent, &w1, &hot, slots)? {
        sides.push(Side { peer, rates: Vec::new(), deliveries: 0, server_cpu_s: 0.0, client_cpu_s: 0.0 });
    }
    let filling = bench.draw(args.peer_fill.max(1));
    bench.apply(&filling, &mut latencies())?;
    for side in &mut sides {
        let deliveries = side.peer.fill(&in_order(&filling), &w1, &hot)?;
        ensure!(deliveries == filling.deliveries, "{} made {deliveries} deliveries of {}", side.peer.name(), filling.deliveries);
    }
    let mut limit = RawRings::new(&w1, &readers);
    limit.write(&filling.in_order());
    check(&mut bench, &limit, &mut sides, &readers, slots)?;
    let (mut rates, mut limits, mut cpu_s, mut deliveries) = (Vec::new(), Vec::new(), 0.0, 0);
    for turn in 0..TURNS {
        // A list of Redis keeps the order in which entries come.
        bench.next_ms();
        let posts = bench.draw(args.peer_deliveries.max(1));
        // Neither side is first in all turns.
        if turn % 2 == 1 {
            limits.push(bare_rate(&mut limit, &posts));
            turns_of(&mut sides, &posts, &w1, &hot)?;
        }
        let spent = bench.apply(&posts, &mut latencies())?;
        rates.push(posts.deliveries as f64 / seconds(spent.wall));
        cpu_s += seconds(spent.cpu);
        deliveries += posts.deliveries;
        if turn % 2 == 0 {
            limits.push(bare_rate(&mut limit, &posts));
            turns_of(&mut sides, &posts, &w1, &hot)?;
        }
    }
    check(&mut bench, &limit, &mut sides, &readers, slots)?;
    let mut report = Report::new("fanout");
    report.add("accounts", f64::from(w1.accounts()));
    report.add("edges", w1.edges() as f64);
    report.add("readers", readers.len() as f64);
    report.add("entries_per_reader_max", slots as f64);
    report.add("deliveries", deliveries as f64);
    report.add_spread("rate", "_per_s", &rates);
    report.add_spread("limit_rate", "_per_s", &limits);
    report_distance("", &rates, &limits, &mut report);
    report.add("cpu_s_per_million", cpu_s * 1e6 / deliveries as f64);
    let stats = bench.timelines.stats();
    report.add("entry_bytes", stats.ring_bytes as f64 / stats.entries.max(1) as f64);
    report.note("ours", "rings in memory, made anew from the log after an end; ids, authors and flags; two threads in process");
    for side in &mut sides {
        side.report(&rates, &readers, &mut report)?;
    }
    report.add_peak_memory();
    report.note("peak_rss", "with the rings of bare writes, which are as large as ours, and the peer's clients in this process");
    Ok(report)
}

fn start(peer: Peer, parent: &Path, w1: &Arc<W1>, hot: &[bool], slots: usize) -> Result<Vec<Box<dyn FanoutPeer>>> {
    Ok(match peer {
        Peer::Redis => vec![Box::new(Redis::start(parent, Shape::List, slots)?), Box::new(Redis::start(parent, Shape::SortedSet, slots)?)],
        Peer::Postgres => vec![Box::new(PostgresFanout::start(parent, w1, hot, slots)?)],
    })
}

fn turns_of(sides: &mut [Side], posts: &Posts, w1: &W1, hot: &[bool]) -> Result<()> {
    let in_order = in_order(posts);
    for side in sides {
        let (watch, server_cpu_s) = (Stopwatch::start(), side.peer.server_cpu_s());
        let delivered = side.peer.deliver(&in_order, w1, hot)?;
        side.client_cpu_s += seconds(watch.spent().cpu);
        side.server_cpu_s += side.peer.server_cpu_s() - server_cpu_s;
        let (name, wanted) = (side.peer.name(), posts.deliveries);
        ensure!(delivered.deliveries == wanted, "{name} made {} deliveries of {wanted}", delivered.deliveries);
        side.rates.push(wanted as f64 / delivered.wall_s);
        side.deliveries += wanted;
    }
    Ok(())
}

fn in_order(posts: &Posts) -> Vec<Post> {
    posts.in_order().into_iter().map(|(id, author)| Post { id, author }).collect()
}

/// Compares whole timelines of a sample of readers, ours, bare ones and the peers', with the reference.
fn check(bench: &mut Bench, limit: &RawRings, sides: &mut [Side], readers: &[u32], slots: usize) -> Result<()> {
    let naive = NaiveTimelines::new(bench.source.clone());
    let stretch = Stretch { limit: slots, ..Stretch::default() };
    for _ in 0..SAMPLED_READERS {
        let drawn = bench.dice.below(readers.len() as u32) as usize;
        let reader = readers.get(drawn).copied().context("no account reads")?;
        let wanted = block_on(naive.home(id(reader), stretch))??;
        let found = block_on(bench.timelines.home(id(reader), stretch))??;
        ensure!(found == wanted, "the timeline of reader {reader} differs from the reference");
        let wanted: Vec<u64> = wanted.into_iter().map(|entry| entry.post.0).collect();
        ensure!(limit.newest(reader, slots) == wanted, "the bare ring of reader {reader} differs from the reference");
        for side in &mut *sides {
            let found = side.peer.page(reader, slots)?;
            let place = found.iter().zip(&wanted).take_while(|(found, wanted)| found == wanted).count();
            let (name, held, asked) = (side.peer.name(), found.len(), wanted.len());
            ensure!(
                found == wanted,
                "{name}: the timeline of reader {reader}, {held} entries, differs from the reference, {asked}, at {place}"
            );
        }
    }
    Ok(())
}

impl Side {
    fn report(&mut self, ours: &[f64], readers: &[u32], report: &mut Report) -> Result<()> {
        let (name, millions) = (self.peer.name(), self.deliveries as f64 / 1e6);
        report.add_spread(&format!("{name}_rate"), "_per_s", &self.rates);
        report.add_spread(&format!("of_{name}"), "_ratio", &ratios(ours, &self.rates));
        report.add(format!("{name}_server_cpu_s_per_million"), self.server_cpu_s / millions);
        report.add(format!("{name}_client_cpu_s_per_million"), self.client_cpu_s / millions);
        let size = self.peer.size(readers)?;
        report.add(format!("{name}_entries"), size.entries as f64);
        report.add(format!("{name}_entry_bytes"), size.bytes as f64 / size.entries.max(1) as f64);
        self.peer.report(report);
        report.note(name, self.peer.setup());
        Ok(())
    }
}
