//! Seeded random histories: at every read the subject must answer what the reference answers.

use schemas::{AccountId, PostId};

use super::super::{Entry, Stretch, TimelineOp};
use super::{Dice, Fresh, World, entry};

const ACCOUNTS: u64 = 10;
const STEPS: usize = 700;
const MINUTE_MS: u64 = 60_000;

pub(super) async fn equals_the_naive_reference(fresh: Fresh<'_>, seed: u64) {
    let world = World::new(fresh);
    let mut history = History { dice: Dice(seed), next_post: 1_000, posts: Vec::new() };
    for step in 0..STEPS {
        let mut ops = Vec::new();
        for _ in 0..=history.dice.roll(4) {
            if let Some(op) = history.change(&world) {
                ops.push(op);
            }
        }
        history.shuffle_across_accounts(&mut ops);
        world.apply(&ops).await;
        if history.dice.roll(40) == 0 {
            // Replayed operations, as after a restart from a checkpoint.
            world.apply(&ops).await;
        }
        match history.dice.roll(60) {
            0 => world.timelines.reset().await.expect("reset"),
            1..=4 => world.step_clock(history.dice.roll(600) * MINUTE_MS),
            _ => world.step_clock(history.dice.roll(2_000)),
        }
        for _ in 0..history.dice.roll(3) {
            let (reader, stretch) = (history.account(), history.stretch());
            world.compare(reader, stretch, &|| format!("seed {seed}, step {step}")).await;
        }
    }
    for reader in 0..ACCOUNTS {
        world.compare_all(reader, 5, &|| format!("seed {seed}, at the end")).await;
    }
}

struct History {
    dice: Dice,
    next_post: u64,
    posts: Vec<Entry>,
}

impl History {
    /// Low numbers are much more likely: some accounts post, read and are followed far more than others.
    fn account(&mut self) -> u64 {
        let bound = self.dice.roll(ACCOUNTS) + 1;
        self.dice.roll(bound)
    }

    /// Makes one change in the source; the operation is still to be applied.
    fn change(&mut self, world: &World) -> Option<TimelineOp> {
        let (one, other) = (self.account(), self.account());
        match self.dice.roll(20) {
            0..=11 => {
                self.next_post += 1 + self.dice.roll(3);
                let made = entry(one, self.next_post);
                self.posts.push(made);
                Some(world.source.post(made))
            }
            12 | 13 if !self.posts.is_empty() => {
                let back = self.dice.roll(self.posts.len().min(30) as u64) as usize;
                let gone = self.posts.remove(self.posts.len() - 1 - back);
                Some(world.source.remove(gone))
            }
            14..=17 if one != other => Some(world.source.follow(AccountId(one), AccountId(other))),
            18 | 19 if one != other => Some(world.source.unfollow(AccountId(one), AccountId(other))),
            _ => None,
        }
    }

    /// Operations of one account stay in order; those of different ones (other partitions) arrive in any.
    fn shuffle_across_accounts(&mut self, ops: &mut [TimelineOp]) {
        for _ in 0..ops.len() {
            let at = self.dice.roll(ops.len() as u64) as usize;
            if at + 1 < ops.len() && subject(ops[at]) != subject(ops[at + 1]) {
                ops.swap(at, at + 1);
            }
        }
    }

    fn stretch(&mut self) -> Stretch {
        let limit = self.dice.roll(14) as usize;
        let ascending = self.dice.roll(3) == 0;
        let span = if self.dice.roll(2) == 0 { 20 } else { self.next_post };
        let mut bound = || (self.dice.roll(2) == 0).then(|| PostId((self.next_post + 3).saturating_sub(self.dice.roll(span))));
        Stretch { below: bound(), above: bound(), ascending, limit }
    }
}

fn subject(op: TimelineOp) -> AccountId {
    match op {
        TimelineOp::Posted(entry) | TimelineOp::Removed(entry) => entry.author,
        TimelineOp::Followed { reader, .. } | TimelineOp::Unfollowed { reader, .. } => reader,
    }
}
