//! Posts that are followed on their way, sent at a set pace whether those before have been seen or not.

use super::super::pipeline::rate::Writers;
use super::super::post::settle::{find, see};
use super::super::report::{latencies, micros};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use schemas::PostId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How far the posts lie apart.
const PROBE_EVERY: Duration = Duration::from_millis(20);

/// Names the posts of all probes of this process.
static PROBES: AtomicU64 = AtomicU64::new(0);

/// From when each post was due until somebody saw it.
pub(super) struct Seen {
    pub(super) by_author_us: Histogram<u64>,
    pub(super) by_follower_us: Histogram<u64>,
    pub(super) by_search_us: Histogram<u64>,
}

/// Follows posts for so long: to the author's home, a follower's, and the search index. None of them is by `except`.
pub(super) async fn probe(writers: &Arc<Writers>, except: u32, time: Duration) -> Result<Seen> {
    let mut seen = Seen { by_author_us: latencies(), by_follower_us: latencies(), by_search_us: latencies() };
    let (began, mut posts, mut count) = (Instant::now(), JoinSet::new(), 0_u32);
    for reader in writers.world.readers.iter().cycle() {
        let due = began + count * PROBE_EVERY;
        if due >= began + time {
            break;
        }
        let others: Vec<u32> = reader.followees.iter().copied().filter(|author| *author != except).collect();
        count += 1;
        // Nobody to see: its turn passes.
        let Some(author) = others.get(count as usize % others.len().max(1)).copied() else { continue };
        tokio::time::sleep_until(due.into()).await;
        posts.spawn(follow(writers.clone(), author, reader.account, due));
        while let Some(one) = posts.try_join_next() {
            seen.add(one.context("a probe panicked")??);
        }
    }
    while let Some(one) = posts.join_next().await {
        seen.add(one.context("a probe panicked")??);
    }
    Ok(seen)
}

impl Seen {
    fn add(&mut self, [by_author, by_follower, by_search]: [Duration; 3]) {
        self.by_author_us.saturating_record(micros(by_author));
        self.by_follower_us.saturating_record(micros(by_follower));
        self.by_search_us.saturating_record(micros(by_search));
    }
}

async fn follow(writers: Arc<Writers>, author: u32, follower: u32, due: Instant) -> Result<[Duration; 3]> {
    let word = format!("probe{:x}", PROBES.fetch_add(1, Ordering::Relaxed));
    let planned = writers.mix.post_of(author, &word);
    let receipt = writers.bus.execute(planned.envelope).await?;
    writers.mix.heard(planned.about, receipt.id);
    let (world, post) = (&writers.world, PostId(receipt.id));
    let (home, search) = (see(world, world.id(author), post, due), find(world.clone(), word, post, due));
    let (by_author, by_follower, by_search) = tokio::try_join!(home, see(world, world.id(follower), post, due), search)?;
    Ok([by_author, by_follower, by_search])
}
