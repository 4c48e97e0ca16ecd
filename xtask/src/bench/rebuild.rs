//! Rebuilding all home timelines: forward, every post of a history delivered in order; and newest-first, each reader's from the newest
//! posts of whom it follows.
//!
//! Forward is cut into equal turns that the engine, bare ring writes and a peer take one after the other. Newest-first is what the engine
//! itself does after a loss, reader by reader: its cost must not grow with the history. Whatever delivers is a [`Side`], and its timelines
//! equal the naive reference, or the bench fails.

mod forward;
mod newest;

use super::dice::Dice;
use super::history::{History, Published, id};
use super::peers::{self, ratios, rebuild::Peer};
use super::raw_rings::report_distance;
use super::report::{Report, forget_peak_memory, whole};
use super::w1::W1;
use anyhow::{Result, ensure};
use forward::{Bare, Engine};
pub(super) use forward::{Piece, Side, Turns};
use infra::timelines::{NaiveTimelines, Stretch, Timelines};
use schemas::{PartitionId, PostId, Snowflake};
use std::sync::Arc;

const SEED: u64 = 1;
const START_MS: u64 = 1_700_000_000_000;
/// Threads that deliver and fill, as a deployment's partitions do on two cores.
const THREADS: usize = 2;
/// Pieces of the history that are timed; one more is delivered before, and discarded.
const TURNS: usize = 5;
/// Lengths of the history for newest-first, in the length that forward delivers.
const LENGTHS: [usize; 3] = [1, 4, 16];
/// Readers whose timelines are compared with the reference.
const CHECKED_READERS: usize = 200;
/// Entries compared of each: the whole ring.
const CHECKED_ENTRIES: usize = 256;

/// How much to rebuild.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Accounts of W1.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// Posts of the history per account, drawn by W1's rates; newest-first sees up to 16 times as many.
    #[arg(long, default_value_t = 2.0)]
    posts_per_account: f64,
    /// Readers whose timelines are filled newest-first in each turn, evenly spread.
    #[arg(long, default_value_t = 10_000)]
    sampled_readers: usize,
    /// A system to load beside.
    #[arg(long)]
    peer: Option<Peer>,
}

/// Measures both ways of rebuilding.
///
/// # Errors
/// Fails where a timeline differs from the reference.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let w1 = Arc::new(W1::generate(args.accounts, SEED));
    let posts = (f64::from(w1.accounts()) * args.posts_per_account.max(0.01)) as usize;
    let history = Arc::new(draw(&w1, posts * LENGTHS.into_iter().max().unwrap_or(1)));
    let readers: Vec<u32> = w1.readers().collect();
    let mut report = Report::new("rebuild");
    report.add("accounts", f64::from(w1.accounts()));
    report.add("edges", whole(w1.edges() as u64));
    report.add("readers", whole(readers.len() as u64));
    report.add("history_posts", whole(posts as u64));
    forget_peak_memory();
    forward(&history, posts, &readers, args.peer, &mut report)?;
    newest::measure(&history, posts, &w1.some_readers(args.sampled_readers), args.peer, &mut report)?;
    report.add_peak_memory();
    Ok(report)
}

/// Posts by W1's rates, a millisecond apart.
fn draw(w1: &Arc<W1>, posts: usize) -> History {
    let mut dice = Dice::new(SEED + 1);
    let post = |n: usize| {
        let author = w1.poster(&mut dice);
        let partition = PartitionId((author as usize % THREADS) as u16);
        (PostId(Snowflake::new(START_MS + n as u64, partition, 0).0), author)
    };
    let posts = (0..posts).map(post).collect();
    History::new(w1.clone(), posts)
}

/// Delivers the history in turns, by the engine, by bare writes and by a peer.
fn forward(history: &Arc<History>, posts: usize, readers: &[u32], peer: Option<Peer>, report: &mut Report) -> Result<()> {
    let published = Arc::new(Published::new(history.clone()));
    let engine = Engine::new(&published, readers)?;
    report.add("forward_subscribe_us_per_reader", engine.subscribe_us);
    let mut sides: Vec<Box<dyn Side>> = vec![Box::new(engine), Box::new(Bare::new(&history.w1, readers))];
    if let Some(peer) = peer {
        sides.extend(peers::rebuild::start(peer, &history.w1, readers, CHECKED_ENTRIES)?);
    }
    let mut sides: Vec<(Box<dyn Side>, Turns)> = sides.into_iter().map(|side| (side, Turns::default())).collect();
    let audiences = audiences(&history.w1, readers);
    for turn in 0..=TURNS {
        let (from, to) = (posts * turn / (TURNS + 1), posts * (turn + 1) / (TURNS + 1));
        let piece = Piece::new(history, &audiences, from, to);
        published.set(to);
        // Nobody is first in all turns.
        let order: Box<dyn Iterator<Item = _>> = if turn % 2 == 0 { Box::new(sides.iter_mut()) } else { Box::new(sides.iter_mut().rev()) };
        for (side, turns) in order {
            if turn == 0 { side.warm_up(&piece)? } else { turns.take(&mut **side, &piece)? }
        }
        for (side, _) in &mut sides {
            if turn == TURNS {
                side.finish()?;
            }
            if turn == 0 || turn == TURNS {
                check(&mut **side, &published, readers)?;
            }
        }
    }
    for (side, turns) in &mut sides {
        turns.report(side.name(), report);
        side.report(turns, readers, report)?;
    }
    let [(_, engine), (_, limit), beside @ ..] = sides.as_slice() else { return Ok(()) };
    report_distance("forward_", &engine.rates, &limit.rates, report);
    for (side, turns) in beside {
        report.add_spread(&format!("forward_of_{}", side.name()), "_ratio", &ratios(&engine.rates, &turns.rates));
        if let Some(rate) = side.rate_finished(turns) {
            report.add(format!("{}_rate_finished_per_s", side.name()), rate);
            report.add(format!("forward_of_{}_finished_ratio", side.name()), whole(engine.deliveries) / engine.wall_s / rate);
        }
    }
    Ok(())
}

/// Per account: the readers among its followers and itself, to each of whom its posts are delivered.
fn audiences(w1: &W1, readers: &[u32]) -> Vec<u32> {
    let mut audiences = vec![0; w1.accounts() as usize];
    for reader in readers {
        for author in w1.followees(*reader).iter().chain([reader]) {
            if let Some(audience) = audiences.get_mut(*author as usize) {
                *audience += 1;
            }
        }
    }
    audiences
}

/// Compares whole rings of a sample of readers with the reference.
fn check(side: &mut dyn Side, published: &Arc<Published>, readers: &[u32]) -> Result<()> {
    let naive = NaiveTimelines::new(published.clone());
    let step = (readers.len() / CHECKED_READERS).max(1);
    for reader in readers.iter().step_by(step) {
        let stretch = Stretch { limit: CHECKED_ENTRIES, ..Stretch::default() };
        let wanted: Vec<PostId> = block_on(naive.home(id(*reader), stretch))??.iter().map(|entry| entry.post).collect();
        ensure!(
            side.newest(*reader, CHECKED_ENTRIES)? == wanted,
            "{}: the timeline of reader {reader} differs from the reference",
            side.name()
        );
    }
    Ok(())
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(work))
}
