//! The view store on CQL: rows by upserts with the log's offset as timestamp, steps made whole by a journal (docs/decisions/0010).
//!
//! Commits are not atomic to readers: rows may be seen before their checkpoint, never after it. Reads and writes meet by quorum.

mod buckets;
mod commit;
mod journal;
mod placed;
mod read;
mod statements;
mod step;
mod versions;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use quick_cache::sync::Cache;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, Table, View};

use self::journal::{Journal, Lane};
use self::placed::Moves;
use self::statements::Statements;
use self::versions::VersionsOfViews;
use super::registry::{Registry, VersionFault};
use super::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};
use crate::cql::{self, CqlClient};

/// Buckets that this process knows to be in their directories, at the most.
const NAMED_BUCKETS_MAX: usize = 1 << 17;

/// The view store in a keyspace.
pub struct CqlViews {
    client: Arc<CqlClient>,
    versions: VersionsOfViews,
    statements: Statements,
    journal: Journal,
    /// Version, table, pk and bucket.
    named_buckets: Cache<(u32, Table, KeyPart, i32), ()>,
}

impl CqlViews {
    /// Opens the store; fatal where the schema is older than this build.
    pub async fn open(client: Arc<CqlClient>) -> Result<Self, ViewError> {
        cql::check(&client).await?;
        Ok(Self {
            client,
            versions: VersionsOfViews::default(),
            statements: Statements::default(),
            journal: Journal::new(rand::random()),
            named_buckets: Cache::new(NAMED_BUCKETS_MAX),
        })
    }

    async fn change<T>(
        &self,
        view: View,
        change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>,
    ) -> Result<(T, Moves), ViewError> {
        self.versions.change(&self.client, view, change).await
    }

    async fn empty(&self, view: View, table: usize) -> Result<(), ViewError> {
        Ok(self.client.run_once(&format!("TRUNCATE KS.{}_{table}", view.name())).await?)
    }

    /// Gives the room of dropped versions back. What fails stays until the table is used again, and shows nowhere.
    async fn clear(&self, view: View, moves: Moves) {
        for number in moves.dropped {
            if let Err(error) = self.journal.forget(&self.client, (view, number)).await {
                tracing::warn!(view = view.name(), number, %error, "checkpoints of a dropped version stay");
            }
        }
        for table in moves.emptied {
            if let Err(error) = self.empty(view, table).await {
                tracing::warn!(view = view.name(), table, %error, "a dropped version's table was not emptied");
            }
        }
    }
}

#[async_trait]
impl ViewStore for CqlViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        self.get_rows(version, keys).await
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        self.scan_rows(version, scan).await
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        self.dump_rows(version, table, after, limit).await
    }

    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        self.commit_batch(version, batch).await
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        let (number, table) = self.versions.present(&self.client).await?.resolve(view, version)?;
        self.recover(Lane { view, number, partition }, table).await
    }

    async fn versions(&self, view: View) -> Result<Versions, ViewError> {
        Ok(self.versions.present(&self.client).await?.of(view).registry.versions())
    }

    async fn begin(&self, view: View) -> Result<u32, ViewError> {
        let (number, moves) = self.change(view, |registry| registry.begin()).await?;
        // The new version's table must be empty of stragglers before anybody writes to it: here a failure is the caller's.
        for table in &moves.emptied {
            self.empty(view, *table).await?;
        }
        self.clear(view, Moves { emptied: Vec::new(), ..moves }).await;
        Ok(number)
    }

    async fn promote(&self, view: View) -> Result<(), ViewError> {
        let ((), moves) = self.change(view, |registry| Ok((registry.promote()?, ()))).await?;
        self.clear(view, moves).await;
        Ok(())
    }

    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError> {
        let ((), moves) = self.change(view, |registry| Ok((registry.drop_version(version)?, ()))).await?;
        self.clear(view, moves).await;
        Ok(())
    }

    async fn flush(&self) -> Result<(), ViewError> {
        // Every write that returned is with a quorum of its replicas.
        Ok(())
    }
}
