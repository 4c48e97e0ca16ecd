//! `roost demo`: a small believable network, the same for the same seed.
//!
//! The story (`story.rs`) is told through the same commands as any client's, under a clock that tells the story's time: so its posts have
//! plausible dates, and everything that reads the log afterwards sees nothing special.

mod picture;
mod story;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use infra::blobs::{BlobKey, Blobs, ContentType};
use infra::bus::CommandBus;
use infra::clock::system_clock;
use infra::config::Config;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use schemas::commands::{ChangeProfile, Command, Content, Envelope, Follow, OnPost, ProfilePatch, PublishPost, Reblog};
use schemas::events::{Mention, ReplyTo, Visibility};
use schemas::ids::UnixMillis;
use schemas::log::{CommandId, TraceContext};
use schemas::{AccountId, AppId, PostId};
use story::{PEOPLE, Person, THREADS};

use crate::accounts;
use crate::node::Node;

/// How long before now the story begins.
const BEGINS_BEFORE_MS: UnixMillis = 6 * 24 * 3_600_000;

/// A clock that only the story moves.
#[derive(Debug)]
pub struct StoryClock(AtomicU64);

impl StoryClock {
    /// Begins six days before `now`.
    pub fn before(now: UnixMillis) -> Self {
        Self(AtomicU64::new(now.saturating_sub(BEGINS_BEFORE_MS)))
    }

    /// The story's time.
    pub fn now_ms(&self) -> UnixMillis {
        self.0.load(Ordering::Relaxed)
    }

    fn pass(&self, ms: UnixMillis) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// What was told.
#[derive(Debug, Default, Clone, Copy)]
pub struct Told {
    /// People.
    pub accounts: usize,
    /// Posts and answers.
    pub posts: usize,
    /// Follows.
    pub follows: usize,
    /// Reblogs.
    pub reblogs: usize,
    /// Favourites.
    pub favourites: usize,
}

/// Opens the people's accounts in a data folder and tells the story; prints what was told and each person's token.
pub async fn run(config: Config, seed: u64) -> anyhow::Result<()> {
    let folder = config.data.to_string();
    let clock = Arc::new(StoryClock::before(system_clock()()));
    let told_by = clock.clone();
    let node = Node::start(config, "http://localhost", Arc::new(move || told_by.now_ms())).await?;
    let writing = node.writing.as_ref().context("the configuration has neither the role `commands` nor `queries`")?;
    let mut cast = HashMap::new();
    let mut people = Vec::new();
    for handle in handles() {
        if writing.accounts.named(handle).await?.is_some() {
            node.shutdown().await?;
            bail!("{folder} has an account named {handle} already: give the demo a folder of its own (--data DIR)");
        }
        clock.pass(90_000);
        let wanted = accounts::Wanted { username: handle.to_owned(), password: None };
        let (created, opened) = accounts::open(&writing.accounts, wanted).await?;
        cast.insert(handle, opened.id);
        people.push(created);
    }
    let bar = ProgressBar::new(0);
    let teller = Teller::new(&*writing.bus, &clock, seed, cast);
    let told = teller.tell(&*node.stores.blobs, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    let told = told.await?;
    bar.finish_and_clear();
    node.settle().await;
    node.shutdown().await?;
    print(&folder, told, &people)
}

fn print(folder: &str, told: Told, people: &[accounts::Created]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for person in people {
        serde_json::to_writer(&mut out, person)?;
        writeln!(out)?;
    }
    let Told { accounts, posts, follows, reblogs, favourites } = told;
    eprint_line(&format!("{folder}: {accounts} accounts, {posts} posts, {follows} follows, {reblogs} reblogs, {favourites} favourites"));
    eprint_line(&format!("next: roost serve --data {folder}"));
    Ok(())
}

/// Tells a person something; standard output is for the accounts.
fn eprint_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The people's handles, the best known first.
pub fn handles() -> impl Iterator<Item = &'static str> {
    PEOPLE.iter().map(|person| person.handle)
}

/// Tells the story to accounts that exist.
pub struct Teller<'a> {
    bus: &'a dyn CommandBus,
    clock: &'a StoryClock,
    rng: SmallRng,
    cast: HashMap<&'static str, AccountId>,
    told: Told,
    steps: u64,
    seed: u64,
}

impl<'a> Teller<'a> {
    /// A teller for the people's accounts, by handle.
    pub fn new(bus: &'a dyn CommandBus, clock: &'a StoryClock, seed: u64, cast: HashMap<&'static str, AccountId>) -> Self {
        let told = Told { accounts: cast.len(), ..Told::default() };
        Self { bus, clock, rng: SmallRng::seed_from_u64(seed), cast, told, steps: 0, seed }
    }

    /// Tells it all; `progress` hears of each of the steps, `(done, all)`.
    pub async fn tell(mut self, blobs: &dyn Blobs, progress: impl Fn(usize, usize)) -> anyhow::Result<Told> {
        let all = PEOPLE.len() * 2 + THREADS.len();
        for (done, person) in PEOPLE.iter().enumerate() {
            self.introduce(person, blobs).await?;
            progress(done, all);
        }
        for (done, person) in PEOPLE.iter().enumerate() {
            self.befriend(person).await?;
            progress(PEOPLE.len() + done, all);
        }
        for (done, thread) in THREADS.iter().enumerate() {
            self.converse(thread).await?;
            progress(PEOPLE.len() * 2 + done, all);
        }
        progress(all, all);
        Ok(self.told)
    }

