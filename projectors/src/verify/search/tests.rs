//! Random histories and planted faults: every one is found, whatever the size of a pass.

use infra::log::ReadLimits;
use infra::search::SearchWrite;
use infra::search::memory::MemorySearch;
use infra::views::memory::MemoryViews;
use schemas::PostId;
use schemas::events::{HandleChanged, Profile, ProfileChanged};

use super::*;
use crate::search::SearchSink;
use crate::testing::history::{self, home_of, post};
use crate::testing::{LAYOUT, World};

const ANA: AccountId = AccountId(1);

/// A log, and an index that has come as far as `ends` of each partition says.
async fn indexed(world: &World, until: impl Fn(PartitionId) -> Offset) -> Arc<dyn SearchIndex> {
    let views = Arc::new(MemoryViews::new());
    world.project(&views, 100).await;
    let search = Arc::new(MemorySearch::new());
    for partition in LAYOUT.partition_ids() {
        let (search, views) = (search.clone(), views.clone());
        let mut sink = SearchSink { search, views, version: Version::Live, generation: 1, partition, progress: None, lag: None };
        let mut tail = Tail::new(world.log.clone(), partition, ReadLimits { records: 5, bytes: 1 << 20 });
        tail.catch_up(&mut sink, until(partition)).await.unwrap();
    }
    search
}

async fn verified(world: &World, search: &Arc<dyn SearchIndex>, items_max: usize) -> Verified {
    let log: Arc<dyn EventLog> = world.log.clone();
    in_passes(&log, &**search, &Gate::default(), ProjectorOptions::default(), items_max).await.unwrap()
}

/// Changes the index behind the log's back.
async fn plant(search: &Arc<dyn SearchIndex>, change: SearchChange) {
    let at = search.checkpoint(Version::Live, PartitionId(0)).await.unwrap().unwrap();
    search.apply(Version::Live, PartitionId(0), vec![SearchWrite { offset: at.next, change }], at).await.unwrap();
}

fn renamed(to: &str) -> [Event; 2] {
    let profile = Profile { display_name: to.to_uppercase(), ..Profile::default() };
    [ProfileChanged { account: ANA, profile }.into(), HandleChanged { account: ANA, from: "u1".into(), to: to.into() }.into()]
}

#[tokio::test]
async fn a_random_history_is_as_the_log_says_in_passes_of_any_size() {
    for seed in 0..4 {
        let world = World::of(&history::random(seed, 150)).await;
        world.append(home_of(ANA), &renamed("ana")).await;
        let search = indexed(&world, |_| u64::MAX).await;
        let held = search.dump(Version::Live, None, usize::MAX).await.unwrap().len() as u64;
        for items_max in [1, 2, 13, usize::MAX] {
            let found = verified(&world, &search, items_max).await;
            assert_eq!((found.rows, found.differences), (held, vec![]), "seed {seed}, passes of {items_max}");
        }
    }
}

#[tokio::test]
async fn planted_faults_are_found() {
    let world = World::of(&history::random(5, 20)).await;
    world.append(home_of(ANA), &[post(ANA, 70)]).await;
    world.append(home_of(ANA), &[post(ANA, 71)]).await;
    let search = indexed(&world, |_| u64::MAX).await;
    let status = |id, text: &str| SearchChange::Put(SearchDocument::Status { id: PostId(id), author: ANA, text: text.to_owned() });
    plant(&search, status(70, "something else")).await;
    plant(&search, status(72, "nobody said so")).await;
    plant(&search, SearchChange::Delete(Item::Status(PostId(71)))).await;
    let nobody = SearchDocument::Account { id: ANA, handle: "nobody".into(), display_name: String::new() };
    plant(&search, SearchChange::Put(nobody)).await;
    plant(&search, SearchChange::Put(SearchDocument::Tag { name: "unused".into() })).await;
    let fault = |key: &str, fault| (key.to_owned(), fault);
    let expected = vec![
        fault("account/1", Fault::Different),
        fault("status/70", Fault::Different),
        fault("status/71", Fault::Missing),
        fault("status/72", Fault::Unexpected),
        fault("tag/unused", Fault::Unexpected),
    ];
    for items_max in [1, 3, usize::MAX] {
        let found = verified(&world, &search, items_max).await;
        let mut told: Vec<_> = found.differences.iter().map(|difference| (difference.key.clone(), difference.fault)).collect();
        told.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        assert_eq!((found.differing, &told), (5, &expected), "passes of {items_max}");
        assert_eq!((found.view.as_str(), found.differences[0].table.as_str()), ("search", "search"));
    }
}

#[tokio::test]
async fn names_that_the_index_took_early_are_no_fault_and_others_are() {
    let world = World::of(&history::random(6, 0)).await;
    let before = world.log.bounds(home_of(ANA)).await.unwrap().end;
    world.append(home_of(ANA), &renamed("ana")).await;
    // The rows have the new names; the index stands before the record that brings them.
    let search = indexed(&world, |partition| if partition == home_of(ANA) { before } else { u64::MAX }).await;
    let early = SearchDocument::Account { id: ANA, handle: "ana".into(), display_name: "ANA".into() };
    let held = search.dump(Version::Live, None, 1).await.unwrap();
    assert_eq!(held, [(early.item(), early.fingerprint())]);
    assert_eq!(verified(&world, &search, usize::MAX).await.differing, 0);
    let other = SearchDocument::Account { id: ANA, handle: "ana".into(), display_name: "ANNA".into() };
    plant(&search, SearchChange::Put(other)).await;
    assert_eq!(verified(&world, &search, usize::MAX).await.differing, 1);
}
