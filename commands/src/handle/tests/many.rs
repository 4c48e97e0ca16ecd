//! Many commands at once: in order, each on its own, and once.

use schemas::commands::{OnAccount, Rejection};

use super::*;

fn unfollow(account: AccountId, target: AccountId) -> Command {
    Command::Unfollow(OnAccount { account, target })
}

/// Of each of them, the events on the follow of Bob by Ana on Ana's partition.
async fn steps(world: &World) -> Vec<&'static str> {
    let events = world.events_of(ANA.partition(LAYOUT.partitions)).await;
    events.iter().map(Event::kind).filter(|kind| kind.contains("ollow")).collect()
}

#[tokio::test]
async fn many_take_effect_in_the_order_given() {
    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    world.register(&write_side, BOB, "bob", false).await;
    let mut commands = vec![follow(ANA, BOB), unfollow(ANA, BOB), follow(ANA, BOB)];
    commands.extend((0..50).map(|n| post(ANA, &n.to_string())));
    let envelopes: Vec<Envelope> = commands.into_iter().map(|command| world.fresh(ANA, command)).collect();
    let receipts: Vec<Receipt> =
        write_side.execute_all(envelopes.clone()).await.into_iter().map(|result| result.expect("accepted")).collect();
    assert!(receipts[3..].is_sorted_by(|a, b| a.id < b.id), "later posts have greater ids");
    // The second follow stands: admitted by Bob, and confirmed to Ana.
    let [first, _, second] = [0, 1, 2].map(|n: usize| RelationId(receipts[n].id));
    let all = world.events().await.concat();
    let confirmed: Vec<_> =
        all.iter().filter_map(|event| if let Event::FollowConfirmed(e) = event { Some(e.relation) } else { None }).collect();
    assert_eq!(confirmed, [second]);
    assert_ne!(first, second);
    assert_eq!(&steps(&world).await[..3], ["FollowRequested", "Unfollowed", "FollowRequested"]);
    assert!(receipts[2].positions.0.len() > 1, "the receipt covers Bob's partition");
    let again = write_side.execute_all(envelopes.iter().map(repeated).collect()).await;
    assert_eq!(
        again.into_iter().map(|result| result.expect("accepted").id).collect::<Vec<_>>(),
        receipts.iter().map(|r| r.id).collect::<Vec<_>>()
    );
    assert_eq!(world.count("PostPublished").await, 50);
}

#[tokio::test]
async fn what_is_refused_stops_nothing() {
    let world = World::new();
    let write_side = world.start_with(WriteOptions { queue_commands: 4, ..WriteOptions::default() }).await;
    world.register(&write_side, ANA, "ana", false).await;
    let commands = [post(ANA, "1"), follow(ANA, ANA), post(BOB, "nobody"), post(ANA, "2"), post(ANA, "3"), post(ANA, "4")];
    let envelopes = commands.into_iter().map(|command| world.fresh(ANA, command)).collect();
    let results = write_side.execute_all(envelopes).await;
    let told: Vec<_> = results.iter().map(|result| result.as_ref().map(|receipt| receipt.repeated)).collect();
    let (oneself, nobody) = (CommandError::from(Rejection::OnOneself), CommandError::from(Rejection::NotFound));
    // All were put in line before the first was taken out: Ana's line was full for the last.
    assert_eq!(told, [Ok(false), Err(&oneself), Err(&nobody), Ok(false), Ok(false), Err(&CommandError::Overloaded)]);
    assert_eq!(world.count("PostPublished").await, 3);
    write_side.shutdown().await;
    let late = write_side.execute_all(vec![world.fresh(ANA, post(ANA, "late"))]).await;
    assert!(matches!(late.as_slice(), [Err(CommandError::Retry(_))]), "{late:?}");
}
