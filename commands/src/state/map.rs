//! The bounded map behind [`State`]: what was used lately, and everything that the view does not have yet.
//!
//! Two generations stand in for a clock: entries enter the young one; when it is full it becomes the old one, and what nobody touched
//! since is dropped with the old one. **An entry that differs from its row is never dropped**: it is pinned until a commit that holds it
//! has returned, so a key that is not in memory has its newest value in the view. What is written once and seldom decided on again (posts, and
//! what accounts do with them) leaves when it is written: else it would drive out the accounts, which every command reads.

use rustc_hash::FxHashMap;
use schemas::rows::{RowWrite, codec::BadRow};

use super::{StateKey, StateValue};

#[derive(Debug)]
struct Entry {
    value: Option<StateValue>,
    /// The round in which it changed last; 0 if it is as stored.
    changed: u64,
}

/// Decision state in memory. See the module.
#[derive(Debug)]
pub struct State {
    young: FxHashMap<StateKey, Entry>,
    old: FxHashMap<StateKey, Entry>,
    /// The keys that changed in this round, each once.
    dirty: Vec<StateKey>,
    /// The keys of the snapshot on its way to the view.
    flushing: Vec<StateKey>,
    /// Counts the snapshots, from 1.
    round: u64,
    generation_max: usize,
}

impl State {
    /// Makes an empty state that keeps at most `entries` in memory beside those that are pinned.
    pub fn new(entries: usize) -> Self {
        Self {
            young: FxHashMap::default(),
            old: FxHashMap::default(),
            dirty: Vec::new(),
            flushing: Vec::new(),
            round: 1,
            generation_max: (entries / 2).max(1),
        }
    }

    /// Whether the key is in memory, there or not there; if so it stays until the next [`Self::make_room`].
    pub fn touch(&mut self, key: &StateKey) -> bool {
        if self.young.contains_key(key) {
            return true;
        }
        let Some((key, entry)) = self.old.remove_entry(key) else { return false };
        self.young.insert(key, entry);
        true
    }

    /// Whether the key is ready to be decided on.
    pub fn is_loaded(&self, key: &StateKey) -> bool {
        self.young.contains_key(key)
    }

    /// Takes a key in as it is stored. What is in memory already is newer and stays.
    pub fn load(&mut self, key: StateKey, row: Option<&[u8]>) -> Result<(), BadRow> {
        if !self.touch(&key) {
            let value = row.map(StateValue::decode).transpose()?;
            self.young.insert(key, Entry { value, changed: 0 });
        }
        Ok(())
    }

    /// The value of a loaded key.
    pub fn get(&self, key: &StateKey) -> Option<&StateValue> {
        let entry = self.young.get(key);
        debug_assert!(entry.is_some(), "decided on a key that was not loaded: {key:?}");
        entry?.value.as_ref()
    }

    /// Sets or removes the value of a key, loaded or not.
    pub fn put(&mut self, key: StateKey, value: Option<StateValue>) {
        self.touch(&key);
        let changed = self.young.get(&key).map_or(0, |entry| entry.changed);
        if changed != self.round {
            self.dirty.push(key.clone());
        }
        self.young.insert(key, Entry { value, changed: self.round });
    }

    /// The value of a loaded key, to be changed.
    pub fn change(&mut self, key: StateKey) -> Option<&mut StateValue> {
        let entry = self.young.get_mut(&key);
        debug_assert!(entry.is_some(), "changed a key that was not loaded: {key:?}");
        let entry = entry?;
        if entry.changed != self.round {
            entry.changed = self.round;
            self.dirty.push(key);
        }
        entry.value.as_mut()
    }

    /// Drops what was not used lately, if there is too much. Keys must be touched again before they are decided on.
    pub fn make_room(&mut self) {
        if self.young.len() < self.generation_max {
            return;
        }
        for key in self.dirty.iter().chain(&self.flushing) {
            if let Some((key, entry)) = self.old.remove_entry(key) {
                self.young.insert(key, entry);
            }
        }
        self.old = std::mem::take(&mut self.young);
    }

    /// Entries that differ from their rows, roughly: one that changes while it is written counts twice.
    pub fn pinned(&self) -> usize {
        self.dirty.len() + self.flushing.len()
    }

