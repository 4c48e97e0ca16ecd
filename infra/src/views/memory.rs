//! The view store in memory: the reference that the contract suite and the verifier trust, and the store of tests and demos.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, Table, View};

use super::registry::{Registry, VersionFault};
use super::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};

/// Rows in maps behind one lock, so that every call is atomic.
#[derive(Debug, Default)]
pub struct MemoryViews {
    views: RwLock<BTreeMap<View, ViewRows>>,
}

/// All versions of one view.
#[derive(Debug, Default)]
struct ViewRows {
    registry: Registry,
    versions: BTreeMap<u32, VersionRows>,
}

/// A partition key as the stores order it: by table, length, bytes.
type PartitionKey = (Table, usize, KeyPart);

#[derive(Debug, Default)]
struct VersionRows {
    rows: BTreeMap<PartitionKey, BTreeMap<KeyPart, Bytes>>,
    checkpoints: BTreeMap<PartitionId, Checkpoint>,
}

fn partition_key(table: Table, pk: &KeyPart) -> PartitionKey {
    (table, pk.len(), pk.clone())
}

impl MemoryViews {
    /// An empty store: version 1 of every view is live.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the registry of a view and forgets the rows of versions that no longer resolve.
    fn change<T>(&self, view: View, change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>) -> Result<T, ViewError> {
        let mut views = self.views.write();
        let rows = views.entry(view).or_default();
        let (registry, answer) = change(rows.registry).map_err(|fault| fault.of(view))?;
        rows.registry = registry;
        rows.versions.retain(|number, _| registry.numbers().any(|known| known == *number));
        Ok(answer)
    }
}

/// The rows of a version; nothing where none were written yet.
fn version_rows(views: &BTreeMap<View, ViewRows>, view: View, version: Version) -> Result<Option<&VersionRows>, ViewError> {
    let rows = views.get(&view);
    let number = rows.map(|rows| rows.registry).unwrap_or_default().resolve(version).map_err(|fault| fault.of(view))?;
    Ok(rows.and_then(|rows| rows.versions.get(&number)))
}

/// The rows of the version that a commit resolved for a view.
fn rows_in<'a>(views: &'a mut BTreeMap<View, ViewRows>, numbers: &BTreeMap<View, u32>, view: View) -> &'a mut VersionRows {
    let number = numbers.get(&view).copied().unwrap_or_default();
    views.entry(view).or_default().versions.entry(number).or_default()
}

fn scanned(rows: &BTreeMap<KeyPart, Bytes>, scan: Scan) -> Vec<ScannedRow> {
    // A map's range panics where its bounds cross.
    if let (Some(above), Some(below)) = (&scan.above, &scan.below)
        && above >= below
    {
        return Vec::new();
    }
    let range = rows.range((scan.above.map_or(Bound::Unbounded, Bound::Excluded), scan.below.map_or(Bound::Unbounded, Bound::Excluded)));
    let owned = |(sk, value): (&KeyPart, &Bytes)| (sk.clone(), value.clone());
    match scan.descending {
        true => range.rev().take(scan.limit).map(owned).collect(),
        false => range.take(scan.limit).map(owned).collect(),
    }
}

#[async_trait]
impl ViewStore for MemoryViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        let views = self.views.read();
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let rows = version_rows(&views, key.table.view(), version)?;
            let partition = rows.and_then(|rows| rows.rows.get(&partition_key(key.table, &key.pk)));
            values.push(partition.and_then(|rows| rows.get(&key.sk)).cloned());
        }
        Ok(values)
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        let views = self.views.read();
        let rows = version_rows(&views, scan.table.view(), version)?;
        let partition = rows.and_then(|rows| rows.rows.get(&partition_key(scan.table, &scan.pk)));
        Ok(partition.map(|rows| scanned(rows, scan)).unwrap_or_default())
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        let views = self.views.read();
        let Some(rows) = version_rows(&views, table.view(), version)? else { return Ok(Vec::new()) };
        let from = after.as_ref().map_or((table, 0, KeyPart::new()), |after| partition_key(table, &after.pk));
        let mut dumped = Vec::new();
        for ((_, _, pk), partition) in rows.rows.range(from..).take_while(|((t, ..), _)| *t == table) {
            let above = after.as_ref().filter(|after| after.pk == *pk).map_or(Bound::Unbounded, |after| Bound::Excluded(&after.sk));
            for (sk, value) in partition.range::<KeyPart, _>((above, Bound::Unbounded)) {
                if dumped.len() >= limit {
                    return Ok(dumped);
                }
                dumped.push((RowKey::new(table, pk.clone(), sk.clone()), value.clone()));
            }
        }
        Ok(dumped)
    }

    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        let mut views = self.views.write();
        let written = batch.writes.iter().map(|write| write.key.table.view());
        // Every version is resolved before anything is written: a batch is applied whole or not at all.
        let mut numbers = BTreeMap::new();
        for view in written.chain(batch.checkpoints.iter().map(|(view, ..)| *view)) {
            numbers.insert(view, views.entry(view).or_default().registry.resolve(version).map_err(|fault| fault.of(view))?);
        }
        for write in batch.writes {
            let version_rows = rows_in(&mut views, &numbers, write.key.table.view());
            let place = partition_key(write.key.table, &write.key.pk);
            match write.value {
                Some(value) => {
                    version_rows.rows.entry(place).or_default().insert(write.key.sk, value);
                }
                None => {
                    if let Some(partition) = version_rows.rows.get_mut(&place) {
                        partition.remove(&write.key.sk);
                        if partition.is_empty() {
                            version_rows.rows.remove(&place);
                        }
                    }
                }
            }
        }
        for (view, partition, checkpoint) in batch.checkpoints {
            rows_in(&mut views, &numbers, view).checkpoints.insert(partition, checkpoint);
        }
        Ok(())
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        Ok(version_rows(&self.views.read(), view, version)?.and_then(|rows| rows.checkpoints.get(&partition).copied()))
    }

    async fn versions(&self, view: View) -> Result<Versions, ViewError> {
        Ok(self.views.read().get(&view).map(|rows| rows.registry).unwrap_or_default().versions())
    }

    async fn begin(&self, view: View) -> Result<u32, ViewError> {
        self.change(view, |registry| registry.begin())
    }

    async fn promote(&self, view: View) -> Result<(), ViewError> {
        self.change(view, |registry| Ok((registry.promote()?, ())))
    }

    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError> {
        self.change(view, |registry| Ok((registry.drop_version(version)?, ())))
    }

    async fn flush(&self) -> Result<(), ViewError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::views::contract;

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::run(&|| Arc::new(MemoryViews::new()) as Arc<dyn ViewStore>).await;
    }
}
