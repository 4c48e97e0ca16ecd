//! Filling the indexes, in turns, each time from nothing; another side begins in each run.
//!
//! A side's rate counts until all of it is durable and searchable. Its processor time counts until nothing is merged any more, and only
//! then comes the next side's turn.

use super::super::folder;
use super::super::report::{Report, Spent, Stopwatch};
use super::bare::Bare;
use super::corpus::{PARTITIONS, Post};
use anyhow::{Context, Result};
use infra::search::tantivy::{TantivyOptions, TantivySearch};
use infra::search::{SearchChange, SearchDocument, SearchIndex, SearchWrite};
use infra::views::Version;
use schemas::PartitionId;
use schemas::log::Validity;
use schemas::rows::Checkpoint;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::path::Path;
use std::time::Duration;

/// Posts of one call of the port, of one partition: what a projection's batch holds.
pub(super) const BATCH_POSTS: usize = 256;
/// An index whose files stay the same for so long has nothing to merge.
const QUIET: Duration = Duration::from_millis(1_000);
/// How often its files are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Who fills an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Port,
    /// As soon searchable as the port, on one thread.
    Searchable,
    /// One commit, on one thread.
    OneThread,
    /// One commit, on all cores.
    AllCores,
}

impl Side {
    const ALL: [Self; 4] = [Self::Port, Self::Searchable, Self::OneThread, Self::AllCores];
}

/// Indexes in turns and reports how quickly. Returns the last indexes, the bare one being that of [`Side::OneThread`].
pub(super) async fn compare(runs: usize, folder: &Path, posts: &[Post], report: &mut Report) -> Result<(TantivySearch, Bare)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut rates = [const { Vec::new() }; Side::ALL.len()];
    let mut cpu = [Duration::ZERO; Side::ALL.len()];
    let (mut port, mut bare) = (None, None);
    for run in 0..runs {
        (port, bare) = (None, None);
        for turn in 0..Side::ALL.len() {
            let number = (run + turn) % Side::ALL.len();
            let Some(side) = Side::ALL.get(number) else { continue };
            let place = folder.join(format!("{side:?}-{run}"));
            let (threads, every) = match side {
                Side::Port => (1, None),
                Side::Searchable => (1, Some(TantivyOptions::default().commit_after)),
                Side::OneThread => (1, None),
                Side::AllCores => (cores, None),
            };
            let spent = if *side == Side::Port {
                let (filled, spent) = fill_port(&place, posts).await?;
                port = Some(filled);
                spent
            } else {
                let (filled, spent) = fill_bare(&place, posts, threads, every)?;
                bare = if *side == Side::OneThread { Some(filled) } else { bare };
                spent
            };
            if let (Some(rates), Some(cpu)) = (rates.get_mut(number), cpu.get_mut(number)) {
                rates.push(posts.len() as f64 / spent.wall.as_secs_f64());
                *cpu += spent.cpu;
            }
        }
    }
    let names = ["index", "bare_index_searchable", "bare_index_1_thread", &format!("bare_index_{cores}_threads")];
    for ((name, rates), cpu) in names.iter().zip(&rates).zip(cpu) {
        report.add_spread(&format!("{name}_rate"), "_per_s", rates);
        let indexed = posts.len() as f64 * rates.len() as f64;
        report.add(format!("{name}_cpu_s_per_million"), cpu.as_secs_f64() * 1e6 / indexed);
    }
    let [of_port, others @ ..] = &rates;
    for (name, bare) in ["bare_searchable", "bare_1_thread", &format!("bare_{cores}_threads")].iter().zip(others) {
        let ratios: Vec<f64> = of_port.iter().zip(bare).map(|(port, bare)| port / bare).collect();
        report.add_spread(&format!("index_of_{name}"), "_ratio", &ratios);
    }
    let bytes = folder::bytes_in(&folder.join(format!("{:?}-{}", Side::Port, runs - 1)), Metadata::len)?;
    report.add("index_bytes_per_document", bytes as f64 / posts.len() as f64);
    Ok((port.context("there was a run")?, bare.context("there was a run")?))
}

/// A checkpoint before the record `next`.
pub(super) fn checkpoint(next: u64) -> Checkpoint {
    Checkpoint { generation: 1, next, validity: Validity::default() }
}

/// The change that puts a post in.
pub(super) fn put(post: &Post) -> SearchChange {
    SearchChange::Put(SearchDocument::Status { id: post.id, author: post.author, text: post.text.clone() })
}

/// What a projection does: batches of each partition in turn; then all of it made durable and searchable.
async fn fill_port(folder: &Path, posts: &[Post]) -> Result<(TantivySearch, Spent)> {
    let index = TantivySearch::open(folder, TantivyOptions::default())?;
    let watch = Stopwatch::start();
    let mut next = 0;
    for stretch in posts.chunks(BATCH_POSTS * usize::from(PARTITIONS)) {
        let offset = |place: usize| next + (place / usize::from(PARTITIONS)) as u64;
        for partition in 0..PARTITIONS {
            let of_partition = stretch.iter().enumerate().skip(usize::from(partition)).step_by(usize::from(PARTITIONS));
            let writes = of_partition.map(|(place, post)| SearchWrite { offset: offset(place), change: put(post) }).collect();
            index.apply(Version::Live, PartitionId(partition), writes, checkpoint(next + BATCH_POSTS as u64)).await?;
        }
        next += BATCH_POSTS as u64;
    }
    index.flush().await?;
    let wall = watch.spent().wall;
    settle(folder).await?;
    Ok((index, Spent { wall, ..watch.spent() }))
}

/// Waits until nothing is merged any more: no file comes, goes or grows.
async fn settle(folder: &Path) -> Result<()> {
    let files = || -> Result<BTreeMap<OsString, u64>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder.join("v1"))? {
            let entry = entry?;
            // Gone meanwhile: the next look will not find it.
            let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
            files.insert(entry.file_name(), bytes);
        }
        Ok(files)
    };
    let (mut before, mut quiet) = (files()?, Duration::ZERO);
    while quiet < QUIET {
        tokio::time::sleep(LOOK).await;
        let now = files()?;
        quiet = if now == before { quiet + LOOK } else { Duration::ZERO };
        before = now;
    }
    Ok(())
}

fn fill_bare(folder: &Path, posts: &[Post], threads: usize, commit_every: Option<Duration>) -> Result<(Bare, Spent)> {
    std::fs::create_dir_all(folder)?;
    let index = Bare::new(folder)?;
    let watch = Stopwatch::start();
    let writer = index.fill(posts, threads, commit_every)?;
    let wall = watch.spent().wall;
    writer.wait_merging_threads()?;
    Ok((index, Spent { wall, ..watch.spent() }))
}
