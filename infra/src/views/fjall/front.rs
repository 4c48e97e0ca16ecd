//! What is committed and not yet in the store's files: rows in memory, found by hash, in order where a scan needs it.
//!
//! A commit is seen from here at once. From time to time all of it goes to the files, sorted (`drain.rs`); meanwhile it is the older of two
//! generations, and new commits gather in the younger. What neither knows, the files know. The choice:
//! docs/decisions/0006-view-store-and-stamps.md.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, RowWrite, Table, View};

use super::young::{OfPost, Young};
use crate::views::{Scan, ViewBatch};

/// What a row takes in memory beside its key and value, about.
const OVERHEAD_BYTES: usize = 160;

/// A row's new bytes, or nothing for its removal.
type Value = Option<Bytes>;

/// A version of a view.
pub(super) type Space = (View, u32);

/// The rows of one partition key.
#[derive(Debug)]
enum Part {
    /// As most have one row, and a map is for many.
    One(KeyPart, Value),
    Many(BTreeMap<KeyPart, Value>),
}

impl Part {
    fn get(&self, sk: &KeyPart) -> Option<&Value> {
        match self {
            Self::One(own, value) => (own == sk).then_some(value),
            Self::Many(rows) => rows.get(sk),
        }
    }

    /// Sets a row; true if it is a new one.
    fn put(&mut self, sk: KeyPart, value: Value) -> bool {
        match self {
            Self::One(own, before) if *own == sk => {
                *before = value;
                false
            }
            Self::One(own, before) => {
                *self = Self::Many(BTreeMap::from([(std::mem::take(own), before.take()), (sk, value)]));
                true
            }
            Self::Many(rows) => rows.insert(sk, value).is_none(),
        }
    }

    fn all(&self) -> Box<dyn Iterator<Item = (&KeyPart, &Value)> + '_> {
        match self {
            Self::One(sk, value) => Box::new(std::iter::once((sk, value))),
            Self::Many(rows) => Box::new(rows.iter()),
        }
    }

    /// The rows that a scan is about, in its order.
    fn range<'a>(&'a self, scan: &Scan) -> Box<dyn Iterator<Item = (&'a KeyPart, &'a Value)> + 'a> {
        match self {
            Self::One(sk, value) => {
                let wanted = scan.above.as_ref().is_none_or(|above| sk > above) && scan.below.as_ref().is_none_or(|below| sk < below);
                Box::new(wanted.then_some((sk, value)).into_iter())
            }
            // A range of nothing between its bounds is an error of the map's.
            Self::Many(_) if matches!((&scan.above, &scan.below), (Some(above), Some(below)) if above >= below) => {
                Box::new(std::iter::empty())
            }
            Self::Many(rows) => {
                let above = scan.above.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let below = scan.below.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let range = rows.range::<KeyPart, _>((above, below));
                if scan.descending { Box::new(range.rev()) } else { Box::new(range) }
            }
        }
    }
}

/// Rows and checkpoints of one version of a view.
#[derive(Debug, Default)]
pub(super) struct Rows {
    tables: FxHashMap<Table, FxHashMap<KeyPart, Part>>,
    checkpoints: BTreeMap<PartitionId, Checkpoint>,
    count: usize,
}

impl Rows {
    fn part(&self, table: Table, pk: &KeyPart) -> Option<&Part> {
        self.tables.get(&table)?.get(pk)
    }

    fn put(&mut self, key: RowKey, value: Value) {
        let RowKey { table, pk, sk } = key;
        let parts = self.tables.entry(table).or_default();
        let new = match parts.get_mut(&pk) {
            Some(part) => part.put(sk, value),
            None => parts.insert(pk, Part::One(sk, value)).is_none(),
        };
        self.count += usize::from(new);
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Every row, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (Table, &KeyPart, &KeyPart, &Value)> {
        let parts = self.tables.iter().flat_map(|(table, parts)| parts.iter().map(|(pk, part)| (*table, pk, part)));
        parts.flat_map(|(table, pk, part)| part.all().map(move |(sk, value)| (table, pk, sk, value)))
    }

    /// The checkpoints, by partition.
    pub(super) fn checkpoints(&self) -> impl Iterator<Item = (PartitionId, &Checkpoint)> {
        self.checkpoints.iter().map(|(partition, checkpoint)| (*partition, checkpoint))
    }
}

/// Commits of a stretch of time.
#[derive(Debug, Default)]
pub(super) struct Generation {
    spaces: FxHashMap<Space, Rows>,
    bytes: usize,
    since: Option<Instant>,
}

impl Generation {
    /// Since when there is something in it.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everything, by version of a view.
    pub(super) fn spaces(&self) -> impl Iterator<Item = (Space, &Rows)> {
        self.spaces.iter().map(|(space, rows)| (*space, rows))
    }
}

/// Both generations.
#[derive(Debug, Default)]
pub(super) struct Front {
    young: Generation,
    /// On its way to the files.
    old: Option<Arc<Generation>>,
    /// What the files need not be asked for.
    of_posts: FxHashMap<Space, Young>,
}

impl Front {
    /// Before the files of these versions; of each it is said which post none of its rows is above.
    pub(super) fn new(spaces: impl Iterator<Item = (Space, u64)>) -> Self {
        Self { of_posts: spaces.map(|(space, newest)| (space, Young::new(newest))).collect(), ..Self::default() }
    }

