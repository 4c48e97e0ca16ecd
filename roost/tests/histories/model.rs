//! The naive model of home timelines, from the rules of the API alone: plain sets, everything recomputed at every look.

use std::collections::{BTreeMap, BTreeSet};

/// Shown entries below a reblog among which the original, or another reblog of it, hides it.
const FALLOFF: usize = 40;

/// Accounts by number.
pub type Who = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Public,
    Unlisted,
    Private,
    Direct,
}

impl Visibility {
    pub const ALL: [Self; 4] = [Self::Public, Self::Unlisted, Self::Private, Self::Direct];

    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
            Self::Direct => "direct",
        }
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Unlisted)
    }
}

/// A post, or a reblog of one.
#[derive(Debug, Clone)]
pub struct Entry {
    pub author: Who,
    pub visibility: Visibility,
    pub mentions: BTreeSet<Who>,
    /// What it answers, and whose that is.
    pub reply_to: Option<(u64, Who)>,
    /// For a reblog, the original.
    pub of: Option<u64>,
}

/// Everything that was done, by id; pairs are (who, whom).
#[derive(Default)]
pub struct Model {
    pub entries: BTreeMap<u64, Entry>,
    pub follows: BTreeSet<(Who, Who)>,
    pub blocks: BTreeSet<(Who, Who)>,
    pub mutes: BTreeSet<(Who, Who)>,
}

impl Model {
    pub fn delete(&mut self, id: u64) {
        self.entries.remove(&id);
        self.entries.retain(|_, entry| entry.of != Some(id));
    }

    pub fn block(&mut self, who: Who, whom: Who) {
        self.blocks.insert((who, whom));
        self.follows.remove(&(who, whom));
        self.follows.remove(&(whom, who));
    }

    pub fn apart(&self, one: Who, other: Who) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    /// Whether the reader may open a post at all.
    pub fn may_see(&self, reader: Who, entry: &Entry) -> bool {
        let mentioned = entry.mentions.contains(&reader);
        let for_reader = match entry.visibility {
            Visibility::Public | Visibility::Unlisted => true,
            Visibility::Private => mentioned || self.follows.contains(&(reader, entry.author)),
            Visibility::Direct => mentioned,
        };
        reader == entry.author || !self.blocks.contains(&(entry.author, reader)) && for_reader
    }

    /// Whether an entry belongs on the reader's home, reblogs of what was just seen aside.
    fn belongs(&self, reader: Who, entry: &Entry) -> bool {
        let Some(original) = entry.of.map_or(Some(entry), |of| self.entries.get(&of)) else { return false };
        let follows = |whom: Who| self.follows.contains(&(reader, whom));
        if !self.may_see(reader, original) || reader != entry.author && !follows(entry.author) {
            return false;
        }
        if reader == entry.author && entry.of.is_none() {
            return true;
        }
        let unwanted =
            |person: Who| person != reader && (self.blocks.contains(&(reader, person)) || self.mutes.contains(&(reader, person)));
        let mut about =
            original.mentions.iter().copied().chain([entry.author, original.author]).chain(original.reply_to.map(|(_, whom)| whom));
        if about.any(unwanted) {
            return false;
        }
        entry.reply_to.is_none_or(|(_, whom)| whom == reader || whom == entry.author || follows(whom))
    }

    /// The ids of the reader's home, newest first.
    pub fn home(&self, reader: Who) -> Vec<u64> {
        let mut shown: Vec<(u64, u64)> = Vec::new();
        for (id, entry) in self.entries.iter().filter(|(_, entry)| self.belongs(reader, entry)) {
            let original = entry.of.unwrap_or(*id);
            let just_seen = shown.iter().rev().take(FALLOFF).any(|(_, other)| *other == original);
            if entry.of.is_none() || !just_seen {
                shown.push((*id, original));
            }
        }
        shown.iter().rev().map(|(id, _)| *id).collect()
    }
}
