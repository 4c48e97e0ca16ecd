//! Random histories: home, paged in every way, equals the naive model, under every timeline policy; and its bytes are those of a side that
//! remembers nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use infra::timelines::NaiveTimelines;
use infra::timelines::ring::{Policy, RingOptions, RingTimelines};
use schemas::events::{ReplyTo, Visibility};
use schemas::rows::{InteractionRow, StatusCountRow, StatusRow, keys};
use schemas::{PartitionId, RelationId};

use super::*;
use crate::testing::{MakeTimelines, T0, World, mention, post_id, says};

const ACCOUNTS: u64 = 8;
const STEPS: u64 = 400;
const STEP_MS: u64 = 1_000;
/// Posts of the page that is read after every step.
const NEWEST: usize = 8;

/// SplitMix64, for histories that are the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides.max(1)
    }
}

/// Everything that was done, as plain sets; home by the rules of the API alone.
#[derive(Default)]
struct Model {
    posts: BTreeMap<PostId, StatusRow>,
    follows: BTreeSet<(u64, u64)>,
    blocks: BTreeSet<(u64, u64)>,
    /// When each ends; 0 for never.
    mutes: BTreeMap<(u64, u64), UnixMillis>,
    now: UnixMillis,
}

impl Model {
    fn may_see(&self, reader: u64, post: &StatusRow) -> bool {
        let author = post.author.0;
        let mentioned = post.content.mentions.iter().any(|mention| mention.account.0 == reader);
        reader == author
            || !self.blocks.contains(&(author, reader))
                && match post.visibility {
                    Visibility::Public | Visibility::Unlisted => true,
                    Visibility::Private => mentioned || self.follows.contains(&(reader, author)),
                    Visibility::Direct => mentioned,
                }
    }

    fn belongs(&self, reader: u64, post: &StatusRow) -> bool {
        let author = post.author.0;
        let original = match &post.reblog_of {
            Some(of) => match self.posts.get(&of.post) {
                Some(original) => original,
                None => return false,
            },
            None => post,
        };
        if !self.may_see(reader, original) || !self.may_see(reader, post) {
            return false;
        }
        if author == reader && post.reblog_of.is_none() {
            return true;
        }
        let mut people = vec![author, original.author.0];
        people.extend(original.content.mentions.iter().map(|mention| mention.account.0));
        people.extend(original.in_reply_to.iter().map(|parent| parent.account.0));
        let muted = |person: u64| self.mutes.get(&(reader, person)).is_some_and(|ends| *ends == 0 || *ends > self.now);
        let unwanted = |person: &u64| self.blocks.contains(&(reader, *person)) || muted(*person);
        if people.iter().any(|person| *person != reader && unwanted(person)) {
            return false;
        }
        let follows = |whom: u64| self.follows.contains(&(reader, whom));
        let answers_well = post.in_reply_to.as_ref().is_none_or(|p| [reader, author].contains(&p.account.0) || follows(p.account.0));
        author == reader || follows(author) && answers_well
    }

    fn home(&self, reader: u64) -> Vec<u64> {
        let mut shown: Vec<(PostId, PostId)> = Vec::new();
        for (id, post) in self.posts.iter().filter(|(_, post)| self.belongs(reader, post)) {
            let original = post.reblog_of.as_ref().map_or(*id, |of| of.post);
            let seen = shown.iter().rev().take(FALLOFF).any(|(_, other)| *other == original);
            if post.reblog_of.is_none() || !seen {
                shown.push((*id, original));
            }
        }
        shown.iter().rev().map(|(id, _)| id.0).collect()
    }
}

struct History {
    world: World,
    model: Model,
    dice: Dice,
}

