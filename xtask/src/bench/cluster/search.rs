//! Posts into a real Elasticsearch: through the search port, as projectors apply their steps, beside a bare loader that sends the same
//! documents to an index of the same mappings, in plain `_bulk` requests of as many documents, with as many in flight.
//!
//! In service the port refreshes and writes checkpoints four times a second; beside it stand a loader whose index refreshes itself as
//! often, and one that refreshes once, at its end. A rebuild takes longer steps and commits every five seconds; beside it stands a loader
//! that refreshes at its end. Each fills a fresh index in each turn, which must hold all posts, or the bench fails.

mod bare;
mod server;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use infra::search::elastic::{ElasticOptions, ElasticSearch, ElasticUrl};
use infra::search::{SearchChange, SearchDocument, SearchIndex, SearchWrite};
use infra::views::Version;
use schemas::log::Validity;
use schemas::rows::Checkpoint;
use schemas::{AccountId, PartitionId, PostId, Snowflake};
use tokio::runtime::Runtime;

use self::bare::Loader;
use self::server::Server;
use super::super::dice::Dice;
use super::super::report::{Report, Spent, Stopwatch};
use super::super::text::Texts;
use super::{SearchArgs, ratios};
use crate::cluster::{Cluster, Kind, Options};

const SEED: u64 = 1;
/// Partitions that the posts come from; each has one request in flight.
const PARTITIONS: u16 = 8;
/// Records of one step of a projector in service, and of one request.
const STEP: usize = 512;
/// Records of one step of a rebuild.
const REBUILD_STEP: usize = 4_096;
/// Documents that the port puts into one request at the most (infra/src/search/elastic/bulk.rs).
const REQUEST_MAX: usize = 2_000;
/// Accounts who wrote the posts.
const AUTHORS: u32 = 100_000;
const T0_MS: u64 = 1_700_000_000_000;
/// Posts of each partition that an index is asked for.
const SAMPLED_POSTS: usize = 5;

/// Posts of one partition, the oldest first.
type Lane = Vec<SearchDocument>;

/// The ways to fill an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The port in service.
    Live,
    /// A loader whose index refreshes itself as often.
    RefreshingLoader,
    /// A loader that refreshes once.
    Loader,
    /// The port in a rebuild.
    Rebuild,
    /// A loader that refreshes once, of requests as large as a rebuild's.
    RebuildLoader,
}

impl Side {
    const ALL: [Self; 5] = [Self::Live, Self::RefreshingLoader, Self::Loader, Self::Rebuild, Self::RebuildLoader];

    fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::RefreshingLoader => "refreshing_loader",
            Self::Loader => "loader",
            Self::Rebuild => "rebuild",
            Self::RebuildLoader => "rebuild_loader",
        }
    }
}

/// Starts Elasticsearch, measures, and ends it.
pub(super) fn run(args: &SearchArgs, runs: u32, report: &mut Report) -> Result<()> {
    ensure!(args.documents >= u32::from(PARTITIONS), "there is nothing to index");
    let lanes = Arc::new(posts(args.documents));
    let cluster = Cluster::up(&Options { kinds: vec![Kind::Elastic], brokers: 1 })?;
    let server = Server::new(cluster.address(Kind::Elastic).context("Elasticsearch was started")?);
    let runtime = Runtime::new().context("cannot start threads")?;
    let (loader, rebuild_loader) = (Loader::new(&lanes, STEP)?, Loader::new(&lanes, REBUILD_STEP)?);
    let bench = Bench { lanes, loader, rebuild_loader, server, runtime };
    let mut spent = [const { Vec::new() }; Side::ALL.len()];
    for turn in 0..=runs as usize {
        // Each side comes first in some turn.
        for number in (0..Side::ALL.len()).map(|place| (place + turn) % Side::ALL.len()) {
            let (Some(side), Some(spent)) = (Side::ALL.get(number), spent.get_mut(number)) else { continue };
            let took = bench.fill(*side, &format!("turn{turn}")).with_context(|| side.name())?;
            // The first turn warms up.
            if turn > 0 {
                spent.push(took);
            }
        }
    }
    cluster.down()?;
    tell(args, &spent, report);
    Ok(())
}

fn tell(args: &SearchArgs, spent: &[Vec<Spent>], report: &mut Report) {
    report.note("search_server", "Elasticsearch 7.17.29, one node on this machine, whose processor time all sides share");
    let method = format!(
        "{} posts of workload W1 in a fresh index of one shard, {PARTITIONS} requests in flight; live: steps of {STEP}, refresh and \
         checkpoints every 250 ms; rebuild: steps of {REBUILD_STEP}, every 5 s; loaders: the same documents in requests made before",
        args.documents
    );
    report.note("search_method", method);
    let documents = f64::from(args.documents);
    let mut rates = Vec::new();
    for (side, spent) in Side::ALL.iter().zip(spent) {
        let of_side: Vec<f64> = spent.iter().map(|spent| documents / spent.wall.as_secs_f64()).collect();
        let cpu_s: f64 = spent.iter().map(|spent| spent.cpu.as_secs_f64()).sum();
        report.add_spread(&format!("search_{}", side.name()), "_per_s", &of_side);
        report.add(format!("search_{}_cpu_s_per_million", side.name()), cpu_s * 1e6 / (documents * spent.len() as f64));
        rates.push(of_side);
    }
    if let [live, refreshing_loader, loader, rebuild, rebuild_loader] = rates.as_slice() {
        report.add_spread("search_live_of_refreshing_loader", "_ratio", &ratios(live, refreshing_loader));
        report.add_spread("search_live_of_loader", "_ratio", &ratios(live, loader));
        report.add_spread("search_rebuild_of_loader", "_ratio", &ratios(rebuild, rebuild_loader));
    }
}

