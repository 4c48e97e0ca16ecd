//! Search: posts per second into the index and pages of the newest hits out of it, through the port's tantivy adapter, beside tantivy
//! itself on the same documents with the same words.
//!
//! Hits of both are compared with each other, and a sample with a look at every document, before anything is timed.

mod bare;
mod corpus;

use super::dice::Dice;
use super::folder;
use super::report::{Report, Spent, Stopwatch, forget_peak_memory, latencies, micros, whole};
use anyhow::{Context, Result, ensure};
use bare::Bare;
use corpus::{Ask, HITS, Kind, PARTITIONS, Post};
use hdrhistogram::Histogram;
use infra::search::tantivy::{TantivyOptions, TantivySearch};
use infra::search::{Item, SearchChange, SearchDocument, SearchIndex, SearchQuery, SearchWrite, StatusQuery};
use infra::views::Version;
use schemas::log::Validity;
use schemas::rows::Checkpoint;
use schemas::{AccountId, PartitionId};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tantivy::Searcher;

const SEED: u64 = 1;
/// Posts of one call of the port, of one partition: what a projection's batch holds.
const BATCH_POSTS: usize = 256;
/// Queries of each kind that are also answered by looking at every document.
const CHECKED_ASKS: usize = 20;
/// Posts whose way into the index is followed.
const FOLLOWED_POSTS: u64 = 30;
/// Turns of each side, for each kind of query.
const TURNS: u32 = 5;

/// What to index and ask.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Posts of workload W1: 140 characters, words by Zipf's law. Targets are for 2,000,000.
    #[arg(long, default_value_t = 200_000)]
    documents: usize,
    /// Queries of each kind: one term, two of which one must occur, two which must both.
    #[arg(long, default_value_t = 200)]
    queries: usize,
    /// Runs of indexing, each into a new folder.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How long to ask each kind of each side, in all turns.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// A folder on the disk to be measured; by default the workspace's target folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let folder = folder::make(&folder::parent(args.folder.as_ref())?, "search")?;
    let posts = corpus::posts(args.documents.max(1), &mut Dice::new(SEED));
    forget_peak_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::new("search");
        report.add("documents", posts.len() as f64);
        let (port, bare) = index(args, folder.path(), &posts, &mut report).await?;
        report.add_peak_memory();
        time_to_searchable(&port, posts.len() as u64, &mut report).await?;
        let searcher = bare.searcher()?;
        report.add("bare_segments", searcher.segment_readers().len() as f64);
        let sides = Sides { port, bare, searcher };
        for kind in Kind::ALL {
            let asks = corpus::asks(kind, args.queries.max(1), &mut Dice::new(SEED + 1 + kind as u64));
            sides.check(&asks, &posts).await?;
            sides.measure(kind, &asks, Duration::from_secs(args.seconds), &mut report).await?;
        }
        Ok(report)
    })
}

/// Indexes in turns: the port, tantivy on one thread, tantivy on all cores. Returns the last indexes.
async fn index(args: &Args, folder: &Path, posts: &[Post], report: &mut Report) -> Result<(TantivySearch, Bare)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let names = ["index_".to_owned(), "bare_index_1_thread_".to_owned(), format!("bare_index_{cores}_threads_")];
    let mut rates = [const { Vec::new() }; 3];
    let mut cpu = [Duration::ZERO; 3];
    let mut last = None;
    for run in 0..args.runs.max(1) {
        let place = |name: &str| folder.join(format!("{name}-{run}"));
        drop(last.take());
        let (port, of_port) = fill_port(&place("port"), posts).await?;
        let (_, of_one) = fill_bare(&place("bare-one"), posts, 1)?;
        let (bare, of_all) = fill_bare(&place("bare-all"), posts, cores)?;
        for ((rates, cpu), spent) in rates.iter_mut().zip(&mut cpu).zip([of_port, of_one, of_all]) {
            rates.push(posts.len() as f64 / spent.wall.as_secs_f64());
            *cpu += spent.cpu;
        }
        last = Some((port, bare));
    }
    for ((name, rates), cpu) in names.iter().zip(&rates).zip(cpu) {
        report.add_spread(&format!("{name}rate"), "_per_s", rates);
        let indexed = posts.len() as f64 * rates.len() as f64;
        report.add(format!("{name}cpu_s_per_million"), cpu.as_secs_f64() * 1e6 / indexed);
    }
    let [port, one, all] = &rates;
    for (name, bare) in [("index_of_bare_1_thread".to_owned(), one), (format!("index_of_bare_{cores}_threads"), all)] {
        let ratios: Vec<f64> = port.iter().zip(bare).map(|(port, bare)| port / bare).collect();
        report.add_spread(&name, "_ratio", &ratios);
    }
    report.add(
        "index_bytes_per_document",
        folder::bytes_in(&folder.join(format!("port-{}", args.runs.max(1) - 1)), Metadata::len)? as f64 / posts.len() as f64,
    );
    last.context("there was a run")
}

