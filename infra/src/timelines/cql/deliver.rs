//! Delivering: posts and removals of a step, packed by reader and window of ids, one row each.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use rustc_hash::FxHashMap;
use schemas::AccountId;

use super::CqlTimelines;
use super::block::{ENTRIES_MAX, Item, window_of};
use super::tables::{AUDIENCE_PAGE, Block, Listener};
use crate::cql::CqlFailure;
use crate::timelines::{TimelineError, TimelineOp};

/// Deliveries gathered in memory before they are written, 24 bytes each and their share of the map.
const GATHERED_MAX: usize = 200_000;
/// Authors whose audience is read at once.
const AUTHORS_AT_ONCE: usize = 64;
/// Writes made ready at once.
const BLOCKS_AT_ONCE: usize = 4_096;

/// What is to be written: by reader and window.
type Gathered = FxHashMap<(Listener, i64), Vec<Item>>;

fn delivered(op: &TimelineOp) -> Option<Item> {
    match op {
        TimelineOp::Posted(entry) => Some(Item { entry: *entry, removed: false }),
        TimelineOp::Removed(entry) => Some(Item { entry: *entry, removed: true }),
        // Reads ask the view whom the reader follows.
        TimelineOp::Followed { .. } | TimelineOp::Unfollowed { .. } => None,
    }
}

impl CqlTimelines {
    pub(super) async fn deliver(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        let mut of_authors: BTreeMap<AccountId, Vec<Item>> = BTreeMap::new();
        for item in ops.iter().filter_map(delivered) {
            of_authors.entry(item.entry.author).or_default().push(item);
        }
        // Both kinds of knowledge are as of before the audiences are read.
        self.shared.recent(&self.tables).await?;
        of_authors.retain(|author, _| !self.shared.is_settled(*author));
        let mut gathered = Gathered::default();
        let mut count = 0;
        let reads =
            of_authors.into_iter().map(|(author, items)| async move { self.audience(author).await.map(|audience| (audience, items)) });
        // In the order of authors: what is delivered again makes the same blocks.
        let mut audiences = stream::iter(reads).buffered(AUTHORS_AT_ONCE);
        while let Some((audience, items)) = audiences.try_next().await.map_err(TimelineError::from)? {
            for listener in audience {
                for item in &items {
                    gathered.entry((listener, window_of(item.entry.post, self.options.window_bits))).or_default().push(*item);
                }
                count += items.len();
                if count >= GATHERED_MAX {
                    self.write(std::mem::take(&mut gathered)).await?;
                    count = 0;
                }
            }
        }
        Ok(self.write(gathered).await?)
    }

    /// Everybody to whom the author's posts are pushed. An author with too many is pulled from now on, and pushed until all know.
    async fn audience(&self, author: AccountId) -> Result<Vec<Listener>, CqlFailure> {
        let mut audience = self.tables.audience(author, None).await?;
        let mut last = audience.len();
        while last == AUDIENCE_PAGE {
            let more = self.tables.audience(author, audience.last().copied()).await?;
            last = more.len();
            audience.extend(more);
        }
        if audience.len() as u64 > self.options.pull_above {
            self.shared.pull(&self.tables, author).await?;
        }
        Ok(audience)
    }

    pub(super) async fn write(&self, gathered: Gathered) -> Result<(), CqlFailure> {
        let deliveries: usize = gathered.values().map(Vec::len).sum();
        let mut blocks = Vec::with_capacity(gathered.len());
        for ((listener, window), items) in &gathered {
            blocks.extend(items.chunks(ENTRIES_MAX).map(|items| Block { listener: *listener, window: *window, items }));
        }
        metrics::counter!("roost_timeline_deliveries_total").increment(deliveries as u64);
        metrics::counter!("roost_timeline_blocks_total").increment(blocks.len() as u64);
        for some in blocks.chunks(BLOCKS_AT_ONCE) {
            self.tables.put_blocks(some, self.options.rest_s()).await?;
        }
        Ok(())
    }

    /// Packs items for one reader.
    pub(super) fn gather(&self, listener: Listener, items: impl Iterator<Item = Item>) -> Gathered {
        let mut gathered = Gathered::default();
        for item in items {
            gathered.entry((listener, window_of(item.entry.post, self.options.window_bits))).or_default().push(item);
        }
        gathered
    }
}
