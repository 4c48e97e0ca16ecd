//! A reader's newest home page as it was last put together, with all that it was made of: whoever comes again before any of that has
//! changed gets it again.
//!
//! A page is a function of what the timeline gave, of the rows of the reader and of the posts it looked at, and of the time, which mutes
//! end by. The rows are told by their stamps; the rest is compared. So a remembered page is what would be put together now, and it is
//! forgotten for nothing else. It holds no bytes of its own but for posts that the reader did something with: the others are those of
//! [`crate::caches::Printed`]. See docs/decisions/0015-printed-posts-and-remembered-pages.md.

use std::ops::Range;

use infra::http::Pieces;
use infra::timelines::Entry;
use schemas::UnixMillis;
use schemas::visibility::Reader;

use crate::caches::weight;
use crate::paging::Page;

/// A newest page.
#[derive(Debug)]
pub(crate) struct Remembered {
    limit: usize,
    /// What the timeline gave; the page needed no more of it.
    entries: Vec<Entry>,
    /// When the mutes in force are the same.
    times: Range<UnixMillis>,
    page: Page<Pieces>,
}

const OVERHEAD_BYTES: usize = 512;
/// What a candidate costs at the most: the entry, its post's stamps, and its piece of the page.
const CANDIDATE_BYTES: usize = 192;

/// As if nobody else held the posts' bytes: then that is what it keeps from being freed.
pub(crate) fn weigh(page: &Remembered) -> u32 {
    weight(OVERHEAD_BYTES + page.entries.len() * CANDIDATE_BYTES + page.page.items.len())
}

impl Remembered {
    pub(super) fn new(limit: usize, entries: Vec<Entry>, times: Range<UnixMillis>, page: &Page<Pieces>) -> Self {
        Self { limit, entries, times, page: again(page) }
    }

    /// Whether, its rows unchanged, it is the page to be made of these.
    pub(super) fn is_of(&self, limit: usize, entries: &[Entry], now: UnixMillis) -> bool {
        self.limit == limit && self.times.contains(&now) && self.entries == entries
    }

    pub(super) fn page(&self) -> Page<Pieces> {
        again(&self.page)
    }
}

fn again(page: &Page<Pieces>) -> Page<Pieces> {
    Page { items: page.items.clone(), links: page.links }
}

