//! Posts into a real Elasticsearch: through the search port, as projectors apply their steps, beside a bare loader that sends the same
//! documents to an index of the same mappings in plain `_bulk` requests of as many documents, with as many requests in flight.
//!
//! The port commits as it does in service, four times a second: it refreshes and writes checkpoints. The loader refreshes once, at its
//! end. Each side fills a fresh index in each turn. Both indexes must hold all posts, the sampled ones alike, or the bench fails.

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
/// Posts of one step of a projector, and of one request.
const STEP_POSTS: usize = 512;
/// Accounts who wrote them.
const AUTHORS: u32 = 100_000;
const T0_MS: u64 = 1_700_000_000_000;
/// Posts that both indexes are asked for.
const SAMPLED_POSTS: usize = 20;
/// The index of the bare loader.
const BARE: &str = "bare";

/// Posts of one partition, the oldest first.
type Lane = Vec<SearchDocument>;

/// Starts Elasticsearch, measures, and ends it.
pub(super) fn run(args: &SearchArgs, runs: u32, report: &mut Report) -> Result<()> {
    ensure!(args.documents >= u32::from(PARTITIONS), "there is nothing to index");
    let lanes: Arc<Vec<Lane>> = Arc::new(posts(args.documents));
    let loader = Loader::new(&lanes)?;
    let cluster = Cluster::up(&Options { kinds: vec![Kind::Elastic], brokers: 1 })?;
    let server = Server::new(cluster.address(Kind::Elastic).context("Elasticsearch was started")?);
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let mut found = Found::default();
    for turn in 0..=runs {
        let url = format!("elastic://{}/port{turn}?replicas=0&shards=1", server.address);
        let index = ElasticSearch::new(url.parse::<ElasticUrl>().map_err(anyhow::Error::msg)?, ElasticOptions::default())?;
        let index = Arc::new(index);
        let port = || runtime.block_on(fill(&index, &lanes));
        // Neither side has the server to itself first in all turns.
        let (of_bare, of_port) = if turn % 2 == 0 {
            let bare = loader.fill(&server, BARE)?;
            (bare, port()?)
        } else {
            let port = port()?;
            (loader.fill(&server, BARE)?, port)
        };
        compare(&server, &format!("port{turn}"), &lanes)?;
        // What is left of a turn must not slow the next one.
        runtime.block_on(index.remove_everything())?;
        server.delete(BARE)?;
        // The first turn warms up.
        if turn > 0 {
            found.add(f64::from(args.documents), (of_port, of_bare));
        }
    }
    cluster.down()?;
    found.tell(args, report);
    Ok(())
}

#[derive(Default)]
struct Found {
    port_per_s: Vec<f64>,
    bare_per_s: Vec<f64>,
    documents: f64,
    port_cpu_s: f64,
    bare_cpu_s: f64,
}

impl Found {
    fn add(&mut self, documents: f64, (port, bare): (Spent, Spent)) {
        self.port_per_s.push(documents / port.wall.as_secs_f64());
        self.bare_per_s.push(documents / bare.wall.as_secs_f64());
        self.documents += documents;
        self.port_cpu_s += port.cpu.as_secs_f64();
        self.bare_cpu_s += bare.cpu.as_secs_f64();
    }

    fn tell(self, args: &SearchArgs, report: &mut Report) {
        report.note("search_server", "Elasticsearch 7.17.29, one node on this machine, whose processor time both sides share");
        let method = format!(
            "{} posts of workload W1 a turn in fresh indexes of one shard, {STEP_POSTS} in a request, {PARTITIONS} requests in flight; the \
             port refreshes and writes checkpoints every 250 ms, the loader, whose requests are made before, refreshes once at its end",
            args.documents
        );
        report.note("search_method", method);
        report.add_spread("search_port", "_per_s", &self.port_per_s);
        report.add_spread("search_bulk_loader", "_per_s", &self.bare_per_s);
        report.add_spread("search_port_of_bulk_loader", "_ratio", &ratios(&self.port_per_s, &self.bare_per_s));
        report.add("search_port_cpu_s_per_million", self.port_cpu_s * 1e6 / self.documents);
        report.add("search_bulk_loader_cpu_s_per_million", self.bare_cpu_s * 1e6 / self.documents);
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

/// What the projectors of all partitions do: step by step; then all of it made durable and searchable.
async fn fill(index: &Arc<ElasticSearch>, lanes: &Arc<Vec<Lane>>) -> Result<Spent> {
    // Makes the index, before anything is timed.
    index.versions().await?;
    let watch = Stopwatch::start();
    let tasks: Vec<_> = (0..PARTITIONS).map(|partition| tokio::spawn(project(index.clone(), lanes.clone(), partition))).collect();
    for task in tasks {
        task.await.context("a projector panicked")??;
    }
    index.flush().await?;
    Ok(watch.spent())
}

async fn project(index: Arc<ElasticSearch>, lanes: Arc<Vec<Lane>>, partition: u16) -> Result<()> {
    let lane = lanes.get(usize::from(partition)).map_or(&[][..], Vec::as_slice);
    let mut next = 0;
    for step in lane.chunks(STEP_POSTS) {
        let write = |(offset, post): (u64, &SearchDocument)| SearchWrite { offset, change: SearchChange::Put(post.clone()) };
        let writes = (next..).zip(step).map(write).collect();
        next += step.len() as u64;
        let checkpoint = Checkpoint { generation: 1, next, validity: Validity::default() };
        index.apply(Version::Live, PartitionId(partition), writes, checkpoint).await?;
    }
    Ok(())
}

/// Both indexes hold all posts, and what they hold of some is the same.
fn compare(server: &Server, port: &str, lanes: &[Lane]) -> Result<()> {
    let posts = lanes.iter().map(Vec::len).sum::<usize>() as u64;
    let (of_port, of_bare) = (server.count_posts(port)?, server.count_posts(BARE)?);
    ensure!(of_port == posts && of_bare == posts, "of {posts} posts, {of_port} are in the port's index and {of_bare} in the loader's");
    for lane in lanes {
        for post in lane.iter().step_by(lane.len().div_ceil(SAMPLED_POSTS)) {
            let id = bare::document_id(post)?;
            let (of_port, of_bare) = (server.document(port, &id)?, server.document(BARE, &id)?);
            ensure!(of_port == of_bare, "{id} is {of_port} in the port's index, {of_bare} in the loader's");
        }
    }
    Ok(())
}
