//! The rows that a batch works on: those prefetched and those written since, one map; no I/O.
//!
//! A projection reads only what its `reads` named, so everything it meets is here. Each record is a step that can be taken back as a
//! whole, so that one which panics half-way leaves nothing behind.

use bytes::Bytes;
use rustc_hash::FxHashMap;
use schemas::log::Offset;
use schemas::rows::{AccountStatsRow, InstanceStatsRow, RowKey, RowWrite, StatusCountRow, TagUseRow, codec};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A row as the batch knows it.
#[derive(Debug, Clone, Default)]
struct Slot {
    value: Option<Bytes>,
    /// Which record wrote it last; nothing while it is as the store has it.
    written: Option<Offset>,
}

/// A row that counts, and knows the last offset that it counted.
pub trait Counter: Serialize + DeserializeOwned + Default {
    /// The last offset counted, plus 1.
    fn last(&mut self) -> &mut Offset;
}

impl Counter for AccountStatsRow {
    fn last(&mut self) -> &mut Offset {
        &mut self.last
    }
}

impl Counter for InstanceStatsRow {
    fn last(&mut self) -> &mut Offset {
        &mut self.last
    }
}

impl Counter for StatusCountRow {
    fn last(&mut self) -> &mut Offset {
        &mut self.last
    }
}

impl Counter for TagUseRow {
    fn last(&mut self) -> &mut Offset {
        &mut self.last
    }
}

/// The working set of a batch.
#[derive(Debug, Default)]
pub struct Rows {
    slots: FxHashMap<RowKey, Slot>,
    /// The present record's offset.
    offset: Offset,
    /// For records that come after younger ones were counted: the offset that their writes are to have. Counters take them all.
    late: Option<Offset>,
    /// What the present record's writes replaced, in order.
    undo: Vec<(RowKey, Option<Slot>)>,
}

impl Rows {
    /// A working set for records released from the dead letters: younger ones, up to `offset`, were counted before them.
    pub fn late(offset: Offset) -> Self {
        Self { late: Some(offset), ..Self::default() }
    }

    /// Takes in a row as the store has it, unless the batch has it already.
    pub fn fetched(&mut self, key: RowKey, value: Option<Bytes>) {
        self.slots.entry(key).or_insert(Slot { value, written: None });
    }

    /// Whether the batch has the row, present or absent.
    pub fn knows(&self, key: &RowKey) -> bool {
        self.slots.contains_key(key)
    }

    /// Opens the step of a record.
    pub fn begin(&mut self, offset: Offset) {
        self.offset = offset;
        self.undo.clear();
    }

    /// Takes the step of the present record back.
    pub fn roll_back(&mut self) {
        for (key, before) in self.undo.drain(..).rev() {
            match before {
                Some(slot) => self.slots.insert(key, slot),
                None => self.slots.remove(&key),
            };
        }
    }

    /// The row, if present. Panics on a row that was not prefetched or is damaged: the record then goes to the dead letters.
    pub fn get<T: DeserializeOwned>(&self, key: &RowKey) -> Option<T> {
        let slot = self.slots.get(key);
        let slot = slot.unwrap_or_else(|| panic!("a row of table {} is read that `reads` did not name", key.table.name()));
        let bytes = slot.value.as_ref()?;
        Some(codec::decode(bytes).unwrap_or_else(|error| panic!("a row of table {} is damaged: {error}", key.table.name())))
    }

    /// Writes a row.
    pub fn put<T: Serialize>(&mut self, key: RowKey, row: &T) {
        self.write(key, Some(codec::encode(row)));
    }

    /// Removes a row, which may be absent.
    pub fn delete(&mut self, key: RowKey) {
        let absent = self.slots.get(&key).is_some_and(|slot| slot.value.is_none());
        if !absent {
            self.write(key, None);
        }
    }

    /// Changes a counter that was prefetched, once for this record however often it is replayed.
    pub fn count<T: Counter>(&mut self, key: RowKey, change: impl FnOnce(&mut T)) {
        let mut row: T = self.get(&key).unwrap_or_default();
        let ours = self.slots.get(&key).is_some_and(|slot| slot.written == Some(self.offset));
        if !ours && self.late.is_none() && *row.last() > self.offset {
            return;
        }
        change(&mut row);
        *row.last() = (*row.last()).max(self.offset + 1);
        self.put(key, &row);
    }

    /// What the batch writes.
    pub fn into_writes(self) -> Vec<RowWrite> {
        let late = self.late;
        let write =
            |(key, slot): (RowKey, Slot)| Some(RowWrite { key, value: slot.value, offset: late.or(slot.written)?.max(slot.written?) });
        self.slots.into_iter().filter_map(write).collect()
    }

    fn write(&mut self, key: RowKey, value: Option<Bytes>) {
        let before = self.slots.insert(key.clone(), Slot { value, written: Some(self.offset) });
        self.undo.push((key, before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::PostId;
    use schemas::ids::PartitionId;
    use schemas::rows::keys;

    fn count_key() -> RowKey {
        keys::status_count(PostId(7), PartitionId(0))
    }

    fn favourite(rows: &mut Rows, offset: Offset) {
        rows.begin(offset);
        rows.count(count_key(), |row: &mut StatusCountRow| row.favourites += 1);
    }

    fn favourites(rows: &Rows) -> i64 {
        rows.get::<StatusCountRow>(&count_key()).map_or(0, |row| row.favourites)
    }

    #[test]
    fn a_counter_takes_each_record_once() {
        let mut first = Rows::default();
        first.fetched(count_key(), None);
        for offset in [4, 5] {
            favourite(&mut first, offset);
        }
        let stored = first.into_writes().pop().and_then(|write| write.value);
        let mut again = Rows::default();
        again.fetched(count_key(), stored.clone());
        for offset in [4, 5, 6] {
            favourite(&mut again, offset);
        }
        assert_eq!(favourites(&again), 3);
        let mut late = Rows::late(9);
        late.fetched(count_key(), stored);
        favourite(&mut late, 3);
        assert_eq!(favourites(&late), 3, "a released record comes after younger ones");
    }

    #[test]
    fn a_step_that_is_taken_back_leaves_nothing() {
        let mut rows = Rows::default();
        rows.fetched(count_key(), None);
        favourite(&mut rows, 1);
        rows.begin(2);
        rows.count(count_key(), |row: &mut StatusCountRow| row.favourites += 1);
        rows.count(count_key(), |row: &mut StatusCountRow| row.favourites += 1);
        rows.delete(keys::status(PostId(9)));
        rows.roll_back();
        assert_eq!(favourites(&rows), 1);
        assert_eq!(rows.into_writes().len(), 1);
    }
}
