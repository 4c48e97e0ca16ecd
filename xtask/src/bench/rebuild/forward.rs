//! Those who deliver a history forward: the engine, and bare ring writes as the limit. A peer is another [`Side`] (`peers/rebuild.rs`).

use super::super::history::{History, Published, id};
use super::super::raw_rings::RawRings;
use super::super::report::{Report, Stopwatch, whole};
use super::super::w1::W1;
use super::{START_MS, THREADS, block_on};
use anyhow::Result;
use infra::timelines::ring::Policy;
use infra::timelines::{Entry, RingOptions, RingTimelines, Stretch, TimelineOp, Timelines};
use schemas::PostId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Operations of one `apply`: what a projection's batch holds.
const BATCH_OPS: usize = 256;
/// Batches by which a thread may be ahead of the other: partitions are fed by time, and trail one another by little.
const BATCHES_AHEAD: u64 = 2;

/// A stretch of the history, ready to be delivered: all posts in order, and as the batches of each thread's authors.
pub(crate) struct Piece {
    /// Ids, which ascend, and the numbers of their authors in W1.
    pub(crate) posts: Vec<(u64, u32)>,
    batches: [Vec<Vec<TimelineOp>>; THREADS],
    /// How many entries they come to in all timelines, by the graph.
    pub(crate) deliveries: u64,
}

impl Piece {
    pub(super) fn new(history: &History, audiences: &[u32], from: usize, to: usize) -> Self {
        let author = |entry: &Entry| entry.author.0.saturating_sub(1) as usize;
        let posts = history.between(from, to).map(|entry| (entry.post.0, author(&entry) as u32)).collect();
        let deliveries = history.between(from, to).map(|entry| u64::from(audiences.get(author(&entry)).copied().unwrap_or_default())).sum();
        let batches = std::array::from_fn(|thread| {
            let own = history.between(from, to).filter(|entry| author(entry) % THREADS == thread);
            let ops: Vec<TimelineOp> = own.map(TimelineOp::Posted).collect();
            ops.chunks(BATCH_OPS).map(<[TimelineOp]>::to_vec).collect()
        });
        Self { posts, batches, deliveries }
    }
}

/// Somebody who keeps the home timelines of all readers and is fed with posts.
pub(crate) trait Side {
    /// What its figures begin with.
    fn name(&self) -> &'static str;

    /// Delivers the first posts, which are not timed. Who may choose how to work tries it here, and keeps the best.
    fn warm_up(&mut self, piece: &Piece) -> Result<()> {
        self.deliver(piece)
    }

    /// Hands over posts that are delivered next, as far as that need not be timed.
    fn prepare(&mut self, _piece: &Piece) -> Result<()> {
        Ok(())
    }

    /// Delivers posts; returns once every timeline has them.
    fn deliver(&mut self, piece: &Piece) -> Result<()>;

    /// Forgets all entries.
    fn empty(&mut self) -> Result<()> {
        anyhow::bail!("{} fills no timelines newest-first", self.name())
    }

    /// Fills empty timelines from the newest of these posts backwards, until each is full.
    fn fill(&mut self, _piece: &Piece) -> Result<()> {
        anyhow::bail!("{} fills no timelines newest-first", self.name())
    }

    /// Does what is put off until all posts are there.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// Deliveries per second with what [`Side::finish`] took, where that puts anything off.
    fn rate_finished(&self, _turns: &Turns) -> Option<f64> {
        None
    }

    /// A reader's newest entries, newest first.
    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>>;

    /// Seconds of processor time so far of the process that works for it, where that is not this one.
    fn other_cpu_s(&self) -> f64 {
        0.0
    }

    /// Adds figures and notes of its own, after the turns.
    fn report(&mut self, _turns: &Turns, _readers: &[u32], _report: &mut Report) -> Result<()> {
        Ok(())
    }
}

/// What the turns of a side gave.
#[derive(Default)]
pub(crate) struct Turns {
    pub(super) rates: Vec<f64>,
    /// Seconds that all of them took.
    pub(crate) wall_s: f64,
    /// Seconds of processor time of this process.
    pub(crate) own_cpu_s: f64,
    /// Seconds of processor time of another process that worked for the side.
    pub(crate) other_cpu_s: f64,
    /// Entries delivered.
    pub(crate) deliveries: u64,
}

