//! Commits: a refresh makes searchable what was applied, then the checkpoints that speak of it are written. And the sweep of tombstones.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::bulk::{self, Write, Written};
use super::client::{Call, Method, PATIENT, WRITE_TIME_MAX};
use super::documents::{self, Document};
use super::names;
use crate::search::SearchError;
use crate::views::Version;

/// How long a failed commit waits for the next try.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a tombstone is kept: longer than any write can be on its way.
const TOMBSTONE_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often tombstones are swept by one process.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// Tombstones that are taken away at once.
const SWEEP_PAGE: usize = 1_000;
/// Pages of one sweep.
const SWEEP_PAGES_MAX: usize = 1_000;

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Vec<Tombstone>,
}

#[derive(Deserialize)]
struct Tombstone {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_version")]
    version: u64,
}

impl Shared {
    /// Milliseconds since 1970.
    pub(super) fn now_ms() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// When what is applied to a version now is to be committed.
    pub(super) fn due(&self, number: u32) -> Instant {
        let serves = self.state.lock().resolve(Version::Live) == Some(number);
        Instant::now() + if serves { self.options.commit_after } else { self.options.build_commit_after }
    }

    /// Makes what was applied to a version searchable, then writes its checkpoints.
    pub(super) async fn commit(&self, number: u32) -> Result<(), SearchError> {
        let _committing = self.committing.lock().await;
        let pending = self.state.lock().pending(number);
        if pending.is_empty() {
            return Ok(());
        }
        if !self.refresh(number).await? {
            self.state.lock().forget(number);
            return Ok(());
        }
        let mut writes = Vec::new();
        for (partition, at) in &pending {
            // A checkpoint at offset 0 stands before the first record: any later one replaces it.
            let version = names::document_version(at.generation, at.next)?;
            writes.push(Write { id: documents::checkpoint_id(*partition), version, document: Some(Document::checkpoint(at)) });
        }
        match bulk::send(&self.client, &self.names.any(number), writes).await? {
            Written::All => {
                let due = self.due(number);
                self.state.lock().committed(number, &pending, due);
            }
            Written::NoAlias => self.state.lock().forget(number),
        }
        Ok(())
    }

    /// Says whether the version is there.
    pub(super) async fn refresh(&self, number: u32) -> Result<bool, SearchError> {
        let call = Call::new(Method::Post, format!("/{}/_refresh", self.names.any(number))).within(WRITE_TIME_MAX);
        let reply = self.client.call(call, PATIENT).await?;
        if reply.status == 404 {
            return Ok(false);
        }
        reply.expect_success("refresh").map(|_| true)
    }

    /// Takes tombstones away that were written before `before_ms`; says how many.
    pub(super) async fn sweep(&self, before_ms: u64) -> Result<u64, SearchError> {
        let number = self.resolve_now(Version::Live).await?;
        let alias = self.names.any(number);
        let body = json!({
            "query": { "bool": { "filter": [{ "term": { "kind": "gone" } }, { "range": { "gone_ms": { "lt": before_ms } } }] } },
            "size": SWEEP_PAGE,
            "version": true,
            "track_total_hits": false,
            "_source": false,
            "sort": ["_doc"],
        });
        let mut swept = 0;
        for _ in 0..SWEEP_PAGES_MAX {
            if !self.refresh(number).await? {
                break;
            }
            let call = Call::new(Method::Post, format!("/{alias}/_search")).json(&body);
            let found: Found = self.client.call(call, PATIENT).await?.expect_success("list tombstones")?.parse()?;
            let page = found.hits.hits;
            let (count, is_last) = (page.len() as u64, page.len() < SWEEP_PAGE);
            let writes = page.into_iter().map(|found| Write { id: found.id, version: found.version, document: None }).collect();
            if bulk::send(&self.client, &alias, writes).await? == Written::NoAlias {
                break;
            }
            swept += count;
            if is_last {
                break;
            }
        }
        Ok(swept)
    }
}

/// Commits what is due, for as long as the index is open.
pub(super) async fn commit_when_due(shared: Arc<Shared>) {
    // Processes that start together do not sweep together.
    let mut sweep_at = Instant::now() + SWEEP_EVERY.mul_f64(rand::random());
    loop {
        let due = shared.state.lock().next_due();
        match due {
            None => shared.wake.notified().await,
            Some((_, at)) if at > Instant::now() => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                () = shared.wake.notified() => {}
            },
            Some((number, _)) => {
                if let Err(error) = shared.commit(number).await {
                    tracing::warn!(%error, number, "could not commit the search index, trying again");
                    shared.state.lock().postpone(number, Instant::now() + TRY_AGAIN_AFTER);
                }
            }
        }
        if Instant::now() >= sweep_at {
            sweep_at = Instant::now() + SWEEP_EVERY;
            let age = u64::try_from(TOMBSTONE_AGE.as_millis()).unwrap_or(u64::MAX);
            match shared.sweep(Shared::now_ms().saturating_sub(age)).await {
                Ok(count) => tracing::info!(count, "swept tombstones of the search index"),
                Err(error) => tracing::warn!(%error, "could not sweep tombstones of the search index"),
            }
        }
    }
}
