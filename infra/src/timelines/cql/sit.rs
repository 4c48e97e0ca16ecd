//! Sitting down: a reader who reads is made an audience of, then filled from the author lists; and a seat learns of new followees.

use futures_util::FutureExt;
use rustc_hash::FxHashSet;
use schemas::{AccountId, PostId};

use super::Core;
use super::block::Item;
use super::seat::Seat;
use super::shared::Shared;
use super::shelf::Listener;
use crate::cql::{Work, all};
use crate::timelines::{Entry, Stretch, TimelineError};

/// What a fill brought, and above which post it is all there is.
struct Filled {
    entries: Vec<Entry>,
    floor: PostId,
}

/// The floor below the oldest entry kept.
fn just_below(entry: &Entry) -> PostId {
    PostId(entry.post.0.saturating_sub(1))
}

impl Core {
    /// Makes a seat for a reader of these authors. Nothing of it shows before it is whole.
    pub(super) async fn sit(&self, reader: AccountId, authors: &[AccountId], shared: &Shared) -> Result<Seat, TimelineError> {
        let authors: Vec<AccountId> = authors.iter().copied().filter(|author| !shared.pulled.contains(author)).collect();
        let (listener, made_ms) = (self.shelves.place(reader, rand::random), (self.clock)());
        self.subscribe(listener, &authors).await?;
        let kept = self.options.fill_entries;
        let lists = self.source.author_lists(&authors, Stretch { limit: kept, ..Stretch::default() }).await?;
        let mut entries: Vec<Entry> = lists.into_iter().flatten().collect();
        entries.sort_unstable_by(|one, other| other.cmp(one));
        entries.truncate(kept);
        let floor = match entries.last() {
            Some(oldest) if entries.len() == kept => just_below(oldest),
            _ => PostId(0),
        };
        self.fill(listener, &entries).await?;
        let seat = Seat { shelf: listener.shelf, round: shared.round, made_ms, floor, authors };
        self.tables.put_seat(reader, &seat, self.options.life_s()).await?;
        Ok(seat)
    }

    /// Adds authors to a seat, where there are any that it has not.
    pub(super) async fn learn(&self, reader: AccountId, seat: Seat, authors: &[AccountId], shared: &Shared) -> Result<Seat, TimelineError> {
        let is_new = |author: &AccountId| !seat.has(*author) && !shared.pulled.contains(author);
        let news: Vec<AccountId> = authors.iter().copied().filter(is_new).collect();
        if news.is_empty() {
            return Ok(seat);
        }
        let listener = Listener { shelf: seat.shelf, reader };
        self.subscribe(listener, &news).await?;
        let filled = self.above(&news, seat.floor).await?;
        self.fill(listener, &filled.entries).await?;
        let authors: FxHashSet<AccountId> = seat.authors.iter().chain(&news).copied().collect();
        let mut authors: Vec<AccountId> = authors.into_iter().collect();
        authors.sort_unstable();
        let seat = Seat { authors, floor: seat.floor.max(filled.floor), ..seat };
        let rest_ms = seat.made_ms.saturating_add(self.options.seat_life_ms).saturating_sub((self.clock)());
        // It ends when it would have ended.
        let ttl_s = i32::try_from(rest_ms / 1_000).unwrap_or(i32::MAX).max(1);
        self.tables.put_seat(reader, &seat, ttl_s).await?;
        Ok(seat)
    }

    /// The authors' lists above a post; where one is longer than a fill, only from a higher floor on.
    async fn above(&self, authors: &[AccountId], floor: PostId) -> Result<Filled, TimelineError> {
        let stretch = Stretch { above: Some(floor), limit: self.options.fill_entries, ..Stretch::default() };
        let lists = self.source.author_lists(authors, stretch).await?;
        let full = lists.iter().filter(|list| list.len() == stretch.limit);
        let floor = full.filter_map(|list| list.last()).map(just_below).max().unwrap_or(floor);
        Ok(Filled { entries: lists.into_iter().flatten().collect(), floor })
    }

    /// Enters the audiences of the authors; once it returns, everything of theirs that is not in the lists is delivered to the listener.
    async fn subscribe(&self, listener: Listener, authors: &[AccountId]) -> Result<(), TimelineError> {
        let ttl_s = self.options.rest_s();
        let mut work: Vec<Work<'_, ()>> = Vec::with_capacity(authors.len());
        for author in authors {
            work.push(self.tables.put_audience(*author, listener, ttl_s).boxed());
        }
        all(work).await?;
        let settling = self.options.settling();
        if !settling.is_zero() {
            tokio::time::sleep(settling).await;
        }
        Ok(())
    }

    async fn fill(&self, listener: Listener, entries: &[Entry]) -> Result<(), TimelineError> {
        let delivered = entries.iter().map(|entry| self.delivered(listener, Item { entry: *entry, removed: false }));
        Ok(self.write(delivered.collect()).await?)
    }
}
