//! Seeded random histories of eight accounts over the HTTP router: every home, paged through the API each way, equals the naive model's,
//! and is the same byte for byte under all timeline policies.
//!
//! `ROOST_SEEDS` says how many seeds (3 if it is not set), `ROOST_SEED` runs a single one again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "test code")]

mod model;
mod site;

use std::collections::BTreeSet;

use model::{Entry, Model, Visibility, Who};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use roost::accounts::Created;
use serde_json::{Value, json};
use site::Site;

const SEEDS: u64 = 3;
const ACCOUNTS: usize = 8;
const STEPS: usize = 320;
/// Steps between two looks at somebody's home; at the end everybody's is looked at.
const LOOK_EVERY: usize = 8;
/// How far back the posts are that are acted on.
const RECENT: usize = 30;
/// The longest pause between two steps: readers fall idle now and then.
const PAUSE_MS_MAX: u64 = 40 * 60_000;

struct History {
    site: Site,
    people: Vec<Created>,
    model: Model,
    random: StdRng,
    told: Vec<String>,
}

impl History {
    async fn begin(seed: u64) -> Self {
        let site = Site::start().await;
        let mut people = Vec::new();
        for number in 0..ACCOUNTS {
            people.push(site.account(&format!("u{number}")).await);
        }
        let (model, random) = (Model::default(), StdRng::seed_from_u64(seed));
        let mut history = Self { site, people, model, random, told: vec![format!("seed {seed}")] };
        for who in 0..ACCOUNTS {
            for whom in (who + 1..who + 4).map(|whom| whom % ACCOUNTS) {
                history.follow(who, whom).await;
            }
        }
        history
    }

    async fn post(&mut self, who: Who, method: &str, path: &str, body: Value) -> Value {
        self.site.pass(1 + self.random.random_range(0..PAUSE_MS_MAX));
        self.told.push(format!("u{who} {method} {path} {body}"));
        self.site.write(method, path, &self.people[who].token, body).await
    }

    async fn on_account(&mut self, who: Who, verb: &str, whom: Who) {
        let path = format!("/api/v1/accounts/{}/{verb}", self.people[whom].id);
        self.post(who, "POST", &path, json!({})).await;
    }

    async fn step(&mut self) {
        let (who, whom) = (self.random.random_range(0..ACCOUNTS), self.random.random_range(0..ACCOUNTS));
        match self.random.random_range(0..100) {
            0..30 => self.publish(who, None).await,
            30..46 => {
                let parent = self.some(who, |_| true);
                self.publish(who, parent).await;
            }
            46..66 => self.reblog(who).await,
            66..74 => self.delete(who).await,
            _ if who == whom => {}
            74..84 if !self.model.apart(who, whom) => self.follow(who, whom).await,
            84..88 => {
                self.on_account(who, "unfollow", whom).await;
                self.model.follows.remove(&(who, whom));
            }
            88..91 => {
                self.on_account(who, "block", whom).await;
                self.model.block(who, whom);
            }
            91..94 => {
                self.on_account(who, "unblock", whom).await;
                self.model.blocks.remove(&(who, whom));
            }
            94..97 => {
                self.on_account(who, "mute", whom).await;
                self.model.mutes.insert((who, whom));
            }
            97..100 => {
                self.on_account(who, "unmute", whom).await;
                self.model.mutes.remove(&(who, whom));
            }
            _ => {}
        }
    }

    async fn follow(&mut self, who: Who, whom: Who) {
        self.on_account(who, "follow", whom).await;
        self.model.follows.insert((who, whom));
    }

    /// One of the newest posts, no reblogs, that an account may see and that it is not apart from.
    fn some(&mut self, who: Who, wanted: impl Fn(&Entry) -> bool) -> Option<(u64, Who)> {
        let model = &self.model;
        let seen = |entry: &Entry| entry.of.is_none() && model.may_see(who, entry) && !model.apart(who, entry.author) && wanted(entry);
        let found: Vec<(u64, Who)> =
            model.entries.iter().rev().filter(|(_, entry)| seen(entry)).take(RECENT).map(|(id, entry)| (*id, entry.author)).collect();
        found.choose(&mut self.random).copied()
    }

