//! Follow sets and author lists in memory: the source of timelines in tests and benches.
//!
//! Every change answers with the operation that tells timelines of it, so "the row first, then the operation" (the port's rule) is one
//! line for its users: `timelines.apply(&[source.post(entry)])`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use parking_lot::RwLock;
use schemas::{AccountId, PostId};

use super::{Entry, Stretch, TimelineError, TimelineOp, TimelineSource};

/// A source of timelines that keeps all rows in memory.
#[derive(Debug, Default)]
pub struct MemorySource {
    rows: RwLock<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    followees: BTreeMap<AccountId, BTreeSet<AccountId>>,
    followers_count: BTreeMap<AccountId, u64>,
    lists: BTreeMap<AccountId, BTreeMap<PostId, Entry>>,
}

impl MemorySource {
    /// Makes a source without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a post into its author's list; one that is there gets the flags given.
    pub fn post(&self, entry: Entry) -> TimelineOp {
        self.rows.write().lists.entry(entry.author).or_default().insert(entry.post, entry);
        TimelineOp::Posted(entry)
    }

    /// Takes a post out of its author's list.
    pub fn remove(&self, entry: Entry) -> TimelineOp {
        self.rows.write().lists.entry(entry.author).or_default().remove(&entry.post);
        TimelineOp::Removed(entry)
    }

    /// Writes a follow.
    pub fn follow(&self, reader: AccountId, author: AccountId) -> TimelineOp {
        let mut rows = self.rows.write();
        if rows.followees.entry(reader).or_default().insert(author) {
            *rows.followers_count.entry(author).or_default() += 1;
        }
        TimelineOp::Followed { reader, author }
    }

    /// Takes a follow away.
    pub fn unfollow(&self, reader: AccountId, author: AccountId) -> TimelineOp {
        let mut rows = self.rows.write();
        if rows.followees.entry(reader).or_default().remove(&author) {
            let count = rows.followers_count.entry(author).or_default();
            *count = count.saturating_sub(1);
        }
        TimelineOp::Unfollowed { reader, author }
    }
}

#[async_trait]
impl TimelineSource for MemorySource {
    async fn followees(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        Ok(self.rows.read().followees.get(&reader).map(|set| set.iter().copied().collect()).unwrap_or_default())
    }

    async fn followers_count(&self, author: AccountId) -> Result<u64, TimelineError> {
        Ok(self.rows.read().followers_count.get(&author).copied().unwrap_or_default())
    }

    async fn author_list(&self, author: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let rows = self.rows.read();
        let Some(list) = rows.lists.get(&author) else { return Ok(Vec::new()) };
        let above = stretch.above.map_or(Bound::Unbounded, Bound::Excluded);
        // One bound by range, the other per entry: a range whose bounds cross would panic.
        let held = list.range((above, Bound::Unbounded)).map(|(_, entry)| *entry);
        if stretch.ascending {
            return Ok(held.take_while(|entry| stretch.holds(entry.post)).take(stretch.limit).collect());
        }
        let below = stretch.below.map_or(Bound::Unbounded, Bound::Excluded);
        let held = list.range((Bound::Unbounded, below)).rev().map(|(_, entry)| *entry);
        Ok(held.take_while(|entry| stretch.holds(entry.post)).take(stretch.limit).collect())
    }
}
