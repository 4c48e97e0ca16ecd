//! The view store's live rows, typed.

use std::sync::Arc;

use bytes::Bytes;
use infra::views::{Scan, Version, ViewStore};
use schemas::rows::{KeyPart, RowKey, Table, codec, keys};
use serde::de::DeserializeOwned;

use crate::error::QueryError;

/// Rows of one scan where all rows of a partition key are wanted: few enough for an embedded store to read them without a thread of its own,
/// whose waking took longer than most scans.
const CHUNK_ROWS: usize = 512;

/// Reads rows of the live views.
#[derive(Clone)]
pub(crate) struct Rows {
    views: Arc<dyn ViewStore>,
}

/// A stretch of sort keys that are ids; bounds are exclusive.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IdRange {
    pub(crate) below: Option<u64>,
    pub(crate) above: Option<u64>,
    pub(crate) ascending: bool,
    pub(crate) limit: usize,
}

impl Rows {
    pub(crate) fn new(views: Arc<dyn ViewStore>) -> Self {
        Self { views }
    }

    /// A row, if it is there.
    pub(crate) async fn one<T: DeserializeOwned>(&self, key: RowKey) -> Result<Option<T>, QueryError> {
        Ok(self.many(&[key]).await?.pop().flatten())
    }

    /// Rows, in the order of their keys.
    pub(crate) async fn many<T: DeserializeOwned>(&self, keys: &[RowKey]) -> Result<Vec<Option<T>>, QueryError> {
        let mut rows = Vec::with_capacity(keys.len());
        for bytes in self.views.get(Version::Live, keys).await? {
            rows.push(bytes.map(|bytes| codec::decode(&bytes)).transpose()?);
        }
        Ok(rows)
    }

    /// Rows as bytes, in the order of their keys: for keys of several tables at once.
    pub(crate) async fn raw(&self, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, QueryError> {
        Ok(self.views.get(Version::Live, keys).await?)
    }

    /// Rows of a partition key, with their sort keys, at most `limit`, in ascending order after `above`.
    pub(crate) async fn after<T: DeserializeOwned>(
        &self,
        table: Table,
        pk: KeyPart,
        above: Option<KeyPart>,
        limit: usize,
    ) -> Result<Vec<(KeyPart, T)>, QueryError> {
        self.typed(Scan { table, pk, above, below: None, descending: false, limit }).await
    }

    /// All rows of a partition key.
    pub(crate) async fn all<T: DeserializeOwned>(&self, table: Table, pk: KeyPart) -> Result<Vec<(KeyPart, T)>, QueryError> {
        let mut rows: Vec<(KeyPart, T)> = Vec::new();
        loop {
            let above = rows.last().map(|(sk, _)| sk.clone());
            let chunk = self.after(table, pk.clone(), above, CHUNK_ROWS).await?;
            let last = chunk.len() < CHUNK_ROWS;
            rows.extend(chunk);
            if last {
                return Ok(rows);
            }
        }
    }

    /// Rows of a partition key whose sort keys are ids.
    pub(crate) async fn range<T: DeserializeOwned>(&self, table: Table, pk: KeyPart, range: IdRange) -> Result<Vec<(u64, T)>, QueryError> {
        let scan = Scan {
            table,
            pk,
            above: range.above.map(keys::id),
            below: range.below.map(keys::id),
            descending: !range.ascending,
            limit: range.limit,
        };
        let rows = self.typed(scan).await?;
        Ok(rows.into_iter().filter_map(|(sk, row)| Some((keys::id_of(&sk)?, row))).collect())
    }

    async fn typed<T: DeserializeOwned>(&self, scan: Scan) -> Result<Vec<(KeyPart, T)>, QueryError> {
        let mut rows = Vec::new();
        for (sk, bytes) in self.views.scan(Version::Live, scan).await? {
            rows.push((sk, codec::decode(&bytes)?));
        }
        Ok(rows)
    }
}