impl History {
    async fn step(&mut self, step: u64) {
        let (one, other) = (self.dice.roll(ACCOUNTS), self.dice.roll(ACCOUNTS));
        let id = post_id(step * 1_000);
        match self.dice.roll(20) {
            0..=5 => {
                let row = self.post(one);
                self.publish(id, row).await;
            }
            6..=11 => self.reblog(id, one).await,
            12 => self.delete().await,
            13..=15 if one != other && !self.blocked(one, other) => {
                self.model.follows.insert((one, other));
                self.world.follow(one, other).await;
            }
            16 => {
                self.model.follows.remove(&(one, other));
                self.world.unfollow(one, other).await;
            }
            17 if one != other && self.dice.roll(2) == 0 => {
                self.model.follows.remove(&(one, other));
                self.model.follows.remove(&(other, one));
                self.model.blocks.insert((one, other));
                self.world.block(one, other).await;
            }
            17 => {
                self.model.blocks.remove(&(one, other));
                self.world.unblock(one, other).await;
            }
            18 if one != other => {
                let ends = [0, self.model.now + self.dice.roll(20) * STEP_MS][self.dice.roll(2) as usize];
                self.model.mutes.insert((one, other), ends);
                self.world.mute(one, other, ends).await;
            }
            19 => {
                self.model.mutes.remove(&(one, other));
                self.world.unmute(one, other).await;
            }
            _ => {}
        }
        self.touch(step).await;
        self.model.now += self.dice.roll(2) * STEP_MS;
        self.world.clock.store(self.model.now, Ordering::SeqCst);
    }

    /// Changes what a page shows, but not which posts: marks, counts, names; sometimes to what it was.
    async fn touch(&mut self, step: u64) {
        let (one, other) = (self.dice.roll(ACCOUNTS), self.dice.roll(ACCOUNTS));
        match (self.dice.roll(4), self.some_post()) {
            (0, Some((post, _))) => {
                let mut flag = || (self.dice.roll(2) == 0).then_some(RelationId(step));
                let row = InteractionRow { favourite: flag(), bookmark: flag(), pin: flag(), ..InteractionRow::default() };
                self.world.interact(one, post, row).await;
            }
            (1, Some((post, _))) => {
                let count = StatusCountRow { favourites: self.dice.roll(3) as i64, ..StatusCountRow::default() };
                self.world.put(keys::status_count(post, PartitionId(0)), &count).await;
            }
            (2, _) if self.dice.roll(4) > 0 => self.world.account(other, |profile| profile.display_name = format!("at {step}")).await,
            (2, _) => self.world.remove(keys::account(AccountId(other))).await,
            _ => {}
        }
    }

    fn blocked(&self, one: u64, other: u64) -> bool {
        self.model.blocks.contains(&(one, other)) || self.model.blocks.contains(&(other, one))
    }

    fn some_post(&mut self) -> Option<(PostId, StatusRow)> {
        let back = self.dice.roll(self.model.posts.len().min(25) as u64) as usize;
        self.model.posts.iter().rev().nth(back).map(|(id, row)| (*id, row.clone()))
    }

    fn post(&mut self, author: u64) -> StatusRow {
        let mut row = says(author, "text");
        row.visibility = [Visibility::Public, Visibility::Unlisted, Visibility::Private, Visibility::Direct][self.dice.roll(4) as usize];
        if self.dice.roll(3) == 0 {
            row.content.mentions.push(mention(self.dice.roll(ACCOUNTS)));
        }
        if self.dice.roll(3) == 0
            && let Some((post, parent)) = self.some_post()
            && parent.reblog_of.is_none()
        {
            row.in_reply_to = Some(ReplyTo { post, account: parent.author });
        }
        row
    }

    async fn publish(&mut self, id: PostId, row: StatusRow) {
        self.model.posts.insert(id, row.clone());
        self.world.publish(id, row).await;
    }

    async fn reblog(&mut self, id: PostId, by: u64) {
        let Some((of, row)) = self.some_post().filter(|(_, row)| row.reblog_of.is_none() && row.visibility.is_open()) else { return };
        let reblog_of = Some(ReplyTo { post: of, account: row.author });
        self.publish(id, StatusRow { reblog_of, ..says(by, "") }).await;
    }

    /// Deletes a post but, as while a cascade is under way, not its reblogs: readers hide them.
    async fn delete(&mut self) {
        if let Some((id, row)) = self.some_post() {
            self.model.posts.remove(&id);
            self.world.delete(id, &row).await;
        }
    }