/// Posts of workload W1 by partition.
fn posts(count: u32) -> Vec<Lane> {
    let (texts, mut dice) = (Texts::new(), Dice::new(SEED));
    let mut lanes: Vec<Lane> = (0..PARTITIONS).map(|_| Lane::new()).collect();
    for number in 0..count {
        let partition = number % u32::from(PARTITIONS);
        let time_ms = T0_MS + u64::from(number / u32::from(PARTITIONS));
        let id: PostId = Snowflake::new(time_ms, PartitionId(partition as u16), 0).into();
        let author = AccountId(u64::from(dice.below(AUTHORS)) + 1);
        let post = SearchDocument::Status { id, author, text: texts.post(&mut dice) };
        if let Some(lane) = lanes.get_mut(partition as usize) {
            lane.push(post);
        }
    }
    lanes
}

struct Bench {
    lanes: Arc<Vec<Lane>>,
    loader: Loader,
    rebuild_loader: Loader,
    server: Server,
    runtime: Runtime,
}

impl Bench {
    /// Fills a fresh index, looks at what it holds and removes it, so that nothing of it slows the next one.
    fn fill(&self, side: Side, name: &str) -> Result<Spent> {
        let (loader, refresh) = match side {
            Side::RefreshingLoader => (&self.loader, Some("250ms")),
            Side::Loader => (&self.loader, None),
            Side::RebuildLoader => (&self.rebuild_loader, None),
            Side::Live => return self.fill_port(name, None),
            Side::Rebuild => return self.fill_port(name, Some(REBUILD_STEP)),
        };
        self.server.make(name, refresh)?;
        let spent = loader.fill(&self.server, name)?;
        self.check(name)?;
        self.server.delete(name)?;
        Ok(spent)
    }

    fn fill_port(&self, name: &str, rebuild_step: Option<usize>) -> Result<Spent> {
        let url = format!("elastic://{}/{name}?replicas=0&shards=1", self.server.address);
        let index = Arc::new(ElasticSearch::new(url.parse::<ElasticUrl>().map_err(anyhow::Error::msg)?, ElasticOptions::default())?);
        self.runtime.block_on(async {
            // Makes the index, before anything is timed.
            let live = index.versions().await?.live;
            let (version, number, step) = match rebuild_step {
                None => (Version::Live, live, STEP),
                Some(step) => {
                    let number = index.begin().await?;
                    (Version::Number(number), number, step)
                }
            };
            let spent = project_all(&index, version, &self.lanes, step).await?;
            self.check(&format!("{name}-v{number}"))?;
            index.remove_everything().await?;
            Ok(spent)
        })
    }

    /// An index holds all posts, and of the sampled ones what it should.
    fn check(&self, index: &str) -> Result<()> {
        let (posts, found) = (self.lanes.iter().map(Vec::len).sum::<usize>() as u64, self.server.count_posts(index)?);
        ensure!(found == posts, "of {posts} posts, {found} are found");
        for lane in self.lanes.iter() {
            for post in lane.iter().step_by(lane.len().div_ceil(SAMPLED_POSTS)) {
                let (found, expected) = (self.server.document(index, &bare::document_id(post)?)?, bare::source(post)?);
                ensure!(found == expected, "the index holds {found}, not {expected}");
            }
        }
        Ok(())
    }
}

/// What the projectors of all partitions do: step by step; then all of it made durable and searchable.
async fn project_all(index: &Arc<ElasticSearch>, version: Version, lanes: &Arc<Vec<Lane>>, step: usize) -> Result<Spent> {
    let watch = Stopwatch::start();
    let project = |partition| tokio::spawn(project(index.clone(), version, lanes.clone(), partition, step));
    for task in (0..PARTITIONS).map(project).collect::<Vec<_>>() {
        task.await.context("a projector panicked")??;
    }
    index.flush().await?;
    Ok(watch.spent())
}

async fn project(index: Arc<ElasticSearch>, version: Version, lanes: Arc<Vec<Lane>>, partition: u16, step: usize) -> Result<()> {
    let lane = lanes.get(usize::from(partition)).map_or(&[][..], Vec::as_slice);
    let mut next = 0;
    for posts in lane.chunks(step) {
        let write = |(offset, post): (u64, &SearchDocument)| SearchWrite { offset, change: SearchChange::Put(post.clone()) };
        let writes = (next..).zip(posts).map(write).collect();
        next += posts.len() as u64;
        let checkpoint = Checkpoint { generation: 1, next, validity: Validity::default() };
        index.apply(version, PartitionId(partition), writes, checkpoint).await?;
    }
    Ok(())
}