    async fn publish(&mut self, author: Who, reply_to: Option<(u64, Who)>) {
        let visibility = *[Visibility::Public; 4].iter().chain(&Visibility::ALL).collect::<Vec<_>>().choose(&mut self.random).unwrap();
        let count = if self.random.random_bool(0.3) { self.random.random_range(1..3) } else { 0 };
        let mentions: BTreeSet<Who> = (0..count).map(|_| self.random.random_range(0..ACCOUNTS)).filter(|whom| *whom != author).collect();
        let mut text: String = mentions.iter().map(|whom| format!("@{} ", self.people[*whom].username)).collect();
        text.push_str(&format!("post {}", self.told.len()));
        let mut body = json!({ "status": text, "visibility": visibility.name() });
        if let Some((parent, _)) = reply_to {
            body["in_reply_to_id"] = json!(parent.to_string());
        }
        let made = self.post(author, "POST", "/api/v1/statuses", body).await;
        self.model.entries.insert(id(&made), Entry { author, visibility: *visibility, mentions, reply_to, of: None });
    }

    async fn reblog(&mut self, author: Who) {
        let Some((of, _)) = self.some(author, |entry| entry.visibility.is_open()) else { return };
        let made = self.post(author, "POST", &format!("/api/v1/statuses/{of}/reblog"), json!({})).await;
        let entry = Entry { author, visibility: Visibility::Public, mentions: BTreeSet::new(), reply_to: None, of: Some(of) };
        // A second reblog by the same account is the first one.
        self.model.entries.entry(id(&made)).or_insert(entry);
    }

    async fn delete(&mut self, who: Who) {
        let Some((post, _)) = self.some(who, |entry| entry.author == who) else { return };
        self.post(who, "DELETE", &format!("/api/v1/statuses/{post}"), json!({})).await;
        self.model.delete(post);
    }

    /// Pages through a home, downwards and upwards.
    async fn look(&mut self, reader: Who) {
        self.site.rest().await;
        let (expected, token) = (self.model.home(reader), self.people[reader].token.clone());
        let limit = self.random.random_range(1..=14).max(expected.len() / 12);
        let mut down = Vec::new();
        let mut path = Some(format!("/api/v1/timelines/home?limit={limit}"));
        while let Some(next) = path {
            let page = self.site.read(&next, &token).await;
            down.extend(ids(&page.json()));
            path = page.linked("next");
        }
        assert_eq!(down, expected, "home of u{reader}, downwards by {limit}\n{}", self.told.join("\n"));
        let mut up = Vec::new();
        let mut path = Some(format!("/api/v1/timelines/home?limit={limit}&min_id=0"));
        while let Some(next) = path {
            let page = self.site.read(&next, &token).await;
            up.splice(0..0, ids(&page.json()));
            path = page.linked("prev");
        }
        assert_eq!(up, expected, "home of u{reader}, upwards by {limit}\n{}", self.told.join("\n"));
    }
}

fn id(status: &Value) -> u64 {
    status["id"].as_str().unwrap().parse().unwrap()
}

fn ids(page: &Value) -> Vec<u64> {
    page.as_array().unwrap().iter().map(id).collect()
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    number("ROOST_SEED").map_or_else(|| (1..=number("ROOST_SEEDS").unwrap_or(SEEDS)).collect(), |seed| vec![seed])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn homes_over_http_equal_the_naive_model_and_one_another_under_every_policy() {
    for seed in seeds() {
        let mut history = History::begin(seed).await;
        for step in 0..STEPS {
            history.step().await;
            if step % LOOK_EVERY == 0 {
                let reader = history.random.random_range(0..ACCOUNTS);
                history.look(reader).await;
            }
        }
        for reader in 0..ACCOUNTS {
            history.look(reader).await;
        }
        history.site.stop().await;
    }
}
