//! Rebuilds, verification and dead letters over ports in memory.

use std::time::Duration;

use infra::views::ViewBatch;
use infra::views::memory::MemoryViews;
use parking_lot::Mutex;
use schemas::AccountId;
use schemas::events::{Event, Profile, ProfileChanged};
use schemas::rows::{AccountRow, LetterCause, RowWrite, codec, keys};

use super::*;
use crate::testing::history::{self, home_of};
use crate::testing::{LAYOUT, World, dump};
use crate::verify::{Fault, verify};
use crate::{Projectors, Release};

const ANA: AccountId = AccountId(1);

fn ports(world: &World, views: &Arc<MemoryViews>) -> RebuildPorts {
    RebuildPorts { log: world.log.clone(), views: views.clone(), search: None, timelines: None }
}

async fn verify_all(world: &World, views: &Arc<MemoryViews>) -> u64 {
    let (log, views): (Arc<dyn EventLog>, Arc<dyn ViewStore>) = (world.log.clone(), views.clone());
    let mut differing = 0;
    for view in View::PROJECTED {
        differing += verify(&log, &views, ProjectorOptions::default(), view).await.expect("memory does not fail").differing;
    }
    differing
}

#[tokio::test]
async fn a_rebuild_makes_the_same_rows_and_mends_what_was_damaged() {
    let world = World::of(&history::random(11, 200)).await;
    let views = Arc::new(MemoryViews::new());
    world.project(&views, 50).await;
    let expected = dump(&views).await;
    assert_eq!(verify_all(&world, &views).await, 0);
    let (stray, lost) = (keys::account(AccountId(99)), keys::account(ANA));
    let writes = vec![RowWrite { key: stray, value: Some(codec::encode(&())), offset: 0 }, RowWrite { key: lost, value: None, offset: 0 }];
    views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.expect("memory does not fail");
    let (log, store): (Arc<dyn EventLog>, Arc<dyn ViewStore>) = (world.log.clone(), views.clone());
    let found = verify(&log, &store, ProjectorOptions::default(), View::Accounts).await.expect("memory does not fail");
    let faults: Vec<_> = found.differences.iter().map(|difference| (difference.table.as_str(), difference.fault)).collect();
    assert_eq!(faults, [("account", Fault::Unexpected), ("account", Fault::Missing)]);
    let heard = Mutex::new(Vec::new());
    let report = |done: Done| heard.lock().push(done);
    let records = rebuild(&ports(&world, &views), ProjectorOptions::default(), &Target::all(), &report).await.expect("it rebuilds");
    assert_eq!(dump(&views).await, expected);
    assert_eq!(views.versions(View::Accounts).await.expect("known").live, 2);
    assert_eq!(heard.lock().last(), Some(&Done { records, total: records }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_under_writes_loses_nothing() {
    let history = history::random(12, 400);
    let (first, rest) = history.split_at(history.len() / 4);
    let world = Arc::new(World::of(first).await);
    let views = Arc::new(MemoryViews::new());
    let options = ProjectorOptions { batch_records: 3, ..ProjectorOptions::default() };
    let ports = world.ports(&views);
    let projectors = Projectors::start(ports.clone(), options);
    let writer = {
        let (world, rest) = (world.clone(), rest.to_vec());
        tokio::spawn(async move {
            for (partition, events) in rest {
                world.append(partition, &events).await;
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        })
    };
    for _ in 0..5 {
        projectors.rebuild(&[Target::View(View::Statuses), Target::View(View::Relations)], &|_| ()).await.expect("it rebuilds");
    }
    writer.await.expect("it writes");
    for partition in LAYOUT.partition_ids() {
        let offset = world.log.bounds(partition).await.expect("an open log").end - 1;
        let position = schemas::log::Position { generation: 1, partition, offset };
        assert!(ports.progress.wait(&[position], Duration::from_secs(10)).await, "partition {partition} goes on after the swaps");
    }
    projectors.shutdown().await.expect("it stops");
    let whole = Arc::new(MemoryViews::new());
    world.project(&whole, 100).await;
    assert_eq!(dump(&views).await, dump(&whole).await);
    assert_eq!(views.versions(View::Statuses).await.expect("known").live, 6);
}

fn noted(account: AccountId, note: &str) -> Event {
    ProfileChanged { account, profile: Profile { note: note.into(), ..Profile::default() } }.into()
}

async fn note_of(views: &MemoryViews, account: AccountId) -> String {
    let rows = views.get(Version::Live, &[keys::account(account)]).await.expect("memory does not fail");
    let row: AccountRow = codec::decode(rows[0].as_ref().expect("it is there")).expect("it is whole");
    row.profile.note
}

/// A row that nothing can decode makes the projection of what reads it panic.
async fn damage(views: &MemoryViews, account: AccountId) -> RowWrite {
    let key = keys::account(account);
    let good = views.get(Version::Live, std::slice::from_ref(&key)).await.expect("memory does not fail").remove(0);
    let bad = RowWrite { key: key.clone(), value: Some(vec![1, 255].into()), offset: 0 };
    views.commit(Version::Live, ViewBatch { writes: vec![bad], checkpoints: Vec::new() }).await.expect("memory does not fail");
    RowWrite { key, value: good, offset: 0 }
}

#[tokio::test]
async fn poison_holds_back_its_own_keys_only_until_released() {
    let world = World::of(&history::random(13, 0)).await;
    let views = Arc::new(MemoryViews::new());
    world.project(&views, 50).await;
    let good = damage(&views, ANA).await;
    let neighbour = (2..7).map(AccountId).find(|account| home_of(*account) == home_of(ANA)).expect("accounts share partitions");
    let poison = world.append(home_of(ANA), &[noted(ANA, "one")]).await;
    let held = world.append(home_of(ANA), &[noted(ANA, "two")]).await;
    world.append(home_of(ANA), &[noted(neighbour, "free")]).await;
    world.project(&views, 1).await;
    assert_eq!(note_of(&views, neighbour).await, "free");
    let letters = letters::list(&*views).await.expect("memory does not fail");
    let seen: Vec<_> = letters.iter().map(|letter| (letter.view, letter.offset, letter.cause == LetterCause::Held)).collect();
    assert_eq!(seen, [(View::Accounts, poison, false), (View::Accounts, held, true)]);

    let projectors = Projectors::start(world.ports(&views), ProjectorOptions::default());
    let place = (View::Accounts, home_of(ANA), poison);
    let again = projectors.release(place, Release::Retry).await.expect("it is tried");
    assert_eq!((again.applied, again.remaining), (0, 2), "nothing is mended yet");
    assert!(projectors.release((View::Accounts, home_of(ANA), held), Release::Retry).await.is_err(), "it waits for another");
    views.commit(Version::Live, ViewBatch { writes: vec![good], checkpoints: Vec::new() }).await.expect("memory does not fail");
    let done = projectors.release(place, Release::Retry).await.expect("it is released");
    assert_eq!((done.applied, done.remaining), (2, 0));
    assert_eq!(note_of(&views, ANA).await, "two");
    projectors.shutdown().await.expect("it stops");
    assert_eq!(verify_all(&world, &views).await, 0);
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_is_given_up_and_what_it_held_follows() {
    let world = World::of(&history::random(13, 0)).await;
    let views = Arc::new(MemoryViews::new());
    let poison = world.append_body(home_of(ANA), ANA, vec![0, 0, 0, 0, 9].into()).await;
    world.append(home_of(ANA), &[noted(ANA, "after")]).await;
    world.project(&views, 50).await;
    assert_eq!(note_of(&views, ANA).await, "");
    let letters = letters::list(&*views).await.expect("memory does not fail");
    assert_eq!(letters.iter().filter(|letter| letter.offset == poison).count(), View::PROJECTED.len(), "no view can read it");
    let projectors = Projectors::start(world.ports(&views), ProjectorOptions::default());
    for view in View::PROJECTED {
        let done = projectors.release((view, home_of(ANA), poison), Release::Discard).await.expect("it is given up");
        assert_eq!((done.applied, done.remaining), (1, 0), "{}", view.name());
    }
    projectors.shutdown().await.expect("it stops");
    assert_eq!(note_of(&views, ANA).await, "after");
    assert_eq!(letters::list(&*views).await.expect("memory does not fail"), []);
}
