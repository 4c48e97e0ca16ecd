//! What a writer does next: always something that changes something, by what it knows of itself and of the others' posts.

use super::Cast;
use super::action::Action;
use super::known::{Is, Known};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many of the newest posts of all writers are acted on.
const RECENT: usize = 64;

/// The newest posts, shared by all writers.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<String>>);

impl Recent {
    /// Those of a journal that are still there.
    pub(super) fn of(known: &Known) -> Self {
        let there = known.posts.iter().rev().filter(|(_, is)| **is == Is::Yes).take(RECENT);
        Self(Mutex::new(there.map(|(id, _)| id.clone()).collect()))
    }

    pub(super) fn add(&self, id: &str) {
        let mut posts = self.0.lock();
        posts.push_front(id.to_owned());
        posts.truncate(RECENT);
    }

    fn remove(&self, id: &str) {
        self.0.lock().retain(|known| known != id);
    }

    fn any(&self, random: &mut StdRng, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let posts: Vec<String> = self.0.lock().iter().filter(|id| wanted(id)).cloned().collect();
        posts.choose(random).cloned()
    }
}

/// What a writer knows of itself.
pub(super) struct Mine<'a> {
    random: StdRng,
    recent: &'a Recent,
    posts: Vec<String>,
    favourites: BTreeSet<String>,
    reblogs: BTreeSet<String>,
    /// Whether it follows and blocks, by account.
    relations: BTreeMap<String, (bool, bool)>,
    others: Vec<String>,
    bystanders: Vec<String>,
}

impl<'a> Mine<'a> {
    pub(super) fn of(known: &Known, cast: &Cast, writer: usize, recent: &'a Recent, seed: u64) -> Self {
        let own = |id: &&String| known.authors.get(*id) == Some(&writer) && known.post(id) == Is::Yes;
        let others = cast.writers.iter().enumerate().filter(|(number, _)| *number != writer).map(|(_, other)| other.id.clone());
        Self {
            random: StdRng::seed_from_u64(seed),
            recent,
            posts: known.posts.keys().filter(own).cloned().collect(),
            favourites: known.favourites.keys().filter(|(by, _)| *by == writer).map(|(_, of)| of.clone()).collect(),
            reblogs: known.reblogs.keys().filter(|(by, _)| *by == writer).map(|(_, of)| of.clone()).collect(),
            relations: known
                .relations
                .iter()
                .filter(|((by, _), _)| *by == writer)
                .map(|((_, whom), relation)| (whom.clone(), (relation.following == Is::Yes, relation.blocking == Is::Yes)))
                .collect(),
            others: others.collect(),
            bystanders: cast.bystanders.iter().map(|account| account.id.clone()).collect(),
        }
    }

    /// The next action; it counts as done.
    pub(super) fn next(&mut self) -> Action {
        let kind = self.random.random_range(0..100);
        let chosen = match kind {
            0..14 => self.recent.any(&mut self.random, |_| true).map(|to| Action::Reply { to }),
            14..28 => self.recent.any(&mut self.random, |id| !self.reblogs.contains(id)).map(|of| {
                self.reblogs.insert(of.clone());
                Action::Reblog { of }
            }),
            28..46 => self.recent.any(&mut self.random, |id| !self.favourites.contains(id)).map(|of| {
                self.favourites.insert(of.clone());
                Action::Favourite { of }
            }),
            46..54 => self.delete(),
            54..66 => self.follow_or_not(),
            66..72 => self.block_or_not(),
            _ => None,
        };
        chosen.unwrap_or(Action::Post)
    }

    /// What came of a post.
    pub(super) fn made(&mut self, id: &str) {
        self.posts.push(id.to_owned());
        self.recent.add(id);
    }

    fn delete(&mut self) -> Option<Action> {
        let place = self.random.random_range(0..self.posts.len().max(1));
        let post = (place < self.posts.len()).then(|| self.posts.swap_remove(place))?;
        self.recent.remove(&post);
        Some(Action::Delete { post })
    }

    fn follow_or_not(&mut self) -> Option<Action> {
        let everybody: Vec<&String> = self.others.iter().chain(&self.bystanders).collect();
        let whom = (*everybody.choose(&mut self.random)?).clone();
        let (following, blocking) = self.relations.entry(whom.clone()).or_default();
        if *blocking {
            return None;
        }
        *following = !*following;
        Some(if *following { Action::Follow { whom } } else { Action::Unfollow { whom } })
    }

    /// Only of those who do nothing: what is acted on stays visible, so that its absence is always a fault.
    fn block_or_not(&mut self) -> Option<Action> {
        let whom = self.bystanders.choose(&mut self.random)?.clone();
        let (following, blocking) = self.relations.entry(whom.clone()).or_default();
        *blocking = !*blocking;
        *following = false;
        Some(if *blocking { Action::Block { whom } } else { Action::Unblock { whom } })
    }
}
