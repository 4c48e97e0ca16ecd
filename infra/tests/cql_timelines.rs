//! Home timelines on a real CQL server: the port's contract under every policy that makes sense there, and processes beside each other.

mod cql_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cql_support::{Keyspaces, with_keyspaces};
use infra::clock::Clock;
use infra::cql::CqlClient;
use infra::timelines::contract::{self, TestClock};
use infra::timelines::cql::{CqlTimelineOptions, CqlTimelines};
use infra::timelines::ring::Policy;
use infra::timelines::{Delivery, Entry, MemorySource, NaiveTimelines, Stretch, TimelineSource, Timelines};
use schemas::{AccountId, PostId};

/// Runs what waits within a call that does not.
fn now<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// Windows, fills and audiences so small that histories of some hundred posts meet all their edges.
fn small(policy: Policy) -> CqlTimelineOptions {
    let now = Duration::ZERO;
    CqlTimelineOptions { window_bits: 4, fill_entries: 12, shared_age: now, audience_age: now, ..CqlTimelineOptions::of(policy) }
}

async fn opened(
    client: &Arc<CqlClient>,
    source: Arc<dyn TimelineSource>,
    clock: TestClock,
    options: CqlTimelineOptions,
) -> Arc<CqlTimelines> {
    let clock: Clock = Arc::new(move || clock.load(Ordering::SeqCst));
    Arc::new(CqlTimelines::open(client.clone(), source, clock, options).await.expect("the schema is there"))
}

/// Every world gets a keyspace of its own that an earlier one has left empty.
async fn check(policy: Policy) {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let fresh = |source: Arc<dyn TimelineSource>, clock: TestClock| -> Arc<dyn Timelines> {
            now(async {
                for table in ["timeline_seats", "timeline_audience", "timeline_shelves", "timeline_shared"] {
                    client.run_once(&format!("TRUNCATE KS.{table}")).await.expect("empties");
                }
                opened(&client, source, clock, small(policy)).await
            })
        };
        contract::check(&fresh).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushing_everything_keeps_the_contract() {
    check(Policy::PushAll).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushing_and_pulling_keeps_the_contract() {
    check(Policy::Threshold { followers: 4 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pulling_everything_keeps_the_contract() {
    check(Policy::PullAll).await;
}

fn entry(author: u64, post: u64) -> Entry {
    Entry { post: PostId(post), author: AccountId(author), flags: 0 }
}

/// Reads until the author's posts are pushed to the reader: who sits down in the background has a seat a little later, and who reads while
/// an earlier turn lasts gets none by it.
async fn until_pushed(timelines: &CqlTimelines, reader: AccountId, author: AccountId) {
    for _ in 0..500 {
        timelines.home(reader, Stretch { limit: 1, ..Stretch::default() }).await.expect("reads");
        if timelines.delivery(reader, author).await.expect("tells") == Delivery::Push {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("reader {reader} got no seat");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_answer_alike() {
    check_processes(small(Policy::Threshold { followers: 3 })).await;
}

/// Readers sit down in the background meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_keep_audiences_answer_alike() {
    check_processes(CqlTimelineOptions { audience_age: Duration::from_millis(50), ..small(Policy::Threshold { followers: 3 }) }).await;
}

/// One process delivers, two others read: they answer what the reference answers, whoever seated the reader.
async fn check_processes(options: CqlTimelineOptions) {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let (source, clock) = (Arc::new(MemorySource::new()), TestClock::default());
        let mut processes = Vec::new();
        for _ in 0..3 {
            processes.push(opened(&client, source.clone(), clock.clone(), options).await);
        }
        let [projector, one, other] = &processes[..] else { panic!("three were opened") };
        let naive = NaiveTimelines::new(source.clone());
        let reader = AccountId(1);
        for author in 2..6 {
            projector.apply(&[source.follow(reader, AccountId(author))]).await.expect("applies");
        }
        let stretch = Stretch { limit: 20, ..Stretch::default() };
        for post in 1..=60 {
            let op = match post % 11 {
                0 => source.remove(entry(2 + (post - 4) % 5, post - 4)),
                _ => source.post(entry(2 + post % 5, post)),
            };
            projector.apply(&[op]).await.expect("applies");
            if post == 30 {
                projector.apply(&[source.follow(reader, AccountId(6))]).await.expect("applies");
            }
            if post == 45 {
                // A second reader of the same authors, and more: some of them are pulled from now on.
                for author in 2..6 {
                    for reader in 10..14 {
                        projector.apply(&[source.follow(AccountId(reader), AccountId(author))]).await.expect("applies");
                        until_pushed(other, AccountId(reader), AccountId(author)).await;
                    }
                }
            }
            let expected = naive.home(reader, stretch).await.expect("reads");
            let by = if post % 2 == 0 { one } else { other };
            assert_eq!(by.home(reader, stretch).await.expect("reads"), expected, "after post {post}");
        }
        until_pushed(one, reader, AccountId(6)).await;
        assert_eq!(one.home(reader, stretch).await.expect("reads"), naive.home(reader, stretch).await.expect("reads"));
        assert_eq!(one.delivery(reader, AccountId(3)).await.expect("tells"), Delivery::Pull);
        other.reset().await.expect("resets");
        assert_eq!(one.delivery(reader, AccountId(6)).await.expect("tells"), Delivery::Pull);
        assert_eq!(one.home(reader, stretch).await.expect("reads"), naive.home(reader, stretch).await.expect("reads"));
        until_pushed(one, reader, AccountId(6)).await;
        assert_eq!(one.home(reader, stretch).await.expect("reads"), naive.home(reader, stretch).await.expect("reads"));
    })
    .await;
}

/// What was pushed is read from blocks: the lists are not asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_warm_page_needs_no_lists() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let source = Arc::new(MemorySource::new());
        let timelines = opened(&client, source.clone(), TestClock::default(), small(Policy::PushAll)).await;
        let reader = AccountId(1);
        source.follow(reader, AccountId(2));
        assert!(timelines.home(reader, Stretch { limit: 5, ..Stretch::default() }).await.expect("reads").is_empty());
        let ops: Vec<_> = (1..=40).map(|post| source.post(entry(2, post))).collect();
        timelines.apply(&ops).await.expect("applies");
        for post in 1..=40 {
            // Gone from the list, without a word to the timelines.
            source.remove(entry(2, post));
        }
        let page = timelines.home(reader, Stretch { limit: 40, ..Stretch::default() }).await.expect("reads");
        assert_eq!(page.iter().map(|entry| entry.post.0).collect::<Vec<_>>(), (1..=40).rev().collect::<Vec<_>>());
    })
    .await;
}
