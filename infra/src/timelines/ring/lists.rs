//! Author lists: the newest entries of those that reads merge, in memory; everything older from the source.
//!
//! A cached list is a window like a ring, so it is complete above its floor. No post is lost while one is being filled: the list is
//! entered empty first, and takes what is applied from then on; only then is the source read. A post whose row was committed before that
//! read is in its answer, any other is applied later (docs/decisions/0004-timeline-layout.md). What is removed meanwhile is noted, for
//! the answer may still hold it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use schemas::PostId;

use super::super::{Entry, Stretch, TimelineError, TimelineSource};
use super::intern::Accounts;
use super::window::{self, Head, Range, Slot};

/// Locks over the cached lists; a power of two.
const SHARDS: usize = 16;

/// What a read of lists may leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Lists read become cached ones: they will be read again.
    Yes,
    /// Those that were missed once before, lately, do: many read them.
    Again,
    /// Only those that are cached already are used.
    No,
}

/// Author lists, from memory where they are there.
pub(super) struct AuthorLists {
    source: Arc<dyn TimelineSource>,
    accounts: Arc<Accounts>,
    shards: Vec<Mutex<Shard>>,
    lists_max: usize,
    slots: usize,
    tokens: AtomicU64,
}

#[derive(Default)]
struct Shard {
    lists: FxHashMap<u32, Cached>,
    /// All cached authors, in the order in which they are looked at for eviction.
    queue: VecDeque<u32>,
    /// Authors whose lists were missed, since there were too many of them.
    missed: FxHashSet<u32>,
}

struct Cached {
    head: Head,
    floor: u64,
    slots: Box<[Slot]>,
    /// Read since eviction last looked.
    used: bool,
    /// While it is being filled: by whom, and what was removed meanwhile.
    filling: Option<(u64, Vec<u64>)>,
}

/// The exclusive bounds of a stretch as numbers: ids start at one.
pub(super) fn range(stretch: Stretch) -> Range {
    Range {
        above: stretch.above.map_or(0, |post| post.0),
        below: stretch.below.map_or(u64::MAX, |post| post.0),
        ascending: stretch.ascending,
        limit: stretch.limit,
    }
}

fn stretch(range: Range) -> Stretch {
    Stretch {
        above: (range.above > 0).then_some(PostId(range.above)),
        below: (range.below < u64::MAX).then_some(PostId(range.below)),
        ascending: range.ascending,
        limit: range.limit,
    }
}

fn slots_of(author: u32, entries: Vec<Entry>) -> Vec<Slot> {
    entries.into_iter().map(|entry| Slot { post: entry.post.0, author, flags: entry.flags }).collect()
}

impl AuthorLists {
    /// Makes lists over a source, none of them cached.
    pub(super) fn new(source: Arc<dyn TimelineSource>, accounts: Arc<Accounts>, lists_max: usize, slots: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { source, accounts, shards, lists_max: lists_max.div_ceil(SHARDS), slots, tokens: AtomicU64::new(0) }
    }

    fn shard(&self, author: u32) -> &Mutex<Shard> {
        self.shards.get(author as usize % SHARDS).expect("a remainder is below its divisor")
    }

    /// Takes a post into its author's list, where that is cached.
    pub(super) fn posted(&self, slot: Slot) {
        if let Some(cached) = self.shard(slot.author).lock().lists.get_mut(&slot.author) {
            window::insert(&mut cached.head, &mut cached.slots, cached.floor, slot);
        }
    }

    /// Takes a post out of its author's list.
    pub(super) fn removed(&self, author: u32, post: u64) {
        if let Some(cached) = self.shard(author).lock().lists.get_mut(&author) {
            window::remove(&mut cached.head, &mut cached.slots, &mut cached.floor, post);
            if let Some((_, removed)) = &mut cached.filling {
                removed.push(post);
            }
        }
    }