    /// A page's posts, after its bytes were compared with those of another side, put together in the other way.
    async fn page(&self, other: &QuerySide, reader: u64, ask: PageAsk) -> Page<Vec<u64>> {
        let side = &self.world.side;
        let held = side.caches.reader(AccountId(reader)).await.unwrap();
        let page = Window::new(side, &held, ask, self.model.now).page().await.unwrap();
        let items: Vec<u64> = page.items.iter().map(|post| post.id.0).collect();
        let mut known = Vec::new();
        for id in &items {
            known.push(other.known(PostId(*id)).await.unwrap().expect("what is on a page exists"));
        }
        let held = other.caches.reader(AccountId(reader)).await.unwrap();
        let expected = other.render_statuses(known, Some(&held)).await.unwrap();
        let served = side.home(AccountId(reader), ask).await.unwrap();
        assert_eq!((served.items.to_bytes(), served.links), (expected, page.links), "reader {reader}, {ask:?}");
        Page { items, links: page.links }
    }

    /// The newest page of one reader: often one that is remembered, sometimes after a part of it has changed.
    async fn compare_newest(&self, when: &str) {
        let mut expected = self.model.home(0);
        expected.truncate(NEWEST);
        let page = self.page(&self.world.side, 0, PageAsk::newest(NEWEST)).await;
        assert_eq!(page.items, expected, "newest, {when}");
    }

    async fn compare(&mut self, when: &str) {
        let fresh = self.world.fresh_side();
        let reader = self.dice.roll(ACCOUNTS);
        let expected = self.model.home(reader);
        let limit = 1 + self.dice.roll(12) as usize;
        let mut down = Vec::new();
        let mut ask = PageAsk::newest(limit);
        loop {
            let page = self.page(&fresh, reader, ask).await;
            down.extend(page.items);
            let Some(next) = page.links.next else { break };
            ask.max_id = Some(next);
        }
        assert_eq!(down, expected, "reader {reader}, downwards by {limit}, {when}");
        let mut up = Vec::new();
        let mut ask = PageAsk { min_id: Some(0), ..PageAsk::newest(limit) };
        loop {
            let page = self.page(&fresh, reader, ask).await;
            let Some(prev) = page.links.prev else { break };
            up.splice(0..0, page.items);
            ask.min_id = Some(prev);
        }
        assert_eq!(up, expected, "reader {reader}, upwards by {limit}, {when}");
        self.compare_between(&fresh, reader, &expected, limit, when).await;
    }

    async fn compare_between(&mut self, fresh: &QuerySide, reader: u64, expected: &[u64], limit: usize, when: &str) {
        let (max, since) = (post_id(self.dice.roll(STEPS) * 1_000).0, post_id(self.dice.roll(STEPS) * 1_000).0);
        let between = || expected.iter().copied().filter(|id| *id < max && *id > since);
        let ask = PageAsk { max_id: Some(max), since_id: Some(since), min_id: None, limit };
        let page = self.page(fresh, reader, ask).await;
        assert_eq!(page.items, between().take(limit).collect::<Vec<_>>(), "{ask:?}, {when}");
        let ask = PageAsk { max_id: Some(max), since_id: None, min_id: Some(since), limit };
        let page = self.page(fresh, reader, ask).await;
        let skipped = between().count().saturating_sub(limit);
        assert_eq!(page.items, between().skip(skipped).collect::<Vec<_>>(), "{ask:?}, {when}");
    }
}

async fn run(seed: u64, name: &str, timelines: &MakeTimelines) {
    let model = Model { now: T0, ..Model::default() };
    let mut history = History { world: World::with(timelines), model, dice: Dice(seed) };
    for account in 0..ACCOUNTS {
        history.world.account(account, |_| {}).await;
    }
    for step in 0..STEPS {
        history.step(step).await;
        history.compare_newest(&format!("{name}, seed {seed}, step {step}")).await;
        if step % 7 == 0 {
            history.compare(&format!("{name}, seed {seed}, step {step}")).await;
        }
    }
}

#[tokio::test]
async fn home_equals_the_naive_model_under_every_policy() {
    let policies = [
        ("push", Policy::PushAll),
        ("pull", Policy::PullAll),
        ("threshold", Policy::Threshold { followers: 3 }),
        ("adaptive", Policy::Adaptive),
    ];
    for seed in 0..4 {
        run(seed, "naive", &|source, _| Arc::new(NaiveTimelines::new(source))).await;
        for (name, policy) in policies {
            let options = RingOptions { policy, slots: 16, ..RingOptions::default() };
            run(seed, name, &move |source, clock| Arc::new(RingTimelines::new(source, clock, options.clone()))).await;
        }
    }
}
