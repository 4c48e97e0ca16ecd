//! Reading: what waits in memory lies over what is in the files.

use std::cmp::Ordering;
use std::ops::Bound;

use ::fjall::{Keyspace, Readable, Snapshot, UserKey, UserValue};
use bytes::Bytes;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, Table, View};

use super::layout::{self, KeyBytes, KeyRange};
use super::{Inner, failed};
use crate::views::{Scan, ScannedRow, Version, ViewError};

fn owned(slice: &[u8]) -> Bytes {
    Bytes::copy_from_slice(slice)
}

/// Rows that were asked for, as far as memory knows them.
pub(super) struct Looked {
    values: Vec<Option<Bytes>>,
    /// Which of them are to be looked for in the files.
    missing: Vec<(usize, KeyBytes, Keyspace)>,
    snapshot: Option<Snapshot>,
}

impl Looked {
    /// Whether memory knows all of them.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Looks for the rest in the files.
    pub(super) fn complete(mut self) -> Result<Vec<Option<Bytes>>, ViewError> {
        for (index, key, space) in self.missing {
            let stored = match &self.snapshot {
                Some(snapshot) => snapshot.get(&space, key),
                None => space.get(key),
            };
            if let Some(value) = self.values.get_mut(index) {
                *value = stored.map_err(failed)?.as_deref().map(owned);
            }
        }
        Ok(self.values)
    }
}

impl Inner {
    /// What memory knows of some rows, and how the rest is to be looked for.
    pub(super) fn look(&self, version: Version, keys: &[RowKey]) -> Result<Looked, ViewError> {
        let spaces = self.spaces();
        let mut looked = Looked { values: Vec::with_capacity(keys.len()), missing: Vec::new(), snapshot: None };
        let front = self.front.read();
        for (index, key) in keys.iter().enumerate() {
            let view = key.table.view();
            let (number, space) = spaces.resolve(view, version)?;
            let known = front.get((view, number), key);
            if known.is_none() && !front.rules_out((view, number), key) {
                looked.missing.push((index, layout::row_key(key)?, space.clone()));
            }
            looked.values.push(known.flatten());
        }
        // One snapshot, as of this moment, so that rows of one batch are seen together.
        looked.snapshot = (looked.missing.len() > 1).then(|| self.database.snapshot());
        Ok(looked)
    }

    /// The rows of a scan: those of the files, and over them what is not there yet.
    pub(super) fn scan(&self, version: Version, scan: &Scan) -> Result<Vec<ScannedRow>, ViewError> {
        let Some(range) = layout::scan_range(scan)? else { return Ok(Vec::new()) };
        let (spaces, view) = (self.spaces(), scan.table.view());
        let (number, space) = spaces.resolve(view, version)?;
        let front = self.front.read();
        let mut over = front.over((view, number), scan).into_iter().peekable();
        let snapshot = self.database.snapshot();
        drop(front);
        let mut stored = stored(&snapshot, space, &range, scan.descending);
        let (mut rows, mut next) = (Vec::new(), None);
        while rows.len() < scan.limit {
            if next.is_none() {
                next = stored.next().transpose()?;
            }
            let key = next.as_ref().map(|(key, _)| key.get(range.prefix_bytes..).unwrap_or_default());
            let order = match (over.peek(), key) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((newer, _)), Some(older)) if scan.descending => older.cmp(newer.as_slice()),
                (Some((newer, _)), Some(older)) => newer.as_slice().cmp(older),
            };
            if order == Ordering::Greater {
                let row = next.take().and_then(|(key, value)| Some((KeyPart::from_slice(key.get(range.prefix_bytes..)?), owned(&value))));
                rows.extend(row);
                continue;
            }
            if order == Ordering::Equal {
                next = None;
            }
            rows.extend(over.next().and_then(|(sk, value)| Some((sk, value?))));
        }
        Ok(rows)
    }

    /// Every row of a table after a key, from the files, which have all by then.
    pub(super) fn dump(
        &self,
        version: Version,
        table: Table,
        after: Option<&RowKey>,
        limit: usize,
    ) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        let (spaces, view) = (self.spaces(), table.view());
        let (number, space) = spaces.resolve(view, version)?;
        if self.front.read().holds((view, number)) {
            self.drain()?;
        }
        let (range, snapshot) = (layout::dump_range(table, after)?, self.database.snapshot());
        let mut rows = Vec::new();
        for row in stored(&snapshot, space, &range, false).take(limit) {
            let (key, value) = row?;
            let damaged = || ViewError::Fatal(format!("a row key is damaged: {}", hex::encode(&key)));
            rows.push((layout::read_row_key(table, &key).ok_or_else(damaged)?, owned(&value)));
        }
        Ok(rows)
    }

    pub(super) fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        let spaces = self.spaces();
        let (number, space) = spaces.resolve(view, version)?;
        if let Some(known) = self.front.read().checkpoint((view, number), partition) {
            return Ok(Some(known));
        }
        self.stored_checkpoint((view, number), space, partition)
    }

    /// A checkpoint as the files have it.
    pub(super) fn stored_checkpoint(
        &self,
        (view, number): (View, u32),
        space: &Keyspace,
        partition: PartitionId,
    ) -> Result<Option<Checkpoint>, ViewError> {
        let own = space.get(layout::own_checkpoint_key(partition)).map_err(failed)?;
        let bytes = match own {
            Some(own) => Some(own),
            None => self.meta.get(layout::checkpoint_key(view, number, partition)).map_err(failed)?,
        };
        let decode = |bytes: &[u8]| {
            layout::decode_checkpoint(bytes)
                .ok_or_else(|| ViewError::Fatal(format!("the checkpoint of view {} in partition {partition} is damaged", view.name())))
        };
        bytes.as_deref().map(decode).transpose()
    }
}

/// Rows of the files in a range of keys.
fn stored(
    snapshot: &Snapshot,
    space: &Keyspace,
    range: &KeyRange,
    descending: bool,
) -> impl Iterator<Item = Result<(UserKey, UserValue), ViewError>> + use<> {
    let start: Bound<&[u8]> = if range.includes_start { Bound::Included(&range.start) } else { Bound::Excluded(&range.start) };
    let mut found = snapshot.range::<&[u8], _>(space, (start, Bound::Excluded(&*range.end)));
    let mut next = move || if descending { found.next_back() } else { found.next() };
    std::iter::from_fn(move || next().map(|guard| guard.into_inner().map_err(failed)))
}