impl Turns {
    /// Takes a turn.
    pub(super) fn take(&mut self, side: &mut dyn Side, piece: &Piece) -> Result<()> {
        side.prepare(piece)?;
        let (watch, other_cpu_s) = (Stopwatch::start(), side.other_cpu_s());
        side.deliver(piece)?;
        let spent = watch.spent();
        self.rates.push(whole(piece.deliveries) / spent.wall.as_secs_f64());
        self.wall_s += spent.wall.as_secs_f64();
        self.own_cpu_s += spent.cpu.as_secs_f64();
        self.other_cpu_s += side.other_cpu_s() - other_cpu_s;
        self.deliveries += piece.deliveries;
        Ok(())
    }

    pub(super) fn report(&self, name: &str, report: &mut Report) {
        report.add_spread(&format!("{name}_rate"), "_per_s", &self.rates);
        report.add(format!("{name}_cpu_s_per_million"), (self.own_cpu_s + self.other_cpu_s) / self.millions());
        report.add(format!("{name}_deliveries"), whole(self.deliveries));
    }

    /// Millions of deliveries.
    pub(crate) fn millions(&self) -> f64 {
        whole(self.deliveries.max(1)) / 1e6
    }
}

/// The engine, with every reader's ring subscribed to whom the reader follows, before there is any post.
pub(super) struct Engine {
    timelines: RingTimelines,
    /// What subscribing took per reader, in microseconds.
    pub(super) subscribe_us: f64,
}

impl Engine {
    pub(super) fn new(published: &Arc<Published>, readers: &[u32]) -> Result<Self> {
        let timelines = timelines(published);
        let began = Instant::now();
        block_on(async {
            for reader in readers {
                timelines.home(id(*reader), Stretch { limit: 1, ..Stretch::default() }).await?;
            }
            anyhow::Ok(())
        })??;
        let subscribe_us = began.elapsed().as_secs_f64() * 1e6 / readers.len().max(1) as f64;
        Ok(Self { timelines, subscribe_us })
    }

    fn apply(&self, batches: &[Vec<TimelineOp>], own: &AtomicU64, all: &[AtomicU64]) -> Result<()> {
        let applied = block_on(async {
            for batch in batches {
                while all.iter().any(|other| own.load(Ordering::Relaxed) > other.load(Ordering::Relaxed).saturating_add(BATCHES_AHEAD)) {
                    std::thread::yield_now();
                }
                self.timelines.apply(batch).await?;
                own.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
        // Whoever has ended, or failed, holds nobody up.
        own.store(u64::MAX, Ordering::Relaxed);
        applied?
    }
}

/// The engine with a ring for everybody. All is pushed: nobody reads while timelines are rebuilt, so there is nothing to adapt to.
pub(super) fn timelines(published: &Arc<Published>) -> RingTimelines {
    let options = RingOptions { policy: Policy::PushAll, rings_max: usize::MAX / 2, ..RingOptions::default() };
    RingTimelines::new(published.clone(), Arc::new(|| START_MS), options)
}

impl Side for Engine {
    fn name(&self) -> &'static str {
        "forward"
    }

    fn deliver(&mut self, piece: &Piece) -> Result<()> {
        let done = [const { AtomicU64::new(0) }; THREADS];
        let engine = &*self;
        std::thread::scope(|scope| {
            let threads = piece.batches.iter().zip(&done).map(|(batches, own)| scope.spawn(|| engine.apply(batches, own, &done)));
            let threads: Vec<_> = threads.collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked"))))
        })
    }

    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>> {
        let entries = block_on(self.timelines.home(id(reader), Stretch { limit, ..Stretch::default() }))??;
        Ok(entries.iter().map(|entry| entry.post).collect())
    }
}

/// Bare writes of entries into rings of the same shape.
pub(super) struct Bare(RawRings);

impl Bare {
    pub(super) fn new(w1: &W1, readers: &[u32]) -> Self {
        Self(RawRings::new(w1, readers))
    }
}

impl Side for Bare {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn deliver(&mut self, piece: &Piece) -> Result<()> {
        self.0.write(&piece.posts);
        Ok(())
    }

    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>> {
        Ok(self.0.newest(reader, limit).into_iter().map(PostId).collect())
    }
}
