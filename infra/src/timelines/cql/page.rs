//! Reading: a page from the blocks and the lists of those who are pulled, and below the floor from all lists.

use futures_util::FutureExt;
use rustc_hash::FxHashSet;
use schemas::{AccountId, PostId};

use super::Core;
use super::block::Item;
use super::seat::Seat;
use super::shared::Shared;
use super::shelf::Listener;
use super::tables::{PAGE, Windows, windows_between};
use crate::cql::CqlFailure;
use crate::timelines::{Entry, Stretch, TimelineError};

/// Puts entries into the order of a stretch, each post once, and cuts them to its length.
fn settled(mut entries: Vec<Entry>, stretch: Stretch) -> Vec<Entry> {
    entries.sort_unstable();
    entries.dedup_by_key(|entry| entry.post);
    if !stretch.ascending {
        entries.reverse();
    }
    entries.truncate(stretch.limit);
    entries
}

/// The posts of some blocks of whole windows, less those that are taken away.
fn standing(items: Vec<Item>, wanted: &dyn Fn(&Entry) -> bool) -> Vec<Entry> {
    let removed: FxHashSet<PostId> = items.iter().filter(|item| item.removed).map(|item| item.entry.post).collect();
    let mut entries: Vec<Entry> = items.into_iter().filter(|item| !item.removed).map(|item| item.entry).collect();
    entries.retain(|entry| !removed.contains(&entry.post) && wanted(entry));
    entries.sort_unstable();
    entries.dedup_by_key(|entry| entry.post);
    entries
}

impl Core {
    /// A page of all the authors' lists.
    pub(super) async fn pull(&self, authors: &[AccountId], stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let lists = self.source.author_lists(authors, stretch).await?;
        Ok(settled(lists.into_iter().flatten().collect(), stretch))
    }

    /// A page from a seat that has all authors but those who are pulled.
    pub(super) async fn page(
        &self,
        reader: AccountId,
        seat: &Seat,
        (authors, shared): (&[AccountId], &Shared),
        stretch: Stretch,
    ) -> Result<Vec<Entry>, TimelineError> {
        let starts_below = stretch.ascending && stretch.above.unwrap_or(PostId(0)) < seat.floor;
        if starts_below || stretch.below.is_some_and(|below| below <= seat.floor) {
            return self.pull(authors, stretch).await;
        }
        let upper = Stretch { above: Some(stretch.above.unwrap_or(PostId(0)).max(seat.floor)), ..stretch };
        let pushed: FxHashSet<AccountId> =
            authors.iter().copied().filter(|author| seat.has(*author) && !shared.pulled.contains(author)).collect();
        let others: Vec<AccountId> = authors.iter().copied().filter(|author| !pushed.contains(author)).collect();
        let (entries, lists) = tokio::try_join!(
            self.pushed(Listener { shelf: seat.shelf, reader }, &pushed, upper).boxed(),
            self.pull(&others, upper).boxed()
        )?;
        let mut page = settled(entries.into_iter().chain(lists).collect(), upper);
        // Of an upper part that is short, and reaches down to the floor, the rest is below it.
        let room = stretch.limit - page.len();
        let goes_on = !stretch.ascending && stretch.above.is_none_or(|above| above < seat.floor) && seat.floor > PostId(0);
        if room > 0 && goes_on {
            let lower = Stretch { below: Some(PostId(seat.floor.0.saturating_add(1))), limit: room, ..stretch };
            page.extend(self.pull(authors, lower).await?);
        }
        Ok(page)
    }

    /// At least the first `limit` posts of a stretch that blocks hold of these authors.
    async fn pushed(&self, listener: Listener, authors: &FxHashSet<AccountId>, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let above = stretch.above.unwrap_or(PostId(0));
        let mut windows = windows_between(above, stretch.below, self.options.window_bits, stretch.ascending);
        let mut entries = Vec::new();
        while windows.first <= windows.last && entries.len() < stretch.limit {
            let Some((items, last)) = self.whole_windows(listener, windows).await? else { break };
            let wanted = |entry: &Entry| stretch.holds(entry.post) && authors.contains(&entry.author);
            entries.extend(standing(items, &wanted));
            match (last, stretch.ascending) {
                (None, _) => break,
                (Some(last), true) => windows.first = last.saturating_add(1),
                (Some(last), false) => windows.last = last.saturating_sub(1),
            }
        }
        Ok(entries)
    }

    /// The blocks of the first windows of a stretch, none of them cut, and the last of these windows if there may be more.
    async fn whole_windows(&self, listener: Listener, windows: Windows) -> Result<Option<(Vec<Item>, Option<i64>)>, CqlFailure> {
        let mut blocks = self.tables.blocks(listener, windows).await?;
        let (Some(first), Some(last)) = (blocks.first().map(|block| block.0), blocks.last().map(|block| block.0)) else { return Ok(None) };
        if blocks.len() < PAGE {
            return Ok(Some((blocks.into_iter().flat_map(|(_, items)| items).collect(), None)));
        }
        if first == last {
            return Ok(Some((self.tables.window(listener, first).await?, Some(first))));
        }
        blocks.retain(|(window, _)| *window != last);
        let whole = blocks.last().map(|block| block.0);
        Ok(Some((blocks.into_iter().flat_map(|(_, items)| items).collect(), whole)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(post: u64, removed: bool) -> Item {
        Item { entry: Entry { post: PostId(post), author: AccountId(post % 2), flags: 0 }, removed }
    }

    #[test]
    fn what_is_taken_away_or_not_wanted_does_not_stand() {
        let items = vec![item(5, false), item(3, true), item(4, false), item(3, false), item(5, false), item(9, true)];
        let posts = |wanted: &dyn Fn(&Entry) -> bool| standing(items.clone(), wanted).iter().map(|entry| entry.post.0).collect::<Vec<_>>();
        assert_eq!(posts(&|_| true), [4, 5]);
        assert_eq!(posts(&|entry| entry.author == AccountId(1)), [5]);
    }

    #[test]
    fn pages_are_in_order_without_doubles() {
        let entries = |posts: &[u64]| posts.iter().map(|post| item(*post, false).entry).collect::<Vec<_>>();
        let stretch = Stretch { limit: 3, ..Stretch::default() };
        assert_eq!(settled(entries(&[2, 9, 4, 9, 7]), stretch), entries(&[9, 7, 4]));
        assert_eq!(settled(entries(&[2, 9, 4, 9, 7]), Stretch { ascending: true, ..stretch }), entries(&[2, 4, 7]));
    }
}
