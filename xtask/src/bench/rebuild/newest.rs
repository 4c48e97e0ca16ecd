//! Newest-first: each reader's ring filled from the newest posts of whom the reader follows, for histories of several lengths in turns.
//!
//! A peer has no author lists to merge. Its loader walks the shortest history backwards, gathers what each reader gets until that is full,
//! and writes it whole.

use super::super::history::{History, Published, id};
use super::super::peers::{self, ratios, rebuild::Peer};
use super::super::report::{Report, Stopwatch, median, whole};
use super::forward::{Piece, Side, timelines};
use super::{LENGTHS, THREADS, TURNS, block_on, check};
use anyhow::Result;
use infra::timelines::{RingTimelines, Stretch, Timelines};
use schemas::PostId;
use std::sync::Arc;

/// The page that a reader asks for, which fills the ring.
const PAGE: usize = 40;
/// Entries of a ring.
const SLOTS: usize = 256;

/// What the turns of one length gave.
#[derive(Default)]
struct Filled {
    readers_per_s: Vec<f64>,
    us_per_reader: Vec<f64>,
    entries_per_s: Vec<f64>,
}

/// The engine, asked by readers one after the other.
struct Asked<'a>(&'a RingTimelines);

impl Side for Asked<'_> {
    fn name(&self) -> &'static str {
        "newest_first"
    }

    fn deliver(&mut self, _piece: &Piece) -> Result<()> {
        Ok(())
    }

    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>> {
        let entries = block_on(self.0.home(id(reader), Stretch { limit, ..Stretch::default() }))??;
        Ok(entries.iter().map(|entry| entry.post).collect())
    }
}

/// Fills the rings of some readers, from nothing, for each length of the history in turns, and a peer's timelines; `posts` is the
/// shortest.
pub(super) fn measure(history: &Arc<History>, posts: usize, readers: &[u32], peer: Option<Peer>, report: &mut Report) -> Result<()> {
    let mut beside = Beside::start(peer, history, posts, readers)?;
    let published = Arc::new(Published::new(history.clone()));
    let engine = timelines(&published);
    let mut all: [Filled; LENGTHS.len()] = std::array::from_fn(|_| Filled::default());
    for turn in 0..=TURNS {
        for (length, filled) in LENGTHS.iter().zip(&mut all) {
            let posts = posts * length;
            published.set(posts);
            block_on(engine.reset())??;
            let watch = Stopwatch::start();
            fill(&engine, readers)?;
            let spent = watch.spent();
            if turn == 0 {
                check(&mut Asked(&engine), &published, readers)?;
                continue;
            }
            let count = whole(readers.len().max(1) as u64);
            filled.readers_per_s.push(count / spent.wall.as_secs_f64());
            filled.us_per_reader.push(spent.cpu.as_secs_f64() * 1e6 / count);
            filled.entries_per_s.push(entries(history, posts, readers) / spent.wall.as_secs_f64());
        }
        published.set(posts);
        beside.turn(&published, readers, turn > 0)?;
    }
    for (length, filled) in LENGTHS.iter().zip(&all) {
        let name = format!("newest_first_{length}x");
        report.add_spread(&format!("{name}_rate"), "_readers_per_s", &filled.readers_per_s);
        report.add_spread(&format!("{name}_cpu"), "_us_per_reader", &filled.us_per_reader);
        report.add_spread(&format!("{name}_rate"), "_entries_per_s", &filled.entries_per_s);
    }
    let [short, .., long] = &all;
    beside.report(&short.readers_per_s, report);
    report.add("newest_first_16x_of_1x_ratio", median(&long.us_per_reader) / median(&short.us_per_reader).max(f64::MIN_POSITIVE));
    Ok(())
}

/// A peer's ways, each with the readers that it filled per second.
struct Beside {
    sides: Vec<(Box<dyn Side>, Vec<f64>)>,
    piece: Piece,
}

impl Beside {
    fn start(peer: Option<Peer>, history: &History, posts: usize, readers: &[u32]) -> Result<Self> {
        let sides = peer.map_or(Ok(Vec::new()), |peer| peers::rebuild::start(peer, &history.w1, readers, SLOTS))?;
        let posts = if sides.is_empty() { 0 } else { posts };
        Ok(Self { sides: sides.into_iter().map(|side| (side, Vec::new())).collect(), piece: Piece::new(history, &[], 0, posts) })
    }

    fn turn(&mut self, published: &Arc<Published>, readers: &[u32], counts: bool) -> Result<()> {
        for (side, rates) in &mut self.sides {
            side.empty()?;
            side.prepare(&self.piece)?;
            let watch = Stopwatch::start();
            side.fill(&self.piece)?;
            let rate = whole(readers.len() as u64) / watch.spent().wall.as_secs_f64();
            if counts {
                rates.push(rate);
            }
            check(&mut **side, published, readers)?;
        }
        Ok(())
    }

    /// `ours` are the readers per second of the same turns.
    fn report(&self, ours: &[f64], report: &mut Report) {
        for (side, rates) in &self.sides {
            report.add_spread(&format!("{}_newest_first_rate", side.name()), "_readers_per_s", rates);
            report.add_spread(&format!("newest_first_1x_of_{}", side.name()), "_ratio", &ratios(ours, rates));
        }
    }
}

/// Fills rings by a page for each reader, on all threads.
fn fill(engine: &RingTimelines, readers: &[u32]) -> Result<()> {
    let own = |thread: usize| {
        block_on(async {
            for reader in readers.iter().skip(thread).step_by(THREADS) {
                engine.home(id(*reader), Stretch { limit: PAGE, ..Stretch::default() }).await?;
            }
            anyhow::Ok(())
        })?
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || own(thread))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked"))))
    })
}

/// Entries that the rings of the readers come to hold.
fn entries(history: &History, posts: usize, readers: &[u32]) -> f64 {
    let of = |reader: &u32| history.w1.followees(*reader).iter().chain([reader]).map(|author| history.count(*author, posts)).sum::<usize>();
    readers.iter().map(|reader| whole(of(reader).min(SLOTS) as u64)).sum()
}