    async fn introduce(&mut self, person: &Person, blobs: &dyn Blobs) -> anyhow::Result<()> {
        let account = self.account(person.handle)?;
        let picture = picture::draw(person.hue, self.rng.random())?;
        let key = BlobKey::new(&format!("avatars/{account}/demo"), ContentType::Png)?;
        blobs.put(&key, picture.into()).await?;
        let patch = ProfilePatch {
            display_name: Some(person.name.to_owned()),
            note: Some(person.note.to_owned()),
            avatar: Some(Some(key.as_str().to_owned())),
            locked: Some(person.locked),
            discoverable: Some(true),
            indexable: Some(true),
            ..ProfilePatch::default()
        };
        self.run(account, Command::ChangeProfile(ChangeProfile { account, patch })).await?;
        Ok(())
    }

    /// Everyone follows about half of the others, the best known more often.
    async fn befriend(&mut self, person: &Person) -> anyhow::Result<()> {
        let account = self.account(person.handle)?;
        for (rank, other) in PEOPLE.iter().enumerate().filter(|(_, other)| other.handle != person.handle) {
            if self.rng.random_bool((0.85 - rank as f64 * 0.04).max(0.25)) {
                self.clock.pass(1_000);
                let target = self.account(other.handle)?;
                let wish = Follow { account, target, reblogs: None, notify: None, languages: None, renew: false };
                self.run(account, Command::Follow(wish)).await?;
                self.told.follows += 1;
            }
        }
        Ok(())
    }

    async fn converse(&mut self, thread: &story::Thread) -> anyhow::Result<()> {
        let mut said: Vec<ReplyTo> = Vec::new();
        let first = self.publish(thread.author, thread.text, thread.spoiler, None).await?;
        said.push(first);
        for answer in thread.replies {
            let to = *said.get(answer.after).with_context(|| format!("{} answers what was not said yet", answer.author))?;
            said.push(self.publish(answer.author, answer.text, thread.spoiler, Some(to)).await?);
        }
        for post in said.clone() {
            self.applaud(post, post.post == first.post).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, author: &str, text: &str, spoiler: &str, in_reply_to: Option<ReplyTo>) -> anyhow::Result<ReplyTo> {
        let pause_ms =
            if in_reply_to.is_some() { self.rng.random_range(40_000..1_500_000) } else { self.rng.random_range(3_600_000..20_000_000) };
        self.clock.pass(pause_ms);
        let account = self.account(author)?;
        let spans = schemas::text::parse(text);
        let mentioned = schemas::text::mentions(&spans);
        let mentions = mentioned.iter().filter_map(|handle| self.mention(handle)).collect();
        let content = Content {
            text: text.to_owned(),
            spoiler: spoiler.to_owned(),
            sensitive: !spoiler.is_empty(),
            language: Some("en".to_owned()),
            mentions,
            tags: schemas::text::tags(&spans),
        };
        let command = PublishPost { account, content, visibility: Visibility::Public, in_reply_to, app: AppId(0) };
        let id = self.run(account, Command::PublishPost(command)).await?;
        self.told.posts += 1;
        Ok(ReplyTo { post: PostId(id), account })
    }

    /// Some favour it; a few pass a beginning on.
    async fn applaud(&mut self, said: ReplyTo, is_first: bool) -> anyhow::Result<()> {
        let (post, author) = (said.post, said.account);
        let mut others: Vec<AccountId> = PEOPLE.iter().filter_map(|p| self.cast.get(p.handle).copied()).filter(|a| *a != author).collect();
        others.shuffle(&mut self.rng);
        let fans = self.rng.random_range(0..6);
        for account in others.iter().take(fans).copied() {
            self.clock.pass(7_000);
            self.run(account, Command::Favourite(OnPost { account, post, author })).await?;
            self.told.favourites += 1;
        }
        let passes_on = is_first && self.rng.random_bool(0.5);
        if let Some(account) = others.choose(&mut self.rng).copied().filter(|_| passes_on) {
            self.clock.pass(60_000);
            let visibility = Visibility::Public;
            self.run(account, Command::Reblog(Reblog { account, post, author, visibility })).await?;
            self.told.reblogs += 1;
        }
        Ok(())
    }

    fn account(&self, handle: &str) -> anyhow::Result<AccountId> {
        self.cast.get(handle).copied().with_context(|| format!("{handle} is not in the cast"))
    }

    fn mention(&self, handle: &str) -> Option<Mention> {
        self.cast.get(handle).map(|account| Mention { account: *account, handle: handle.to_owned() })
    }

    /// Executes one step; a story told twice under one seed has the same command ids, so it happens once.
    async fn run(&mut self, actor: AccountId, command: Command) -> anyhow::Result<u64> {
        self.steps += 1;
        let id = CommandId::from_key(actor, "demo", &format!("{}/{}", self.seed, self.steps));
        let envelope = Envelope { id, maybe_repeated: true, actor, causation: CommandId(0), trace: TraceContext::default(), command };
        Ok(self.bus.execute(envelope).await?.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_about_people_who_are_there() {
        let known: Vec<_> = handles().collect();
        for thread in THREADS {
            assert!(known.contains(&thread.author), "{}", thread.author);
            for (index, answer) in thread.replies.iter().enumerate() {
                assert!(known.contains(&answer.author) && answer.after <= index, "{}", answer.text);
            }
        }
    }

    #[test]
    fn pictures_differ_and_are_small() {
        let (one, two) = (picture::draw(10, 1).expect("drawn"), picture::draw(200, 2).expect("drawn"));
        assert!(one != two && one.len() < 20_000, "{} bytes", one.len());
    }
}
