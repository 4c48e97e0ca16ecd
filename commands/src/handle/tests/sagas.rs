//! What spans partitions: the follow handshake, and sagas that a crash cut short.

use schemas::commands::{ConfirmHandle, FollowerOf, LapseHandle, OnAccount, Rejection, follow_ups};

use super::*;
use crate::registration::{AccountIds, Registration, Renaming, register, rename};

async fn two(locked: bool) -> (World, Arc<WriteSide>) {
    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    world.register(&write_side, BOB, "bob", locked).await;
    assert_ne!(ANA.partition(LAYOUT.partitions), BOB.partition(LAYOUT.partitions), "two partitions take part");
    (world, write_side)
}

#[tokio::test]
async fn a_follow_is_confirmed_before_its_receipt() {
    let (world, write_side) = two(false).await;
    let receipt = world.run(&write_side, ANA, follow(ANA, BOB)).await;
    for kind in ["FollowRequested", "FollowAccepted", "FollowConfirmed"] {
        assert_eq!(world.count(kind).await, 1, "{kind}");
    }
    let mut partitions: Vec<_> = receipt.positions.0.iter().map(|position| position.partition).collect();
    partitions.sort();
    let mut expected = vec![ANA.partition(LAYOUT.partitions), BOB.partition(LAYOUT.partitions)];
    expected.sort();
    assert_eq!(partitions, expected);
    for position in &receipt.positions.0 {
        let end = world.log.bounds(position.partition).await.expect("readable").end;
        assert_eq!(position.offset, end - 1, "the token covers all of it");
    }
}

#[tokio::test]
async fn a_request_is_granted_and_a_block_ends_it_on_both_sides() {
    let (world, write_side) = two(true).await;
    world.run(&write_side, ANA, follow(ANA, BOB)).await;
    assert_eq!((world.count("FollowPending").await, world.count("FollowConfirmed").await), (1, 0));
    world.run(&write_side, BOB, Command::AuthorizeFollow(FollowerOf { account: BOB, follower: ANA })).await;
    assert_eq!(world.count("FollowConfirmed").await, 1);
    world.run(&write_side, BOB, Command::Block(OnAccount { account: BOB, target: ANA })).await;
    assert_eq!((world.count("FollowerRemoved").await, world.count("FollowEnded").await), (1, 1));
}

/// Runs the reactions of every record again, as the reactor does behind the log.
async fn react_to_all(world: &World, write_side: &WriteSide) {
    loop {
        let before = world.events().await;
        for partition in LAYOUT.partition_ids() {
            for record in world.valid(partition).await {
                let events = body::decode(&record.body).expect("bodies decode");
                let header = record.header;
                for follow_up in follow_ups(header.command_id, header.actor, header.trace, header.time_ms, &events) {
                    drop(write_side.execute(follow_up).await);
                }
            }
        }
        if world.events().await == before {
            return;
        }
    }
}

#[tokio::test]
async fn reactions_executed_again_change_nothing() {
    let (world, write_side) = two(false).await;
    world.run(&write_side, ANA, follow(ANA, BOB)).await;
    world.run(&write_side, ANA, Command::Unfollow(OnAccount { account: ANA, target: BOB })).await;
    world.run(&write_side, ANA, follow(ANA, BOB)).await;
    world.run(&write_side, BOB, Command::Block(OnAccount { account: BOB, target: ANA })).await;
    let events = world.events().await;
    react_to_all(&world, &write_side).await;
    assert_eq!(world.events().await, events);
    // Nor do they when the commands are long forgotten.
    world.now_ms.fetch_add(3 * crate::state::COMMANDS_KEPT_MS, Ordering::Relaxed);
    for account in [ANA, BOB] {
        world.run(&write_side, account, post(account, "a new bucket")).await;
    }
    world.now_ms.fetch_add(3 * crate::state::COMMANDS_KEPT_MS, Ordering::Relaxed);
    for account in [ANA, BOB] {
        world.run(&write_side, account, post(account, "another")).await;
    }
    let kinds = |events: Vec<Vec<Event>>| -> Vec<Vec<&'static str>> {
        events.iter().map(|events| events.iter().map(Event::kind).filter(|kind| *kind != "PostPublished").collect()).collect()
    };
    react_to_all(&world, &write_side).await;
    assert_eq!(kinds(world.events().await), kinds(events));
}

#[tokio::test]
async fn a_crash_between_the_steps_is_finished_by_the_reactor() {
    let (world, write_side) = two(false).await;
    // The record alone: what a process leaves that dies before the follow-ups.
    let command = world.fresh(ANA, follow(ANA, BOB));
    let done = write_side.decide(command).await.expect("accepted");
    assert_eq!(done.follow_ups.len(), 1);
    assert_eq!(world.count("FollowAccepted").await, 0);
    let restarted = world.start().await;
    react_to_all(&world, &restarted).await;
    assert_eq!((world.count("FollowAccepted").await, world.count("FollowConfirmed").await), (1, 1));
}