    /// A version is begun, without rows.
    pub(super) fn begin(&mut self, space: Space) {
        self.of_posts.insert(space, Young::new(0));
    }

    /// A version is gone.
    pub(super) fn forget(&mut self, space: Space) {
        self.of_posts.remove(&space);
    }

    /// The post that no row of the version is above.
    pub(super) fn newest_post(&self, space: Space) -> u64 {
        self.of_posts.get(&space).map_or(u64::MAX, Young::newest)
    }

    /// Whether the files surely do not have the row.
    pub(super) fn rules_out(&self, space: Space, key: &RowKey) -> bool {
        OfPost::of(key).is_some_and(|row| self.of_posts.get(&space).is_some_and(|young| young.rules_out(row)))
    }

    /// Those that a key may be in, the younger first.
    fn generations(&self) -> impl Iterator<Item = &Generation> {
        std::iter::once(&self.young).chain(self.old.as_deref())
    }

    fn of_space(&self, space: Space) -> impl Iterator<Item = &Rows> {
        self.generations().filter_map(move |generation| generation.spaces.get(&space))
    }

    /// The generation that takes commits.
    pub(super) fn young(&self) -> &Generation {
        &self.young
    }

    /// Takes a batch; `numbers` says which version each of its views is written in.
    pub(super) fn put(&mut self, numbers: &[Space], batch: ViewBatch) {
        let Generation { spaces, bytes, since } = &mut self.young;
        let space_of = |view: View| *numbers.iter().find(|(known, _)| *known == view).expect("every view of a batch is resolved");
        for RowWrite { key, value, .. } in batch.writes {
            *bytes += OVERHEAD_BYTES + key.pk.len() + key.sk.len() + value.as_ref().map_or(0, Bytes::len);
            let space = space_of(key.table.view());
            if let Some(row) = OfPost::of(&key)
                && let Some(young) = self.of_posts.get_mut(&space)
            {
                young.put(row);
            }
            spaces.entry(space).or_default().put(key, value);
        }
        for (view, partition, checkpoint) in batch.checkpoints {
            spaces.entry(space_of(view)).or_default().checkpoints.insert(partition, checkpoint);
        }
        since.get_or_insert_with(Instant::now);
    }

    /// The row as it was committed last; nothing if the files know.
    pub(super) fn get(&self, space: Space, key: &RowKey) -> Option<Value> {
        self.of_space(space).find_map(|rows| rows.part(key.table, &key.pk)?.get(&key.sk)).cloned()
    }

    /// The checkpoint as it was committed last; nothing if the files know.
    pub(super) fn checkpoint(&self, space: Space, partition: PartitionId) -> Option<Checkpoint> {
        self.of_space(space).find_map(|rows| rows.checkpoints.get(&partition)).copied()
    }

    /// The rows of a scan that lie over those of the files, in its order: as far as the limit can reach, removals among them.
    pub(super) fn over(&self, space: Space, scan: &Scan) -> Vec<(KeyPart, Value)> {
        let mut parts = self.of_space(space).filter_map(|rows| rows.part(scan.table, &scan.pk)).map(|part| part.range(scan));
        let (Some(younger), older) = (parts.next(), parts.next()) else { return Vec::new() };
        let merged = Merged { younger: younger.peekable(), older: older.into_iter().flatten().peekable(), descending: scan.descending };
        let (mut over, mut present) = (Vec::new(), 0);
        for (sk, value) in merged {
            if present == scan.limit {
                break;
            }
            present += usize::from(value.is_some());
            over.push((sk.clone(), value.clone()));
        }
        over
    }

    /// Whether there is anything of a version of a view.
    pub(super) fn holds(&self, space: Space) -> bool {
        self.of_space(space).next().is_some()
    }

    /// Makes what was committed so far the older generation, if there is something and no older one.
    pub(super) fn turn(&mut self) -> Option<Arc<Generation>> {
        if self.old.is_none() && self.young.since.is_some() {
            self.old = Some(Arc::new(std::mem::take(&mut self.young)));
        }
        self.old.clone()
    }

    /// The files have the older generation.
    pub(super) fn drained(&mut self) -> Option<Arc<Generation>> {
        self.old.take()
    }
}

/// Rows of two generations in one order; where both have one, it is the younger's.
struct Merged<Y: Iterator, O: Iterator> {
    younger: Peekable<Y>,
    older: Peekable<O>,
    descending: bool,
}

impl<'a, Y, O> Iterator for Merged<Y, O>
where
    Y: Iterator<Item = (&'a KeyPart, &'a Value)>,
    O: Iterator<Item = (&'a KeyPart, &'a Value)>,
{
    type Item = (&'a KeyPart, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        let (Some((young, _)), Some((old, _))) = (self.younger.peek(), self.older.peek()) else {
            return self.younger.next().or_else(|| self.older.next());
        };
        if young == old {
            self.older.next();
            return self.younger.next();
        }
        if (young < old) != self.descending { self.younger.next() } else { self.older.next() }
    }
}
