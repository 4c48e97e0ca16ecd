//! The rules of the port, one by one, on histories that a reader can follow.

use schemas::{AccountId, PostId};

use super::{Fresh, Stretch, World, newest};

const ANA: u64 = 1;
const BOB: u64 = 2;
const EVE: u64 = 3;
/// More than any ring of the tests holds.
const MANY: u64 = 60;

pub(super) async fn pages_go_on_both_ways(fresh: Fresh<'_>) {
    let world = World::new(fresh);
    let follow = world.source.follow(AccountId(ANA), AccountId(BOB));
    world.apply(&[follow]).await;
    assert_eq!(world.home(ANA, newest(5)).await, [] as [u64; 0]);
    for post in 1..=MANY {
        world.post(if post % 3 == 0 { ANA } else { BOB }, post * 10).await;
    }
    assert_eq!(world.home(ANA, newest(3)).await, [600, 590, 580]);
    assert_eq!(world.home(ANA, newest(0)).await, [] as [u64; 0]);
    let older = Stretch { below: Some(PostId(100)), ..newest(3) };
    assert_eq!(world.home(ANA, older).await, [90, 80, 70]);
    let next = Stretch { above: Some(PostId(100)), ascending: true, ..newest(3) };
    assert_eq!(world.home(ANA, next).await, [110, 120, 130]);
    let since = Stretch { above: Some(PostId(100)), ..newest(3) };
    assert_eq!(world.home(ANA, since).await, [600, 590, 580]);
    let between = Stretch { above: Some(PostId(20)), below: Some(PostId(45)), ..newest(9) };
    assert_eq!(world.home(ANA, between).await, [40, 30]);
    let inverted = Stretch { above: Some(PostId(50)), below: Some(PostId(40)), ..newest(9) };
    assert_eq!(world.home(ANA, inverted).await, [] as [u64; 0]);
    assert_eq!(world.home(BOB, newest(2)).await, [590, 580]);
    assert_eq!(world.home(EVE, newest(2)).await, [] as [u64; 0]);
    world.compare_all(ANA, 7, &|| "all pages".into()).await;
}

pub(super) async fn follows_bring_old_posts_and_unfollows_take_them(fresh: Fresh<'_>) {
    let world = World::new(fresh);
    for post in 1..=MANY {
        world.post(BOB, post * 2).await;
        world.post(ANA, post * 2 + 1).await;
    }
    assert_eq!(world.home(ANA, newest(2)).await, [121, 119]);
    let follow = world.source.follow(AccountId(ANA), AccountId(BOB));
    world.apply(&[follow]).await;
    assert_eq!(world.home(ANA, newest(3)).await, [121, 120, 119]);
    world.compare_all(ANA, 9, &|| "followed".into()).await;
    let unfollow = world.source.unfollow(AccountId(ANA), AccountId(BOB));
    world.apply(&[unfollow]).await;
    assert_eq!(world.home(ANA, newest(3)).await, [121, 119, 117]);
    world.post(BOB, 500).await;
    world.compare_all(ANA, 9, &|| "unfollowed".into()).await;
}

pub(super) async fn late_arrivals_take_their_place(fresh: Fresh<'_>) {
    let world = World::new(fresh);
    for author in [BOB, EVE] {
        let follow = world.source.follow(AccountId(ANA), AccountId(author));
        world.apply(&[follow]).await;
    }
    world.compare_all(ANA, 4, &|| "empty".into()).await;
    // Eve's partition trails Bob's by far more than a ring of the tests holds.
    for post in 1..=MANY {
        world.post(BOB, 1_000 + post * 10).await;
    }
    world.compare(ANA, newest(4), &|| "before the late ones".into()).await;
    for post in 1..=MANY {
        world.post(EVE, 1_005 + post * 10).await;
        world.compare(ANA, newest(5), &|| format!("late arrival {post}")).await;
    }
    world.compare_all(ANA, 11, &|| "after the late ones".into()).await;
}

pub(super) async fn operations_may_be_repeated(fresh: Fresh<'_>) {
    let world = World::new(fresh);
    let mut ops = vec![world.source.follow(AccountId(ANA), AccountId(BOB))];
    world.apply(&ops).await;
    world.compare(ANA, newest(4), &|| "empty".into()).await;
    for post in 1..=5 {
        ops.push(world.source.post(super::entry(BOB, post)));
    }
    ops.push(world.source.remove(super::entry(BOB, 3)));
    // What a projection does that restarts from its checkpoint: everything once more, in order.
    for _ in 0..3 {
        world.apply(&ops).await;
        world.compare_all(ANA, 3, &|| "repeated".into()).await;
    }
    world.timelines.reset().await.expect("reset");
    world.compare_all(ANA, 3, &|| "reset".into()).await;
    world.post(BOB, 9).await;
    assert_eq!(world.home(ANA, newest(2)).await, [9, 5]);
}