fn checkpoint(next: u64) -> Checkpoint {
    Checkpoint { generation: 1, next, validity: Validity::default() }
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
    Ok((index, watch.spent()))
}

fn put(post: &Post) -> SearchChange {
    SearchChange::Put(SearchDocument::Status { id: post.id, author: post.author, text: post.text.clone() })
}

fn fill_bare(folder: &Path, posts: &[Post], threads: usize) -> Result<(Bare, Spent)> {
    std::fs::create_dir_all(folder)?;
    let index = Bare::new(folder)?;
    let watch = Stopwatch::start();
    let writer = index.fill(posts, threads)?;
    let spent = watch.spent();
    // What is merged behind must not slow the next turn.
    writer.wait_merging_threads()?;
    Ok((index, spent))
}

/// How long after its application a post is found, one at a time.
async fn time_to_searchable(index: &TantivySearch, posts: u64, report: &mut Report) -> Result<()> {
    let mut delays_us = latencies();
    for number in 0..FOLLOWED_POSTS {
        let (word, id) = (format!("followed{number}"), corpus::id(posts + BATCH_POSTS as u64 * u64::from(PARTITIONS) + number));
        let post = Post { id, author: AccountId(1), text: word.clone() };
        let partition = id.partition();
        let offset = index.checkpoint(Version::Live, partition).await?.unwrap_or_default().next;
        let began = Instant::now();
        index.apply(Version::Live, partition, vec![SearchWrite { offset, change: put(&post) }], checkpoint(offset + 1)).await?;
        while search(index, &word).await? != [id.0] {
            ensure!(began.elapsed() < Duration::from_secs(10), "a post did not become searchable within ten seconds");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        delays_us.saturating_record(micros(began.elapsed()));
    }
    report.add_latencies("searchable_", &delays_us);
    Ok(())
}

async fn search(index: &TantivySearch, text: &str) -> Result<Vec<u64>> {
    let query = StatusQuery { text: text.to_owned(), limit: HITS, ..StatusQuery::default() };
    let found = index.search(SearchQuery::Statuses(query)).await?;
    Ok(found.into_iter().filter_map(|item| if let Item::Status(id) = item { Some(id.0) } else { None }).collect())
}

/// Both indexes, filled with the same posts.
struct Sides {
    port: TantivySearch,
    bare: Bare,
    searcher: Searcher,
}

impl Sides {
    async fn check(&self, asks: &[Ask], posts: &[Post]) -> Result<()> {
        for (number, ask) in asks.iter().enumerate() {
            let (port, bare) = (search(&self.port, &ask.text()).await?, self.bare.search(&self.searcher, ask)?);
            ensure!(port == bare, "hits of `{}` differ: {port:?} through the port, {bare:?} of tantivy", ask.text());
            ensure!(number >= CHECKED_ASKS || port == ask.hits(posts), "hits of `{}` are not the newest that match", ask.text());
        }
        Ok(())
    }

    /// One query at a time, the sides in turns.
    async fn measure(&self, kind: Kind, asks: &[Ask], seconds: Duration, report: &mut Report) -> Result<()> {
        let (mut port_us, mut bare_us) = (latencies(), latencies());
        let (mut port_rates, mut bare_rates) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            let (mut of_port, mut of_bare) = (latencies(), latencies());
            let (began, end) = (Instant::now(), Instant::now() + seconds / TURNS);
            for ask in asks.iter().cycle().take_while(|_| Instant::now() < end) {
                let asked = Instant::now();
                std::hint::black_box(search(&self.port, &ask.text()).await?);
                of_port.saturating_record(micros(asked.elapsed()));
            }
            let port_took = began.elapsed();
            let (began, end) = (Instant::now(), Instant::now() + seconds / TURNS);
            for ask in asks.iter().cycle().take_while(|_| Instant::now() < end) {
                let asked = Instant::now();
                std::hint::black_box(self.bare.search(&self.searcher, ask)?);
                of_bare.saturating_record(micros(asked.elapsed()));
            }
            let bare_took = began.elapsed();
            if turn > 0 {
                port_rates.push(rate(&of_port, port_took));
                bare_rates.push(rate(&of_bare, bare_took));
                port_us.add(of_port)?;
                bare_us.add(of_bare)?;
            }
        }
        let name = kind.name();
        report.add_spread(&format!("{name}_rate"), "_per_s", &port_rates);
        report.add_latencies(&format!("{name}_"), &port_us);
        report.add_spread(&format!("{name}_bare_rate"), "_per_s", &bare_rates);
        report.add_latencies(&format!("{name}_bare_"), &bare_us);
        let ratios: Vec<f64> = port_rates.iter().zip(&bare_rates).map(|(port, bare)| port / bare).collect();
        report.add_spread(&format!("{name}_of_bare"), "_ratio", &ratios);
        Ok(())
    }
}

fn rate(asked: &Histogram<u64>, took: Duration) -> f64 {
    whole(asked.len()) / took.as_secs_f64()
}
