//! Newest-first: each reader's ring filled from the newest posts of whom the reader follows, for histories of several lengths in turns.

use super::super::history::{History, Published, id};
use super::super::report::{Report, Stopwatch, median, whole};
use super::forward::{Side, timelines};
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

    fn deliver(&mut self, _piece: &super::Piece) -> Result<()> {
        Ok(())
    }

    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>> {
        let entries = block_on(self.0.home(id(reader), Stretch { limit, ..Stretch::default() }))??;
        Ok(entries.iter().map(|entry| entry.post).collect())
    }
}

/// Fills the rings of some readers, from nothing, for each length of the history in turns; `posts` is the shortest.
pub(super) fn measure(history: &Arc<History>, posts: usize, readers: &[u32], report: &mut Report) -> Result<()> {
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
    }
    for (length, filled) in LENGTHS.iter().zip(&all) {
        let name = format!("newest_first_{length}x");
        report.add_spread(&format!("{name}_rate"), "_readers_per_s", &filled.readers_per_s);
        report.add_spread(&format!("{name}_cpu"), "_us_per_reader", &filled.us_per_reader);
        report.add_spread(&format!("{name}_rate"), "_entries_per_s", &filled.entries_per_s);
    }
    let [short, .., long] = &all;
    report.add("newest_first_16x_of_1x_ratio", median(&long.us_per_reader) / median(&short.us_per_reader).max(f64::MIN_POSITIVE));
    Ok(())
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
