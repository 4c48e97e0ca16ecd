//! Several write sides over one log, each deciding the partitions that it is given.

use std::collections::BTreeSet;

use infra::membership::{Giver, Membership, Partitions};

use super::*;

/// Gives partitions by hand.
#[derive(Debug, Clone)]
struct Hand(watch::Sender<Partitions>);

#[async_trait]
impl Giver for Hand {
    async fn leave(&self) {
        self.0.send_replace(Partitions::default());
    }
}

impl Hand {
    fn new(partitions: &[u16]) -> Self {
        Self(watch::Sender::new(set(partitions)))
    }

    fn give(&self, partitions: &[u16]) {
        self.0.send_replace(set(partitions));
    }

    fn membership(&self) -> Membership {
        Membership::of(self.0.subscribe(), Arc::new(self.clone()))
    }
}

fn set(partitions: &[u16]) -> Partitions {
    Arc::new(partitions.iter().map(|partition| PartitionId(*partition)).collect::<BTreeSet<_>>())
}

/// The other members, asked in turn as the forwarder asks owners: again until one decides.
#[derive(Default)]
struct Others(Mutex<Vec<Arc<WriteSide>>>);

#[async_trait]
impl CommandBus for Others {
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError> {
        for _ in 0..1_000 {
            let members = self.0.lock().clone();
            for member in members {
                match member.execute_here(envelope.clone()).await {
                    Some(Err(CommandError::Retry(_))) | None => {}
                    Some(answer) => return answer,
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Err(CommandError::Retry("nobody decides it".to_owned()))
    }
}

async fn join(world: &World, hand: &Hand, others: &Arc<Others>, address: &str) -> Arc<WriteSide> {
    let options = WriteOptions { address: address.to_owned(), ..WriteOptions::default() };
    let (log, views) = (Arc::clone(&world.log), Arc::clone(&world.views));
    let elsewhere: Arc<dyn CommandBus> = others.clone();
    let side = WriteSide::start_among(log, views, world.clock(), options, hand.membership(), Some(elsewhere)).await;
    let side = side.expect("the log and the view store serve");
    others.0.lock().push(side.clone());
    side
}

#[tokio::test(start_paused = true)]
async fn a_command_reaches_its_partition_from_any_member() {
    let (world, others) = (World::new(), Arc::new(Others::default()));
    let one = join(&world, &Hand::new(&[0, 1]), &others, "one:1").await;
    let two = join(&world, &Hand::new(&[2, 3]), &others, "two:2").await;
    world.register(&one, ANA, "ana", false).await;
    world.register(&two, BOB, "bob", false).await;
    for side in [&one, &two] {
        world.run(side, ANA, post(ANA, "hello")).await;
        world.run(side, BOB, post(BOB, "hello")).await;
    }
    // A follow has follow-ups on the other's partition, wherever it began.
    assert!(world.run(&two, ANA, follow(ANA, BOB)).await.positions.0.len() > 1);
    assert_eq!((world.count("PostPublished").await, world.count("FollowAccepted").await), (4, 1));
    let at = |partition: PartitionId| owner_of(&*world.views, partition);
    assert_eq!(at(PartitionId(1)).await.unwrap().map(|owner| owner.address), Some("one:1".to_owned()));
    assert_eq!(at(PartitionId(2)).await.unwrap().map(|owner| owner.address), Some("two:2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn many_commands_keep_their_order_wherever_they_are_decided() {
    let (world, others) = (World::new(), Arc::new(Others::default()));
    let one = join(&world, &Hand::new(&[0, 1]), &others, "one:1").await;
    let two = join(&world, &Hand::new(&[2, 3]), &others, "two:2").await;
    world.register(&one, ANA, "ana", false).await;
    world.register(&two, BOB, "bob", false).await;
    for side in [&one, &two] {
        let authors = [ANA, BOB].repeat(10);
        let mut commands: Vec<Command> = authors.iter().map(|author| post(*author, "hello")).collect();
        commands.push(follow(ANA, BOB));
        let results = side.execute_all(commands.into_iter().map(|command| world.fresh(ANA, command)).collect()).await;
        let ids: Vec<u64> = results.into_iter().map(|result| result.expect("accepted").id).collect();
        for author in [ANA, BOB] {
            let own: Vec<u64> = ids.iter().zip(&authors).filter(|(_, other)| **other == author).map(|(id, _)| *id).collect();
            assert!(own.is_sorted_by(|a, b| a < b), "{own:?}");
        }
    }
    assert_eq!((world.count("PostPublished").await, world.count("FollowConfirmed").await), (40, 1));
}

/// Partitions change hands again and again, also to two members at once, while commands come: each takes effect once.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_done_twice_while_partitions_change_hands() {
    let (world, others) = (World::new(), Arc::new(Others::default()));
    let (first, second) = (Hand::new(&[0, 1, 2, 3]), Hand::new(&[]));
    let one = join(&world, &first, &others, "one:1").await;
    let two = join(&world, &second, &others, "two:2").await;
    world.register(&one, ANA, "ana", false).await;
    world.register(&one, BOB, "bob", false).await;
    let mut calls = JoinSet::new();
    for round in 0..12_usize {
        for (n, author) in [ANA, BOB, ANA, BOB].into_iter().enumerate() {
            let side = if n % 2 == 0 { one.clone() } else { two.clone() };
            let command = world.fresh(author, post(author, &format!("{round} {n}")));
            calls.spawn(async move {
                // As a client does: what is not done or not known is sent again under its id.
                let mut envelope = command;
                loop {
                    match side.execute(envelope.clone()).await {
                        Ok(receipt) => return receipt.id,
                        Err(CommandError::Retry(_) | CommandError::Unknown(_)) => envelope = repeated(&envelope),
                        Err(error) => panic!("{error}"),
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            });
        }
        let (to_first, to_second): (&[u16], &[u16]) = match round % 4 {
            0 => (&[0, 1], &[2, 3]),
            1 => (&[0, 1, 2, 3], &[2, 3]),
            2 => (&[], &[0, 1, 2, 3]),
            _ => (&[0, 1, 2, 3], &[]),
        };
        first.give(to_first);
        second.give(to_second);
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    let mut ids = BTreeSet::new();
    while let Some(id) = calls.join_next().await {
        assert!(ids.insert(id.expect("no call panics")), "two posts have one id");
    }
    assert_eq!(world.count("PostPublished").await, 48);
    assert_eq!(ids.len(), 48);
    one.shutdown().await;
    two.shutdown().await;
}
