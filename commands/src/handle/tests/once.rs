//! Exactly once, under repetition and concurrency.

use schemas::commands::Rejection;

use super::*;

#[tokio::test]
async fn a_repetition_gets_the_first_answer() {
    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    let command = world.fresh(ANA, post(ANA, "hi"));
    let first = write_side.execute(command.clone()).await.expect("accepted");
    let again = write_side.execute(repeated(&command)).await.expect("accepted");
    assert_eq!(again, Receipt { repeated: true, ..first });
    assert_eq!(world.count("PostPublished").await, 1);
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_after_flushes_and_restarts() {
    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    let command = world.fresh(ANA, post(ANA, "hi"));
    let first = write_side.execute(command.clone()).await.expect("accepted");
    // One folded from the log, one read from the view, one read from the view by a write side that never saw it.
    drop(write_side);
    let folded = world.start().await;
    assert_eq!(folded.execute(repeated(&command)).await, Ok(Receipt { repeated: true, ..first.clone() }));
    folded.shutdown().await;
    let read = world.start().await;
    assert_eq!(read.execute(repeated(&command)).await, Ok(Receipt { repeated: true, ..first.clone() }));
    world.now_ms.fetch_add(20 * 3_600_000, Ordering::Relaxed);
    assert_eq!(read.execute(repeated(&command)).await, Ok(Receipt { repeated: true, ..first }));
    assert_eq!(world.count("PostPublished").await, 1);
}

#[tokio::test]
async fn what_was_rejected_or_changed_nothing_leaves_no_record() {
    let world = World::new();
    let write_side = world.start().await;
    let command = world.fresh(ANA, post(ANA, "hi"));
    assert_eq!(write_side.execute(command.clone()).await, Err(Rejection::NotFound.into()));
    world.register(&write_side, ANA, "ana", false).await;
    let records = world.events().await;
    let rejected = world.fresh(ANA, follow(ANA, ANA));
    assert_eq!(write_side.execute(rejected).await, Err(Rejection::OnOneself.into()));
    let unfollow = Command::Unfollow(schemas::commands::OnAccount { account: ANA, target: BOB });
    let nothing = world.run(&write_side, ANA, unfollow).await;
    assert_eq!(world.events().await, records);
    let end = world.log.bounds(ANA.partition(LAYOUT.partitions)).await.expect("readable").end;
    assert_eq!(nothing.positions.0.first().map(|position| position.offset), Some(end - 1));
    // A rejection is not remembered: the same command may succeed later.
    assert!(write_side.execute(repeated(&command)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_duplicates_share_one_outcome() {
    let world = Arc::new(World::new());
    let write_side = world.start_with(WriteOptions { batch_commands: 3, ..WriteOptions::default() }).await;
    world.register(&write_side, ANA, "ana", false).await;
    let commands: Vec<_> = (0..50).map(|n| repeated(&world.fresh(ANA, post(ANA, &format!("post {n}"))))).collect();
    let mut calls = JoinSet::new();
    for command in commands.iter().cycle().take(500).cloned() {
        let write_side = Arc::clone(&write_side);
        calls.spawn(async move { (command.id, write_side.execute(command).await.expect("accepted")) });
    }
    let mut answers = std::collections::BTreeMap::new();
    while let Some(call) = calls.join_next().await {
        let (command, receipt) = call.expect("calls end");
        let known = answers.entry(command).or_insert_with(|| receipt.clone()).clone();
        assert_eq!((receipt.id, &receipt.positions), (known.id, &known.positions));
    }
    assert_eq!((answers.len(), world.count("PostPublished").await), (50, 50));
    let ids: std::collections::BTreeSet<_> = answers.values().map(|receipt| receipt.id).collect();
    assert_eq!(ids.len(), 50, "each post has its own id");
}

#[tokio::test(start_paused = true)]
async fn forgotten_commands_are_swept_from_the_view() {
    use infra::views::{Scan, Version};
    use schemas::rows::Table;

    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    for day in 0..5 {
        world.run(&write_side, ANA, post(ANA, &format!("day {day}"))).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        world.now_ms.fetch_add(crate::state::COMMANDS_KEPT_MS, Ordering::Relaxed);
    }
    let mut held = Vec::new();
    for bucket in 0..8 {
        let pk = crate::state::receipts(ANA.partition(LAYOUT.partitions), bucket).done();
        let scan = Scan { table: Table::Decision, pk, above: None, below: None, descending: false, limit: 100 };
        held.push(world.views.scan(Version::Live, scan).await.expect("readable").len());
    }
    assert_eq!(held, [0, 0, 0, 0, 1, 1, 0, 0], "what is consulted stays, the rest is swept");
}