    /// Forgets all cached lists, those being filled included.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            *shard.lock() = Shard::default();
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let one = size_of::<Cached>() + size_of::<(u32, u32)>() + self.slots * size_of::<Slot>();
        self.shards.iter().map(|shard| shard.lock().lists.len() * one).sum()
    }

    /// The same range of many lists, in the order of the authors.
    pub(super) async fn read(&self, authors: &[u32], range: Range, keep: Keep) -> Result<Vec<Vec<Slot>>, TimelineError> {
        let found: Vec<Option<Vec<Slot>>> = authors.iter().map(|author| self.cached(*author, range)).collect();
        let missing: Vec<u32> = authors.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(author, _)| *author).collect();
        if missing.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        // A newest page is what the next read wants too.
        let may_keep = !range.ascending && range.below == u64::MAX && self.lists_max > 0;
        let (kept, passing): (Vec<u32>, Vec<u32>) = missing.into_iter().partition(|author| may_keep && self.is_to_keep(*author, keep));
        let mut answers: FxHashMap<u32, Vec<Slot>> = FxHashMap::default();
        if !kept.is_empty() {
            let fill = Fill::begin(self, &kept);
            let asked = Range { above: 0, limit: self.slots.max(range.limit), ..range };
            for (author, mut slots) in self.ask(&kept, asked).await? {
                fill.end(author, &slots, asked.limit);
                let above = slots.partition_point(|slot| slot.post > range.above);
                slots.truncate(above.min(range.limit));
                answers.insert(author, slots);
            }
        }
        if !passing.is_empty() {
            answers.extend(self.ask(&passing, range).await?);
        }
        let list = |(author, found): (&u32, Option<Vec<Slot>>)| found.or_else(|| answers.remove(author)).unwrap_or_default();
        Ok(authors.iter().zip(found).map(list).collect())
    }

    /// The range of each author's list from the source.
    async fn ask(&self, authors: &[u32], range: Range) -> Result<Vec<(u32, Vec<Slot>)>, TimelineError> {
        let lists = self.source.author_lists(&self.accounts.ids(authors), stretch(range)).await?;
        Ok(authors.iter().zip(lists).map(|(author, entries)| (*author, slots_of(*author, entries))).collect())
    }

    /// Whether the list of an author who was missed becomes a cached one.
    fn is_to_keep(&self, author: u32, keep: Keep) -> bool {
        match keep {
            Keep::Yes => true,
            Keep::No => false,
            Keep::Again => {
                let missed = &mut self.shard(author).lock().missed;
                if missed.len() >= self.lists_max {
                    missed.clear();
                }
                !missed.insert(author)
            }
        }
    }

    /// The range of a cached list, where that holds all of it.
    fn cached(&self, author: u32, range: Range) -> Option<Vec<Slot>> {
        let mut shard = self.shard(author).lock();
        let cached = shard.lists.get_mut(&author).filter(|cached| cached.filling.is_none())?;
        let floor = window::floor(&cached.head, &cached.slots, cached.floor);
        let known = Range { above: range.above.max(floor), ..range };
        if range.ascending && range.above < floor {
            return None;
        }
        let slots = window::read(&cached.head, &cached.slots, known);
        let whole = slots.len() == range.limit || range.above >= floor;
        cached.used |= whole;
        whole.then_some(slots)
    }
}

/// Lists being filled: those that are not ended when this is dropped, for the read failed or was given up, are taken out again.
struct Fill<'a> {
    lists: &'a AuthorLists,
    authors: &'a [u32],
    token: u64,
}

impl<'a> Fill<'a> {
    fn begin(lists: &'a AuthorLists, authors: &'a [u32]) -> Self {
        let token = lists.tokens.fetch_add(1, Ordering::Relaxed);
        for author in authors {
            let mut shard = lists.shard(*author).lock();
            if shard.lists.contains_key(author) {
                continue;
            }
            while shard.lists.len() >= lists.lists_max {
                let Some(oldest) = shard.queue.pop_front() else { break };
                match shard.lists.get_mut(&oldest) {
                    Some(cached) if cached.used => {
                        cached.used = false;
                        shard.queue.push_back(oldest);
                    }
                    _ => drop(shard.lists.remove(&oldest)),
                }
            }
            let slots = vec![Slot::default(); lists.slots].into_boxed_slice();
            let filling = Some((token, Vec::new()));
            shard.lists.insert(*author, Cached { head: Head::default(), floor: 0, slots, used: true, filling });
            shard.queue.push_back(*author);
        }
        Self { lists, authors, token }
    }

    /// Enters what the source answered, newest first; `asked` entries mean that there may be more.
    fn end(&self, author: u32, slots: &[Slot], asked: usize) {
        let mut shard = self.lists.shard(author).lock();
        let Some(cached) = shard.lists.get_mut(&author) else { return };
        let Some((_, removed)) = cached.filling.take_if(|(token, _)| *token == self.token) else { return };
        let kept = slots.get(..self.lists.slots).unwrap_or(slots);
        if kept.len() < slots.len() || slots.len() == asked {
            cached.floor = cached.floor.max(kept.last().map_or(0, |oldest| oldest.post.saturating_sub(1)));
        }
        let floor = cached.floor;
        for slot in kept {
            if !removed.contains(&slot.post) && !window::contains(&cached.head, &cached.slots, slot.post) {
                window::insert(&mut cached.head, &mut cached.slots, floor, *slot);
            }
        }
    }
}

impl Drop for Fill<'_> {
    fn drop(&mut self) {
        for author in self.authors {
            let mut shard = self.lists.shard(*author).lock();
            let mine = |cached: &Cached| cached.filling.as_ref().is_some_and(|(token, _)| *token == self.token);
            if shard.lists.get(author).is_some_and(mine) {
                shard.lists.remove(author);
                shard.queue.retain(|queued| queued != author);
            }
        }
    }
}
