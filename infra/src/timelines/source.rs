//! Follow lists and author lists of the live views: what timelines are computed from in a deployment.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use schemas::rows::{AccountStatsRow, EntryRow, KeyPart, PeerRow, Table, codec, keys};
use schemas::{AccountId, PostId};
use serde::de::DeserializeOwned;

use super::{Entry, Stretch, TimelineError, TimelineSource};
use crate::views::{Scan, Version, ViewError, ViewStore};

/// Follows read at once.
const PAGE: usize = 1_000;
/// Author lists read at once.
const LISTS_AT_ONCE: usize = 64;

/// The source of timelines over a view store.
pub struct ViewSource {
    views: Arc<dyn ViewStore>,
}

impl ViewSource {
    /// Makes a source that reads the live versions.
    pub fn new(views: Arc<dyn ViewStore>) -> Self {
        Self { views }
    }
}

fn failed(error: ViewError) -> TimelineError {
    match error {
        ViewError::Retryable(cause) => TimelineError::Retryable(cause),
        other => TimelineError::Fatal(other.to_string()),
    }
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, TimelineError> {
    codec::decode(bytes).map_err(|error| TimelineError::Fatal(error.to_string()))
}

#[async_trait]
impl TimelineSource for ViewSource {
    async fn followees(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        let mut followees = Vec::new();
        let mut above: Option<KeyPart> = None;
        loop {
            let scan = Scan { table: Table::FolloweeList, pk: keys::id(reader.0), above, below: None, descending: false, limit: PAGE };
            let page = self.views.scan(Version::Live, scan).await.map_err(failed)?;
            for (_, bytes) in &page {
                followees.push(decoded::<PeerRow>(bytes)?.account);
            }
            match page.last() {
                Some((sk, _)) if page.len() == PAGE => above = Some(sk.clone()),
                _ => return Ok(followees),
            }
        }
    }

    async fn followers_count(&self, author: AccountId) -> Result<u64, TimelineError> {
        let rows = self.views.get(Version::Live, &[keys::account_stats(author)]).await.map_err(failed)?;
        match rows.into_iter().flatten().next() {
            Some(bytes) => Ok(decoded::<AccountStatsRow>(&bytes)?.followers),
            None => Ok(0),
        }
    }

    async fn author_list(&self, author: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let scan = Scan {
            table: Table::AuthorList,
            pk: keys::id(author.0),
            above: stretch.above.map(|post| keys::id(post.0)),
            below: stretch.below.map(|post| keys::id(post.0)),
            descending: !stretch.ascending,
            limit: stretch.limit,
        };
        let rows = self.views.scan(Version::Live, scan).await.map_err(failed)?;
        let mut entries = Vec::with_capacity(rows.len());
        for (sk, bytes) in rows {
            let post = keys::id_of(&sk).ok_or_else(|| TimelineError::Fatal("a key of an author list is damaged".into()))?;
            let row: EntryRow = decoded(&bytes)?;
            entries.push(Entry { post: PostId(post), author: row.author, flags: row.flags });
        }
        Ok(entries)
    }

    async fn author_lists(&self, authors: &[AccountId], stretch: Stretch) -> Result<Vec<Vec<Entry>>, TimelineError> {
        let lists = authors.iter().map(|author| self.author_list(*author, stretch)).collect::<Vec<_>>();
        stream::iter(lists).buffered(LISTS_AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::ViewBatch;
    use crate::views::memory::MemoryViews;
    use schemas::ids::RelationId;
    use schemas::rows::{RowKey, RowWrite};
    use serde::Serialize;

    const ANA: AccountId = AccountId(1);

    fn put(key: RowKey, row: &impl Serialize) -> RowWrite {
        RowWrite { key, value: Some(codec::encode(row)), offset: 0 }
    }

    async fn source(writes: Vec<RowWrite>) -> ViewSource {
        let views = Arc::new(MemoryViews::new());
        views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
        ViewSource::new(views)
    }

    #[tokio::test]
    async fn all_follows_are_read_page_by_page() {
        let peers = (1..=2_500_u64).map(|n| (RelationId(n), AccountId(n + 10)));
        let row = |(relation, account)| put(keys::listed(Table::FolloweeList, ANA, relation), &PeerRow { account });
        let source = source(peers.map(row).collect()).await;
        let expected: Vec<_> = (11..=2_510).map(AccountId).collect();
        assert_eq!(source.followees(ANA).await.unwrap(), expected);
        assert_eq!(source.followees(AccountId(2)).await.unwrap(), []);
        assert_eq!(source.followers_count(ANA).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn author_lists_are_read_both_ways() {
        let row = |post| put(keys::author_list(ANA, PostId(post)), &EntryRow { author: ANA, flags: 3 });
        let source = source((1..=9).map(row).collect()).await;
        let stretch = Stretch { below: Some(PostId(8)), above: Some(PostId(2)), ascending: false, limit: 3 };
        let posts = |entries: Vec<Entry>| entries.iter().map(|entry| entry.post.0).collect::<Vec<_>>();
        assert_eq!(posts(source.author_list(ANA, stretch).await.unwrap()), [7, 6, 5]);
        let ascending = Stretch { ascending: true, ..stretch };
        assert_eq!(posts(source.author_list(ANA, ascending).await.unwrap()), [3, 4, 5]);
    }
}