    /// Entries in memory.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether nothing is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the rows that changed since the last snapshot, and pins their entries until [`Self::flushed`]. One at a time.
    pub fn snapshot(&mut self) -> Vec<RowWrite> {
        debug_assert!(self.flushing.is_empty(), "one snapshot at a time");
        self.flushing = std::mem::take(&mut self.dirty);
        self.round += 1;
        let (young, old) = (&self.young, &self.old);
        let write = |key: &StateKey| {
            let entry = young.get(key).or_else(|| old.get(key)).expect("changed entries are pinned");
            RowWrite { key: key.row(), value: entry.value.as_ref().map(StateValue::encode), offset: 0 }
        };
        self.flushing.iter().map(write).collect()
    }

    /// The snapshot is in the view, or is not: then its entries belong to the next one.
    pub fn flushed(&mut self, written: bool) {
        let keys = std::mem::take(&mut self.flushing);
        if written {
            keys.iter().filter(|key| key.is_seldom_read()).for_each(|key| self.forget(key));
            return;
        }
        for key in keys {
            let entry = self.young.get_mut(&key).or_else(|| self.old.get_mut(&key)).expect("changed entries are pinned");
            if entry.changed != self.round {
                entry.changed = self.round;
                self.dirty.push(key);
            }
        }
    }

    /// Drops a key that was just written, unless it has changed since.
    fn forget(&mut self, key: &StateKey) {
        let as_stored = |entry: &Entry| entry.changed != self.round;
        if self.young.get(key).is_some_and(as_stored) {
            self.young.remove(key);
        } else if self.old.get(key).is_some_and(as_stored) {
            self.old.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use schemas::{AccountId, PostId, RelationId};

    use super::*;

    /// Of every third number a key that is forgotten once it is written.
    fn key(n: u64) -> StateKey {
        if n.is_multiple_of(3) { StateKey::Interaction(AccountId(n), PostId(0)) } else { StateKey::Block(AccountId(n), AccountId(0)) }
    }

    /// What a test does to the state of a few keys.
    #[derive(Debug, Clone)]
    enum Step {
        Put(u64, Option<u64>),
        Read(u64),
        Snapshot,
        Flushed(bool),
        MakeRoom,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..20_u64, any::<Option<u64>>()).prop_map(|(n, value)| Step::Put(n, value)),
            4 => (0..20_u64).prop_map(Step::Read),
            1 => Just(Step::Snapshot),
            1 => any::<bool>().prop_map(Step::Flushed),
            2 => Just(Step::MakeRoom),
        ]
    }

    proptest! {
        /// Whatever is dropped, flushed or failed to be flushed: a key that is not in memory has its newest value in the view.
        #[test]
        fn reads_through_the_view_give_the_newest_value(steps in proptest::collection::vec(step(), 0..200)) {
            let mut state = State::new(6);
            let mut model: BTreeMap<u64, Option<u64>> = BTreeMap::new();
            let mut view = BTreeMap::new();
            let mut snapshot: Option<Vec<RowWrite>> = None;
            for step in steps {
                match step {
                    Step::Put(n, value) => {
                        state.put(key(n), value.map(|id| StateValue::Block(RelationId(id))));
                        model.insert(n, value);
                    }
                    Step::Read(n) => {
                        if !state.touch(&key(n)) {
                            let row: Option<bytes::Bytes> = view.get(&key(n).row()).cloned().flatten();
                            state.load(key(n), row.as_deref()).unwrap();
                        }
                        let expected = model.get(&n).copied().flatten().map(|id| StateValue::Block(RelationId(id)));
                        prop_assert_eq!(state.get(&key(n)), expected.as_ref());
                    }
                    Step::Snapshot if snapshot.is_none() => snapshot = Some(state.snapshot()),
                    Step::Flushed(written) => {
                        let Some(writes) = snapshot.take() else { continue };
                        if written {
                            view.extend(writes.into_iter().map(|write| (write.key, write.value)));
                        }
                        state.flushed(written);
                    }
                    Step::MakeRoom => state.make_room(),
                    Step::Snapshot => {}
                }
            }
            prop_assert!(state.pinned() <= 40);
        }
    }

    #[test]
    fn what_is_not_used_is_dropped() {
        let mut state = State::new(8);
        for n in 0..100 {
            state.make_room();
            state.load(key(n), None).unwrap();
        }
        assert!(state.len() <= 8, "{}", state.len());
    }
}
