//! When what was answered has been delivered: every record of the log by the views' progress, and samples by what readers see.
//!
//! An answer says that a post is durable. It has settled once all views hold it and every ring has it; the progress of the views says so
//! for each partition, since timelines are written before it moves. Delays are as exact as the time between two looks, four milliseconds.

use super::super::http::client;
use super::super::report::{latencies, micros};
use super::world::World;
use super::writing::{Written, post_id, request};
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use infra::search::{Item, SearchQuery, StatusQuery};
use queries::PageAsk;
use schemas::{AccountId, PartitionId, PostId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whoever settles later does not count.
pub(super) const SETTLED_WITHIN: Duration = Duration::from_secs(2);
/// How often the log and the views are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// How often a reader looks for a post.
const POLL_EVERY: Duration = Duration::from_millis(1);
/// How often a post is followed on its way.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// How long a post is looked for before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Delays from the log to the views, each counted once per record.
pub(super) struct Settled {
    pub(super) delays_us: Histogram<u64>,
    /// Records that settled too late.
    pub(super) late: u64,
}

impl Settled {
    pub(super) fn new() -> Self {
        Self { delays_us: latencies(), late: 0 }
    }

    /// The share of records that settled in time.
    pub(super) fn in_time(&self) -> f64 {
        1.0 - self.late as f64 / self.delays_us.len().max(1) as f64
    }

    pub(super) fn add(&mut self, other: &Self) -> Result<()> {
        self.late += other.late;
        Ok(self.delays_us.add(&other.delays_us)?)
    }
}

/// Watches until told to stop, and then until everything has settled.
pub(super) async fn watch(world: Arc<World>, stop: Arc<AtomicBool>) -> Result<Settled> {
    let (log, progress) = (&world.node.ports.log, &world.node.ports.progress);
    let partitions: Vec<PartitionId> = log.layout().partition_ids().collect();
    let mut waiting: Vec<(u64, VecDeque<(Instant, u64)>)> = Vec::new();
    for partition in &partitions {
        waiting.push((log.bounds(*partition).await?.end, VecDeque::new()));
    }
    let mut settled = Settled::new();
    loop {
        let is_over = stop.load(Ordering::Relaxed);
        for (partition, (seen, ends)) in partitions.iter().zip(&mut waiting) {
            let (end, now) = (log.bounds(*partition).await?.end, Instant::now());
            if ends.back().map_or(*seen, |(_, last)| *last) < end {
                ends.push_back((now, end));
            }
            let next = progress.next(*partition);
            while let Some((since, end)) = ends.front().copied().filter(|(_, end)| *end <= next) {
                let (delay, records) = (now.duration_since(since), end - *seen);
                settled.delays_us.saturating_record_n(micros(delay), records);
                settled.late += if delay > SETTLED_WITHIN { records } else { 0 };
                *seen = end;
                ends.pop_front();
            }
            ensure!(ends.front().is_none_or(|(since, _)| since.elapsed() < PATIENCE), "the views stand still in partition {partition}");
        }
        if is_over && waiting.iter().all(|(_, ends)| ends.is_empty()) {
            return Ok(settled);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Delays of samples, from the sending of a post until somebody sees it.
pub(super) struct Seen {
    pub(super) by_author_us: Histogram<u64>,
    pub(super) by_follower_us: Histogram<u64>,
    pub(super) by_search_us: Histogram<u64>,
    pub(super) posts: u64,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { by_author_us: latencies(), by_follower_us: latencies(), by_search_us: latencies(), posts: 0 }
    }

    pub(super) fn add(&mut self, other: &Self) -> Result<()> {
        self.posts += other.posts;
        self.by_author_us.add(&other.by_author_us)?;
        self.by_follower_us.add(&other.by_follower_us)?;
        Ok(self.by_search_us.add(&other.by_search_us)?)
    }
}

/// Posts now and then, and follows each post on its way: to the author's home, a follower's home, and the search index.
pub(super) async fn probe(world: Arc<World>, address: SocketAddr, written: Arc<Written>, stop: Arc<AtomicBool>) -> Result<Seen> {
    let mut seen = Seen::new();
    let mut searching = tokio::task::JoinSet::new();
    for reader in world.readers.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let Some(author) = reader.followees.get(seen.posts as usize % reader.followees.len().max(1)).copied() else { continue };
        let member = world.members.get(author as usize).context("every account is open")?;
        let word = format!("probe{:x}", written.next_probe());
        let asked = request("/api/v1/statuses", &member.token, &format!("a post that is followed on its way, {word}"));
        let began = Instant::now();
        let post = post_id(&client::once(address, &asked).await?)?;
        written.add(post, author);
        searching.spawn(find(world.clone(), word, post, began));
        let (home, follower) = (see(&world, member.id, post, began), see(&world, world.id(reader.account), post, began));
        let (by_author, by_follower) = tokio::try_join!(home, follower)?;
        seen.by_author_us.saturating_record(micros(by_author));
        seen.by_follower_us.saturating_record(micros(by_follower));
        seen.posts += 1;
        tokio::time::sleep(PROBE_EVERY).await;
    }
    while let Some(found) = searching.join_next().await {
        seen.by_search_us.saturating_record(micros(found.context("a search panicked")??));
    }
    Ok(seen)
}

/// Reads a home until the post is there.
pub(in crate::bench) async fn see(world: &World, reader: AccountId, post: PostId, began: Instant) -> Result<Duration> {
    let mark = format!("\"id\":\"{post}\"");
    while began.elapsed() < PATIENCE {
        let ask = PageAsk { max_id: Some(post.0 + 1), ..PageAsk::newest(1) };
        let page = world.node.queries.home(reader, ask).await?;
        if memchr::memmem::find(&page.items.to_bytes(), mark.as_bytes()).is_some() {
            return Ok(began.elapsed());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    anyhow::bail!("post {post} did not reach the home of account {reader}")
}

/// Searches until the post is found.
pub(in crate::bench) async fn find(world: Arc<World>, word: String, post: PostId, began: Instant) -> Result<Duration> {
    while began.elapsed() < PATIENCE {
        let query = StatusQuery { text: word.clone(), limit: 1, ..StatusQuery::default() };
        if world.node.stores.search.search(SearchQuery::Statuses(query)).await? == [Item::Status(post)] {
            return Ok(began.elapsed());
        }
        tokio::time::sleep(10 * POLL_EVERY).await;
    }
    anyhow::bail!("post {post} was not found by search")
}