fn of(account: AccountId, handle: &str) -> Registration {
    let (profile, trace) = (Profile::default(), TraceContext::default());
    Registration { account, handle: handle.into(), profile, credentials: None, invited_by: AccountId(0), trace }
}

fn to(account: AccountId, handle: &str, key: &str) -> Renaming {
    Renaming { account, to: handle.into(), key: key.into(), trace: TraceContext::default() }
}

#[tokio::test]
async fn an_account_is_opened_and_its_handle_confirmed() {
    let world = World::new();
    let write_side = world.start().await;
    let ids = AccountIds::new(world.clock());
    let (eva, other) = (ids.next(), ids.next());
    assert_ne!(eva, other);
    let receipt = register(write_side.as_ref(), of(eva, "Eva")).await.expect("accepted");
    assert_eq!(receipt.id, eva.0);
    for kind in ["HandleClaimed", "AccountRegistered", "HandleConfirmed"] {
        assert_eq!(world.count(kind).await, 1, "{kind}");
    }
    let taken = register(write_side.as_ref(), of(other, "EVA")).await;
    assert_eq!(taken, Err(Rejection::HandleTaken.into()));
    let again = register(write_side.as_ref(), of(eva, "Eva")).await.expect("accepted");
    assert!(again.repeated && again.id == eva.0);
    assert_eq!(world.count("HandleConfirmed").await, 1);
}

#[tokio::test]
async fn a_registration_cut_short_is_taken_up_by_its_repetition() {
    for steps in 1..=2 {
        let world = World::new();
        let write_side = world.start().await;
        let send = |step: &str, command| {
            let (id, trace) = (CommandId::from_key(ANA, step, "ana"), TraceContext::default());
            write_side.decide(Envelope { id, maybe_repeated: true, actor: ANA, causation: CommandId(0), trace, command })
        };
        let claim = ClaimHandle { handle: "ana".into(), account: ANA, expires_ms: 0 };
        let claim = send("register/claim", Command::ClaimHandle(claim)).await.expect("accepted");
        if steps == 2 {
            send("register/account", registration(ANA, "ana", RelationId(claim.id), false)).await.expect("accepted");
        }
        let restarted = world.start().await;
        register(restarted.as_ref(), of(ANA, "ana")).await.expect("accepted");
        for kind in ["HandleClaimed", "AccountRegistered", "HandleConfirmed"] {
            assert_eq!(world.count(kind).await, 1, "{kind} after {steps} steps");
        }
    }
}

#[tokio::test]
async fn an_abandoned_claim_lapses_and_cannot_be_acted_upon_late() {
    let world = World::new();
    let write_side = world.start().await;
    let claim = ClaimHandle { handle: "ana".into(), account: ANA, expires_ms: 0 };
    let claim = RelationId(world.run(&write_side, ANA, Command::ClaimHandle(claim)).await.id);
    world.now_ms.fetch_add(crate::domain::limits::CLAIM_LIFE_MS, Ordering::Relaxed);
    let lapse = Command::LapseHandle(LapseHandle { handle: "ana".into(), claim });
    world.run(&write_side, AccountId(0), lapse).await;
    register(write_side.as_ref(), of(BOB, "ana")).await.expect("the handle is free");
    let late = write_side.execute(world.fresh(ANA, registration(ANA, "ana", claim, false))).await;
    assert_eq!(late, Err(Rejection::Conflict.into()));
    let confirm = Command::ConfirmHandle(ConfirmHandle { handle: "ana".into(), account: ANA, claim });
    assert_eq!(write_side.execute(world.fresh(ANA, confirm)).await, Err(Rejection::HandleTaken.into()));
}

#[tokio::test]
async fn renaming_there_and_back() {
    let (world, write_side) = two(false).await;
    world.now_ms.fetch_add(10, Ordering::Relaxed);
    rename(write_side.as_ref(), to(ANA, "Eva", "first")).await.expect("accepted");
    assert_eq!((world.count("HandleChanged").await, world.count("HandleHeld").await), (1, 1));
    assert_eq!(rename(write_side.as_ref(), to(BOB, "ana", "b")).await, Err(Rejection::HandleTaken.into()));
    assert_eq!(rename(write_side.as_ref(), to(BOB, "eva", "b")).await, Err(Rejection::HandleTaken.into()));
    world.now_ms.fetch_add(10, Ordering::Relaxed);
    rename(write_side.as_ref(), to(ANA, "ana", "back")).await.expect("one's own held handle");
    assert!(rename(write_side.as_ref(), to(ANA, "ana", "back")).await.expect("accepted").repeated);
    // The first renaming's reactions, repeated late, do not take the handle away again.
    react_to_all(&world, &write_side).await;
    assert_eq!(rename(write_side.as_ref(), to(BOB, "ana", "b")).await, Err(Rejection::HandleTaken.into()));
    assert_eq!((world.count("HandleChanged").await, world.count("HandleHeld").await), (2, 2));
}