/// The times at which the same mutes are in force as now.
pub(super) fn mutes_stand(reader: &Reader, now: UnixMillis) -> Range<UnixMillis> {
    let mut times = 0..UnixMillis::MAX;
    for ends in reader.mutes.values().copied().filter(|ends| *ends != 0) {
        if ends > now {
            times.end = times.end.min(ends);
        } else {
            times.start = times.start.max(ends);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use schemas::rows::{InteractionRow, StatusCountRow, keys};
    use schemas::{AccountId, PartitionId, RelationId};

    use super::*;
    use crate::paging::PageAsk;
    use crate::testing::{T0, World, post_id, says};

    const ANA: u64 = 1;
    const BOB: u64 = 2;
    const EVA: u64 = 3;
    const SAM: u64 = 4;

    /// Ana reads Bob, who posts and reblogs Eva; she mutes Sam until [`MUTE_ENDS`].
    async fn world() -> World {
        let world = World::new();
        for account in [ANA, BOB, EVA, SAM] {
            world.account(account, |_| {}).await;
        }
        world.follow(ANA, BOB).await;
        world.follow(ANA, SAM).await;
        world.mute(ANA, SAM, MUTE_ENDS).await;
        world.publish(post_id(1), says(EVA, "from eva")).await;
        world.publish(post_id(2), says(BOB, "from bob")).await;
        world.reblog(post_id(3), BOB, post_id(1), EVA).await;
        world.publish(post_id(4), says(SAM, "from sam")).await;
        world
    }

    const MUTE_ENDS: UnixMillis = T0 + 1_000;

    /// Reads, changes something, and reads again: whether the rows still stand and the page is the same, and that it is the right one.
    async fn check(name: &str, change: impl AsyncFnOnce(&World), stands: bool, same: bool) {
        let world = world().await;
        let ask = PageAsk::newest(2);
        let before = world.side.home(AccountId(ANA), ask).await.unwrap();
        assert_eq!(world.side.home(AccountId(ANA), ask).await.unwrap().items.to_bytes(), before.items.to_bytes());
        change(&world).await;
        assert_eq!(world.side.caches.homes.get(&AccountId(ANA)).is_some(), stands, "{name}");
        for ask in [ask, PageAsk::newest(1), ask] {
            let (found, fresh) =
                (world.side.home(AccountId(ANA), ask).await.unwrap(), world.fresh_side().home(AccountId(ANA), ask).await.unwrap());
            assert_eq!((found.items.to_bytes(), found.links), (fresh.items.to_bytes(), fresh.links), "{name}, {ask:?}");
        }
        let after = world.side.home(AccountId(ANA), ask).await.unwrap();
        assert_eq!((after.items.to_bytes(), after.links) == (before.items.to_bytes(), before.links), same, "{name}");
    }

    #[tokio::test]
    async fn a_page_is_remembered_until_something_it_is_made_of_changes() {
        check("nothing", async |_| {}, true, true).await;
        let favourite = InteractionRow { favourite: Some(RelationId(9)), ..InteractionRow::default() };
        let count = StatusCountRow { replies: 7, ..StatusCountRow::default() };
        check("another reader's mark", async |world| world.interact(BOB, post_id(1), favourite.clone()).await, true, true).await;
        check("a mark", async |world| world.interact(ANA, post_id(1), favourite.clone()).await, false, false).await;
        check("a count", async |world| world.put(keys::status_count(post_id(1), PartitionId(3)), &count).await, false, false).await;
        check("the name of whom it reblogs", async |world| world.account(EVA, |who| who.display_name = "E".to_owned()).await, false, false)
            .await;
        check("the name of a stranger", async |world| world.account(9, |who| who.display_name = "N".to_owned()).await, true, true).await;
        check("an account goes", async |world| world.remove(keys::account(AccountId(BOB))).await, false, false).await;
        check("a block", async |world| world.block(ANA, EVA).await, false, false).await;
        check("being blocked", async |world| world.block(EVA, ANA).await, false, false).await;
        check("no mute", async |world| world.unmute(ANA, SAM).await, false, false).await;
        check("no follow", async |world| world.unfollow(ANA, BOB).await, false, false).await;
        check("a hidden post goes", async |world| world.delete(post_id(4), &says(SAM, "from sam")).await, false, true).await;
        check("a post comes", async |world| world.publish(post_id(5), says(BOB, "more")).await, true, false).await;
        check("a mute has not ended", async |world| world.clock.store(MUTE_ENDS - 1, Ordering::SeqCst), true, true).await;
        check("a mute ends", async |world| world.clock.store(MUTE_ENDS, Ordering::SeqCst), true, false).await;
    }

    #[test]
    fn mutes_stand_between_the_ends_of_two() {
        let check = |ends: &[UnixMillis], now, expected| {
            let mutes = (1..).map(AccountId).zip(ends.iter().copied()).collect();
            let reader = Reader { mutes, ..Reader::default() };
            let times = mutes_stand(&reader, now);
            assert_eq!(times, expected, "{ends:?} at {now}");
            let muted = |at| (1..=ends.len() as u64).map(|whom| reader.mutes(AccountId(whom), at)).collect::<Vec<_>>();
            for at in 0..60 {
                assert!(!times.contains(&at) || muted(at) == muted(now), "{ends:?} at {at}");
            }
        };
        check(&[], 5, 0..UnixMillis::MAX);
        check(&[0], 5, 0..UnixMillis::MAX);
        check(&[10, 20, 0, 50], 15, 10..20);
        check(&[10, 20, 0, 50], 20, 20..50);
        check(&[10, 20], 9, 0..10);
        check(&[10, 20], 20, 20..UnixMillis::MAX);
    }
}
