//! A restart finds the state as it was, whatever the view had of it.

use schemas::commands::{OnPost, Rejection};

use super::*;

#[tokio::test]
async fn the_view_leaves_a_short_tail() {
    use infra::views::Version;
    use schemas::rows::View;

    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    write_side.shutdown().await;
    for partition in LAYOUT.partition_ids() {
        let checkpoint = world.views.checkpoint(Version::Live, View::Decisions, partition).await.expect("readable");
        let end = world.log.bounds(partition).await.expect("readable").end;
        assert_eq!(checkpoint.map(|checkpoint| checkpoint.next), Some(end), "partition {partition}");
    }
}

/// One history, interrupted never, gracefully, or roughly, after each step: the log holds the same events.
#[tokio::test]
async fn interruptions_change_nothing() {
    let mut histories = Vec::new();
    for interrupt in ["never", "gracefully", "roughly"] {
        let world = World::new();
        let mut write_side = world.start_with(small()).await;
        world.register(&write_side, ANA, "ana", false).await;
        world.register(&write_side, BOB, "bob", true).await;
        let mut outcomes = Vec::new();
        for command in history() {
            match interrupt {
                "gracefully" => {
                    write_side.shutdown().await;
                    write_side = world.start_with(small()).await;
                }
                "roughly" => write_side = world.start_with(small()).await,
                _ => {}
            }
            world.now_ms.fetch_add(1, Ordering::Relaxed);
            let outcome = write_side.execute(world.fresh(ANA, command)).await;
            outcomes.push(outcome.map(|receipt| receipt.id));
        }
        histories.push((outcomes, world.events().await));
    }
    assert_eq!(histories[0], histories[1], "gracefully");
    assert_eq!(histories[0], histories[2], "roughly");
    assert!(histories[0].0.contains(&Err(Rejection::PinCap { limit: 1 }.into())));
}

/// So small that rows are dropped from memory and read again all the time.
fn small() -> WriteOptions {
    let limits = crate::domain::Limits { follows_max: 1, pins_max: 1 };
    WriteOptions { state_entries: 16, flush_rows: 1, limits, ..WriteOptions::default() }
}

/// Posts get the ids that the clock gives them: each step takes a millisecond.
fn history() -> Vec<Command> {
    use schemas::ids::Snowflake;

    let partition = ANA.partition(LAYOUT.partitions);
    let made = |step: u64| schemas::PostId::from(Snowflake::new(NOW + step, partition, 0));
    let own = |step| OnPost { account: ANA, post: made(step), author: ANA };
    vec![
        post(ANA, "one"),
        post(ANA, "two"),
        Command::Pin(own(1)),
        Command::Pin(own(2)),
        Command::Unpin(own(1)),
        Command::Pin(own(2)),
        follow(ANA, BOB),
        follow(ANA, AccountId(2)),
        Command::DeletePost(schemas::commands::DeletePost { account: ANA, post: made(2) }),
        Command::Pin(own(1)),
        Command::Favourite(own(1)),
        Command::Favourite(own(2)),
    ]
}

#[tokio::test]
async fn a_view_of_another_log_is_refused() {
    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    write_side.shutdown().await;
    let other = MemoryLog::new(LAYOUT);
    let views = Arc::clone(&world.views);
    let started = WriteSide::start(other, views, world.clock(), WriteOptions::default()).await;
    assert!(matches!(started.err(), Some(StartError::OtherLog { .. })));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    let world = World::new();
    let partition = PartitionId(2);
    let writer = world.log.open_writer(partition, "a newer build").await.expect("the log serves");
    let record = schemas::log::NewRecord {
        command_id: CommandId(1),
        actor: ANA,
        time_ms: NOW,
        causation: CommandId(0),
        trace: TraceContext::default(),
        body: bytes::Bytes::from_static(&[0, 0, 0, 0, 99, 1]),
    };
    writer.append(vec![record]).await.expect("the log serves");
    let (log, views) = (Arc::clone(&world.log), Arc::clone(&world.views));
    let started = WriteSide::start(log, views, world.clock(), WriteOptions::default()).await;
    assert!(matches!(started.err(), Some(StartError::Record { partition: PartitionId(2), offset: 1, .. })));
}
