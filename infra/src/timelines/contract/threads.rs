//! Callers at the same time: posts, removals, follow changes and reads race, as partitions and readers do.
//!
//! Two tasks change the world, each owning half of the accounts as a partition does; others read. While they run, every page must be
//! strictly ordered, hold no author that its reader never follows, and hold what was applied before the read began (posts of authors
//! that the reader follows throughout) and not what was removed before. When they have ended, everything equals the reference.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use schemas::{AccountId, PostId};

use super::super::{Entry, TimelineOp};
use super::{Dice, Fresh, World, entry, newest};

const ACCOUNTS: u64 = 12;
const WRITERS: u64 = 2;
const READERS: u64 = 3;
const STEPS: u64 = 1_500;
/// Room for all that was posted during one read, so that the newest page must reach what was settled before it.
const PAGE: usize = 400;

pub(super) async fn concurrent_callers_lose_and_invent_nothing(fresh: Fresh<'_>) {
    let world = Arc::new(World::new(fresh));
    for reader in 0..ACCOUNTS {
        for author in 0..ACCOUNTS {
            if bond(reader, author) == Bond::Always {
                world.source.follow(AccountId(reader), AccountId(author));
            }
        }
    }
    let shared = Arc::new(Shared::default());
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(world.clone(), shared.clone(), writer))).collect();
    let readers: Vec<_> = (0..READERS).map(|task| tokio::spawn(read(world.clone(), shared.clone(), task))).collect();
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    shared.ended.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("no reader panics");
    }
    for reader in 0..ACCOUNTS {
        world.compare_all(reader, 17, &|| "after the race".into()).await;
    }
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    next_post: AtomicU64,
    /// Per author: the newest post that is never removed and whose `apply` has returned.
    settled: [AtomicU64; ACCOUNTS as usize],
    /// Per author: the newest post whose removal's `apply` has returned.
    removed: [AtomicU64; ACCOUNTS as usize],
}

#[derive(PartialEq)]
enum Bond {
    Always,
    Never,
    Sometimes,
}

fn bond(reader: u64, author: u64) -> Bond {
    match (reader * 5 + author * 3) % 4 {
        _ if reader == author => Bond::Always,
        0 => Bond::Always,
        1 => Bond::Never,
        _ => Bond::Sometimes,
    }
}

async fn write(world: Arc<World>, shared: Arc<Shared>, writer: u64) {
    let mut dice = Dice(writer + 77);
    let mut doomed: Vec<Entry> = Vec::new();
    for step in 0..STEPS {
        let own = dice.roll(ACCOUNTS / WRITERS) * WRITERS + writer;
        let other = dice.roll(ACCOUNTS);
        let kind = dice.roll(20);
        if kind < 12 {
            let made = entry(own, shared.next_post.fetch_add(1, Ordering::SeqCst) + 1);
            let op = world.source.post(made);
            world.apply(&[op]).await;
            if kind < 3 {
                doomed.push(made);
            } else {
                shared.settled[own as usize].fetch_max(made.post.0, Ordering::SeqCst);
            }
        } else if kind < 14 {
            if let Some(gone) = doomed.pop() {
                let op = world.source.remove(gone);
                world.apply(&[op]).await;
                shared.removed[gone.author.0 as usize].fetch_max(gone.post.0, Ordering::SeqCst);
            }
        } else if bond(own, other) == Bond::Sometimes {
            let (reader, author) = (AccountId(own), AccountId(other));
            let op: TimelineOp = if kind < 17 { world.source.follow(reader, author) } else { world.source.unfollow(reader, author) };
            world.apply(&[op]).await;
        }
        if step % 64 == 0 {
            world.step_clock(dice.roll(7_200_000));
            tokio::task::yield_now().await;
        }
    }
}

async fn read(world: Arc<World>, shared: Arc<Shared>, task: u64) {
    let mut dice = Dice(task + 99);
    while !shared.ended.load(Ordering::SeqCst) {
        let reader = dice.roll(ACCOUNTS);
        let settled: Vec<u64> = shared.settled.iter().map(|post| post.load(Ordering::SeqCst)).collect();
        let removed: Vec<u64> = shared.removed.iter().map(|post| post.load(Ordering::SeqCst)).collect();
        let newest_before = shared.next_post.load(Ordering::SeqCst);
        let page = world.timelines.home(AccountId(reader), newest(PAGE)).await.expect("home");
        let posted_meanwhile = shared.next_post.load(Ordering::SeqCst) - newest_before;
        assert!(page.is_sorted_by(|a, b| a.post > b.post), "out of order or twice: {page:?}");
        for author in 0..ACCOUNTS {
            let holds = |post: u64| page.iter().any(|entry| entry.post == PostId(post) && entry.author == AccountId(author));
            assert!(!holds(removed[author as usize]) || removed[author as usize] == 0, "removed before the read");
            match bond(reader, author) {
                Bond::Never => assert!(page.iter().all(|entry| entry.author != AccountId(author)), "{reader} never follows {author}"),
                Bond::Always if settled[author as usize] > 0 => {
                    let post = settled[author as usize];
                    let reached = page.len() < PAGE || page.last().is_some_and(|last| last.post.0 <= post);
                    assert!(
                        holds(post) || !reached,
                        "post {post} of {author} is missing from {reader}'s page, {posted_meanwhile} posted meanwhile"
                    );
                }
                _ => {}
            }
        }
        tokio::task::yield_now().await;
    }
}
