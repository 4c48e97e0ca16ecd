//! The contract of the notices port as tests: every adapter passes all of them, memory is the reference.
//!
//! An adapter's own tests call [`check`] with a function that makes a new feed; see `memory.rs`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemas::PartitionId;
use tokio::time::timeout;

use super::{Heard, Notice, Notices, SLOTS_MAX, Subscription};

/// Opens one feed as another process does: all that it opens are one feed.
pub type Join = Arc<dyn Fn() -> BoxFuture<'static, Arc<dyn Notices>> + Send + Sync>;

/// Makes a feed that shares nothing with any made before.
pub type Fresh<'a> = &'a (dyn Fn() -> Join + Sync);

/// Far beyond what any step takes; a step that never ends must fail, not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the whole contract.
pub async fn check(fresh: Fresh<'_>) {
    every_follower_hears_all_in_order(fresh).await;
    what_is_published_after_subscribing_is_heard(fresh).await;
    hearing_may_be_given_up(fresh).await;
    notices_come_as_they_were_published(fresh).await;
    publishers_do_not_disturb_one_another(fresh).await;
    a_gap_is_never_silent(fresh).await;
    a_follower_that_leaves_disturbs_nobody(fresh).await;
}

/// A notice that can be told from all others of its publisher.
fn numbered(publisher: u16, number: u64) -> Notice {
    Notice { slots: Some(vec![publisher.into()]), next: vec![(PartitionId(publisher), number)] }
}

/// The publisher and the number of a notice made by [`numbered`].
fn number(notice: &Notice) -> (u16, u64) {
    let first = notice.next.first().expect("a numbered notice");
    (first.0.0, first.1)
}

async fn subscribe(feed: &Arc<dyn Notices>) -> Box<dyn Subscription> {
    soon(feed.subscribe()).await.expect("there is a feed to follow")
}

async fn publish(feed: &Arc<dyn Notices>, notice: Notice) {
    soon(feed.publish(notice)).await.expect("the notice is published");
}

async fn hear(place: &mut Box<dyn Subscription>) -> Heard {
    soon(place.hear()).await.expect("something is heard")
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it does not take for ever")
}

async fn every_follower_hears_all_in_order(fresh: Fresh<'_>) {
    let join = fresh();
    let (feed, other) = (join().await, join().await);
    let mut places = [subscribe(&feed).await, subscribe(&other).await];
    for count in 0..200 {
        publish(&feed, numbered(1, count)).await;
    }
    for place in &mut places {
        for count in 0..200 {
            assert_eq!(hear(place).await, Heard::Notice(numbered(1, count)));
        }
    }
}

async fn what_is_published_after_subscribing_is_heard(fresh: Fresh<'_>) {
    let join = fresh();
    let feed = join().await;
    for round in 0..20 {
        publish(&feed, numbered(1, 2 * round)).await;
        let mut place = subscribe(&feed).await;
        publish(&feed, numbered(1, 2 * round + 1)).await;
        // What came before may be heard as well; what came after is not left out.
        let heard = match hear(&mut place).await {
            Heard::Notice(notice) if notice == numbered(1, 2 * round) => hear(&mut place).await,
            other => other,
        };
        assert_eq!(heard, Heard::Notice(numbered(1, 2 * round + 1)));
    }
}

async fn hearing_may_be_given_up(fresh: Fresh<'_>) {
    let join = fresh();
    let feed = join().await;
    let mut place = subscribe(&feed).await;
    let publishing = tokio::spawn(async move {
        for count in 0..100 {
            publish(&feed, numbered(1, count)).await;
        }
        feed
    });
    for count in 0..100 {
        let heard = loop {
            if let Ok(heard) = timeout(Duration::from_micros(50), place.hear()).await {
                break heard.expect("something is heard");
            }
        };
        assert_eq!(heard, Heard::Notice(numbered(1, count)));
    }
    publishing.await.expect("all are published");
}

async fn notices_come_as_they_were_published(fresh: Fresh<'_>) {
    let join = fresh();
    let feed = join().await;
    let mut place = subscribe(&feed).await;
    // Slots as far apart as they can be, so that the largest notice is as large as it can be.
    let step = u32::MAX / SLOTS_MAX as u32;
    let largest = Notice {
        slots: Some((1..=SLOTS_MAX as u32).map(|slot| slot * step).collect()),
        next: (0..256).map(|partition| (PartitionId(partition), u64::MAX - u64::from(partition))).collect(),
    };
    let all = Notice { slots: None, next: vec![(PartitionId(3), 8)] };
    for notice in [Notice { slots: Some(vec![]), next: vec![] }, all, largest, numbered(1, 1)] {
        publish(&feed, notice.clone()).await;
        assert_eq!(hear(&mut place).await, Heard::Notice(notice));
    }
}

async fn publishers_do_not_disturb_one_another(fresh: Fresh<'_>) {
    let join = fresh();
    let feed = join().await;
    let mut place = subscribe(&feed).await;
    let publishers = (0..4).map(|publisher| {
        let join = join.clone();
        tokio::spawn(async move {
            let feed = join().await;
            for count in 0..50 {
                publish(&feed, numbered(publisher, count)).await;
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let mut heard = [0; 4];
    for _ in 0..200 {
        let Heard::Notice(notice) = hear(&mut place).await else { panic!("nothing was missed") };
        let (publisher, count) = number(&notice);
        let expected = heard.get_mut(usize::from(publisher)).expect("one of the four");
        assert_eq!(count, *expected, "of publisher {publisher}");
        *expected += 1;
    }
    for publisher in publishers {
        publisher.await.expect("all are published");
    }
}

/// A follower that does not listen for a long time hears all, or is told that it did not.
async fn a_gap_is_never_silent(fresh: Fresh<'_>) {
    let join = fresh();
    let feed = join().await;
    let mut place = subscribe(&feed).await;
    let count = 3_000;
    for first in (0..count).step_by(100) {
        let some = (first..first + 100).map(|number| feed.publish(numbered(1, number)));
        for published in soon(futures_util::future::join_all(some)).await {
            published.expect("the notice is published");
        }
    }
    let (mut next, mut missed) = (0, false);
    while next < count {
        match hear(&mut place).await {
            Heard::Missed => missed = true,
            Heard::Notice(notice) => {
                let (_, number) = number(&notice);
                assert!(number == next || number > next && missed, "{number} comes in place of {next}, and nobody says so");
                (next, missed) = (number + 1, false);
            }
        }
    }
}

async fn a_follower_that_leaves_disturbs_nobody(fresh: Fresh<'_>) {
    let join = fresh();
    let feed = join().await;
    let mut stays = subscribe(&feed).await;
    for count in 0..10 {
        let leaves = subscribe(&feed).await;
        publish(&feed, numbered(1, count)).await;
        drop(leaves);
        assert_eq!(hear(&mut stays).await, Heard::Notice(numbered(1, count)));
    }
}
