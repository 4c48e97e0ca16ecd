//! The loop over ports in memory: the same rows whatever the batches, the interleaving and the repetitions.

use std::sync::Arc;
use std::time::Duration;

use infra::timelines::Stretch;
use infra::views::memory::MemoryViews;
use infra::views::{Version, ViewBatch, ViewStore};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schemas::AccountId;
use schemas::events::{FollowConfirmed, FollowRequested};
use schemas::ids::RelationId;
use schemas::log::{Position, RecordHeader};
use schemas::rows::View;

use crate::batch::beginning;
use crate::testing::history::{self, home_of};
use crate::testing::{LAYOUT, PARTITIONS, World, dump};
use crate::{ProjectError, ProjectorOptions, Projectors};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(work)
}

/// Steps the partitions in a random order by random batch sizes.
async fn project_shuffled(world: &World, views: &Arc<MemoryViews>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut loops: Vec<_> = LAYOUT.partition_ids().map(|p| world.live(views, p, rng.random_range(1..9))).collect();
    while !loops.is_empty() {
        let index = rng.random_range(0..loops.len());
        let (tail, group) = &mut loops[index];
        if tail.step(group, None).await.expect("memory does not fail") == 0 {
            loops.swap_remove(index);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_do_not_depend_on_batches_interleaving_or_repetition(seed in any::<u64>()) {
        block_on(async {
            let world = World::of(&history::random(seed, 150)).await;
            let (whole, shuffled) = (Arc::new(MemoryViews::new()), Arc::new(MemoryViews::new()));
            world.project(&whole, 1_000).await;
            project_shuffled(&world, &shuffled, seed).await;
            let expected = dump(&whole).await;
            assert_eq!(dump(&shuffled).await, expected);
            // Duplicate delivery: all checkpoints back to the beginning, rows as they are.
            let checkpoints = LAYOUT.partition_ids().flat_map(|p| View::PROJECTED.map(|view| (view, p, beginning(1)))).collect();
            shuffled.commit(Version::Live, ViewBatch { writes: Vec::new(), checkpoints }).await.expect("memory does not fail");
            project_shuffled(&world, &shuffled, seed ^ 1).await;
            assert_eq!(dump(&shuffled).await, expected, "after all was delivered twice");
        });
    }
}

#[tokio::test]
async fn a_view_that_is_ahead_skips_what_it_has() {
    let world = World::of(&history::random(3, 60)).await;
    let (whole, views) = (Arc::new(MemoryViews::new()), Arc::new(MemoryViews::new()));
    world.project(&whole, 100).await;
    world.project(&views, 7).await;
    let behind = LAYOUT.partition_ids().map(|p| (View::Statuses, p, beginning(1))).collect();
    views.commit(Version::Live, ViewBatch { writes: Vec::new(), checkpoints: behind }).await.expect("memory does not fail");
    world.project(&views, 5).await;
    assert_eq!(dump(&views).await, dump(&whole).await);
}

#[tokio::test]
async fn void_records_change_nothing() {
    let world = World::of(&history::random(5, 30)).await;
    let (clean, views) = (Arc::new(MemoryViews::new()), Arc::new(MemoryViews::new()));
    world.project(&clean, 100).await;
    let (partition, events) = &history::random(6, 1)[1];
    let zombie = RecordHeader {
        kind: schemas::log::RecordKind::Command,
        epoch: 0,
        writer: schemas::log::WriterId(0),
        sequence: 9,
        command_id: schemas::log::CommandId(0),
        actor: AccountId(0),
        time_ms: 0,
        causation: schemas::log::CommandId(0),
        trace: schemas::log::TraceContext::default(),
    };
    world.log.inject(*partition, zombie, schemas::log::body::encode(events).expect("they encode")).expect("an open log");
    world.project(&views, 10).await;
    assert_eq!(dump(&views).await, dump(&clean).await);
}

#[tokio::test]
async fn a_running_service_follows_the_log_and_tells_readers() {
    let world = World::new().await;
    let views = Arc::new(MemoryViews::new());
    let ports = world.ports(&views);
    let projectors = Projectors::start(ports.clone(), ProjectorOptions::default());
    let (ana, bob) = (AccountId(1), AccountId(2));
    let relation = RelationId(9);
    let wish = FollowRequested { account: ana, target: bob, relation, reblogs: true, notify: false, languages: Vec::new() };
    world.append(home_of(ana), &[wish.into(), FollowConfirmed { account: ana, target: bob, relation }.into()]).await;
    let offset = world.append(home_of(bob), &[history::post(bob, 77)]).await;
    let position = Position { generation: 1, partition: home_of(bob), offset };
    assert!(ports.progress.wait(&[position], Duration::from_secs(5)).await);
    let home = ports.timelines.home(ana, Stretch { limit: 5, ..Stretch::default() }).await.expect("memory does not fail");
    assert_eq!(home.iter().map(|entry| entry.post.0).collect::<Vec<_>>(), [77]);
    projectors.shutdown().await.expect("it stops");
    for partition in LAYOUT.partition_ids() {
        let checkpoint = views.checkpoint(Version::Live, View::Accounts, partition).await.expect("memory does not fail");
        assert!(checkpoint.is_some_and(|at| at.next > 0), "partition {partition} of {PARTITIONS}");
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_generation_stops_loudly() {
    let world = World::new().await;
    let views = Arc::new(MemoryViews::new());
    let checkpoints = vec![(View::Accounts, schemas::PartitionId(0), beginning(7))];
    views.commit(Version::Live, ViewBatch { writes: Vec::new(), checkpoints }).await.expect("memory does not fail");
    let projectors = Projectors::start(world.ports(&views), ProjectorOptions::default());
    let failure = tokio::time::timeout(Duration::from_secs(5), projectors.failed()).await.expect("it stops");
    assert!(matches!(*failure, ProjectError::Generation { found: 7, expected: 1, .. }), "{failure}");
}

/// Never done with a stretch.
struct Stuck;

#[async_trait::async_trait]
impl super::Sink for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    async fn load(&mut self) -> Result<schemas::rows::Checkpoint, crate::error::Trouble> {
        Ok(beginning(1))
    }

    async fn take(&mut self, _batch: &crate::batch::Batch) -> Result<(), crate::error::Trouble> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_does_not_keep_the_process_from_stopping() {
    let world = World::new().await;
    let tail = super::Tail::new(world.log.clone(), schemas::PartitionId(0), ProjectorOptions::default().limits());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let gate = super::Gate::default();
    let mut sink = Stuck;
    let (ended, ()) = tokio::join!(tail.follow(&mut sink, &gate, stopped), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send_replace(true);
    });
    assert!(ended.is_ok());
}
