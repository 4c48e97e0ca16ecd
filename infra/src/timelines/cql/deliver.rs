//! Delivering: posts and removals of a step, packed by reader and window of ids, one row each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use schemas::AccountId;

use super::Core;
use super::block::{ENTRIES_MAX, Item, window_of};
use super::parcel;
use super::shelf::Listener;
use crate::cql::CqlFailure;
use crate::timelines::{TimelineError, TimelineOp};

/// Deliveries gathered in memory before they are written, 48 bytes each.
const GATHERED_MAX: usize = 200_000;
/// Authors whose audiences are read in one request, most of which is what a request costs: most audiences are small.
const AUTHORS_TOGETHER: usize = 16;
/// Such requests at once.
const READS_AT_ONCE: usize = 16;
/// Writes made ready at once.
const BLOCKS_AT_ONCE: usize = 4_096;

/// Something for somebody. In the order of what is written together; so what is delivered again makes the same blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delivered {
    listener: Listener,
    window: i64,
    item: Item,
}

impl Delivered {
    fn is_of_block(&self, other: &Self) -> bool {
        self.listener == other.listener && self.window == other.window
    }
}

fn item_of(op: &TimelineOp) -> Option<Item> {
    match op {
        TimelineOp::Posted(entry) => Some(Item { entry: *entry, removed: false }),
        TimelineOp::Removed(entry) => Some(Item { entry: *entry, removed: true }),
        // Reads ask the view whom the reader follows.
        TimelineOp::Followed { .. } | TimelineOp::Unfollowed { .. } => None,
    }
}

impl Core {
    pub(super) async fn deliver(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        let mut of_authors: BTreeMap<AccountId, Vec<Item>> = BTreeMap::new();
        for item in ops.iter().filter_map(item_of) {
            of_authors.entry(item.entry.author).or_default().push(item);
        }
        // Both kinds of knowledge are as of before the audiences are read.
        self.shared.recent(&self.tables).await?;
        of_authors.retain(|author, _| !self.shared.is_settled(*author));
        let now = Instant::now();
        let mut gathered = Vec::new();
        let mut unknown = Vec::new();
        for (author, items) in of_authors {
            // What is taken away is taken from everybody who has it, also from those to whom another process brought it just now.
            let is_taken = items.iter().any(|item| item.removed);
            match self.audiences.get(author, now).filter(|_| !is_taken) {
                Some(audience) => self.gather(&mut gathered, &audience, &items).await?,
                None => unknown.push((author, items)),
            }
        }
        let mut unknown = unknown.into_iter();
        let parcels = std::iter::from_fn(move || {
            let some: Vec<(AccountId, Vec<Item>)> = unknown.by_ref().take(AUTHORS_TOGETHER).collect();
            (!some.is_empty()).then_some(some)
        });
        let reads = parcels.map(|some| async move { self.read_audiences(&some).await.map(|audiences| (audiences, some)) });
        // In the order of authors: what is delivered again is cut alike.
        let mut audiences = stream::iter(reads).buffered(READS_AT_ONCE);
        while let Some((audiences, some)) = audiences.try_next().await.map_err(TimelineError::from)? {
            for (audience, (_, items)) in audiences.iter().zip(&some) {
                self.gather(&mut gathered, audience, items).await?;
            }
        }
        Ok(self.write(gathered).await?)
    }

    /// Adds what goes to each of an audience; writes, if that is enough for once.
    async fn gather(&self, gathered: &mut Vec<Delivered>, audience: &[Listener], items: &[Item]) -> Result<(), CqlFailure> {
        for listener in audience {
            gathered.extend(items.iter().map(|item| self.delivered(*listener, *item)));
            if gathered.len() >= GATHERED_MAX {
                self.write(std::mem::take(gathered)).await?;
            }
        }
        Ok(())
    }

    /// Everybody to whom the posts of each author are pushed. An author with too many is pulled from now on, and pushed until all know.
    async fn read_audiences(&self, authors: &[(AccountId, Vec<Item>)]) -> Result<Vec<Arc<[Listener]>>, CqlFailure> {
        let (began, authors): (Instant, Vec<AccountId>) = (Instant::now(), authors.iter().map(|(author, _)| *author).collect());
        let mut audiences = Vec::with_capacity(authors.len());
        for (author, audience) in authors.iter().zip(self.tables.audiences(&authors).await?) {
            if audience.len() as u64 > self.options.pull_above {
                self.shared.pull(&self.tables, *author).await?;
            }
            let audience: Arc<[Listener]> = audience.into();
            self.audiences.put(*author, began, audience.clone());
            audiences.push(audience);
        }
        Ok(audiences)
    }

    /// Something for somebody, and where it lies.
    pub(super) fn delivered(&self, listener: Listener, item: Item) -> Delivered {
        Delivered { listener, window: window_of(item.entry.post, self.options.window_bits), item }
    }

    /// Packs deliveries and writes them.
    pub(super) async fn write(&self, mut gathered: Vec<Delivered>) -> Result<(), CqlFailure> {
        gathered.sort_unstable();
        let blocks: Vec<&[Delivered]> = gathered.chunk_by(Delivered::is_of_block).flat_map(|block| block.chunks(ENTRIES_MAX)).collect();
        metrics::counter!("roost_timeline_deliveries_total").increment(gathered.len() as u64);
        metrics::counter!("roost_timeline_blocks_total").increment(blocks.len() as u64);
        for some in blocks.chunks(BLOCKS_AT_ONCE) {
            let rows = some.iter().filter_map(|block| {
                let first = block.first()?;
                Some(parcel::row(first.listener, first.window, block.iter().map(|delivered| delivered.item), self.options.rest_s()))
            });
            self.tables.put_blocks(rows).await?;
        }
        Ok(())
    }
}
