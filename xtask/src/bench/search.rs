//! Search: posts per second into the index and pages of the newest hits out of it, through the port's tantivy adapter, beside tantivy
//! itself on the same documents with the same words.
//!
//! Indexing (`search/fill.rs`) is timed beside three loaders: one that commits as often as the port, so that what it has been given is as
//! soon searchable, and two that commit once, at their end, on one thread and on all cores. Hits of both sides are compared with each other,
//! and a sample with a look at every document, before any query is timed. The port's queries are asked from a thread of the runtime, as a
//! server does.

mod bare;
mod corpus;
mod fill;

use super::dice::Dice;
use super::folder;
use super::report::{Report, forget_peak_memory, latencies, micros, whole};
use anyhow::{Result, ensure};
use bare::Bare;
use corpus::{Ask, HITS, Kind, PARTITIONS, Post};
use fill::{BATCH_POSTS, checkpoint, put};
use hdrhistogram::Histogram;
use infra::search::tantivy::TantivySearch;
use infra::search::{Item, SearchIndex, SearchQuery, SearchWrite, StatusQuery};
use infra::views::Version;
use schemas::AccountId;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tantivy::Searcher;

const SEED: u64 = 1;
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
        let (port, bare) = fill::compare(args.runs.max(1), folder.path(), &posts, &mut report).await?;
        report.add_peak_memory();
        time_to_searchable(&port, posts.len() as u64, &mut report).await?;
        let searcher = bare.searcher()?;
        report.add("bare_segments", searcher.segment_readers().len() as f64);
        let sides = Sides { port: Arc::new(port), bare, searcher };
        for kind in Kind::ALL {
            let asks = corpus::asks(kind, args.queries.max(1), &mut Dice::new(SEED + 1 + kind as u64));
            sides.check(&asks, &posts).await?;
            sides.measure(kind, &Arc::from(asks), Duration::from_secs(args.seconds), &mut report).await?;
        }
        Ok(report)
    })
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
    port: Arc<TantivySearch>,
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
    async fn measure(&self, kind: Kind, asks: &Arc<[Ask]>, seconds: Duration, report: &mut Report) -> Result<()> {
        let (mut port_us, mut bare_us) = (latencies(), latencies());
        let (mut port_rates, mut bare_rates) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            let (of_port, port_took) = tokio::spawn(ask_port(self.port.clone(), asks.clone(), seconds / TURNS)).await??;
            let mut of_bare = latencies();
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

/// Asks the port one query at a time; returns how long each took, and all.
async fn ask_port(port: Arc<TantivySearch>, asks: Arc<[Ask]>, time: Duration) -> Result<(Histogram<u64>, Duration)> {
    let mut took_us = latencies();
    let began = Instant::now();
    for ask in asks.iter().cycle().take_while(|_| began.elapsed() < time) {
        let asked = Instant::now();
        std::hint::black_box(search(&port, &ask.text()).await?);
        took_us.saturating_record(micros(asked.elapsed()));
    }
    Ok((took_us, began.elapsed()))
}

fn rate(asked: &Histogram<u64>, took: Duration) -> f64 {
    whole(asked.len()) / took.as_secs_f64()
}
