//! A view store that does not answer when it is told so: for tests of what goes on without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, RowKey, Table, View};

use super::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};

const WELL: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;
const BROKEN: u8 = 3;
/// How often a call that hangs looks whether it still has to.
const PAUSE: Duration = Duration::from_millis(10);

/// See the module.
pub struct FaultyViews {
    inner: Arc<dyn ViewStore>,
    state: AtomicU8,
    calls: AtomicU64,
}

impl FaultyViews {
    /// Answers as `inner` does, until told otherwise.
    pub fn new(inner: Arc<dyn ViewStore>) -> Self {
        Self { inner, state: AtomicU8::new(WELL), calls: AtomicU64::new(0) }
    }

    /// Every call fails at once, and may be repeated.
    pub fn fail(&self) {
        self.state.store(FAILS, Ordering::Release);
    }

    /// No call comes back.
    pub fn hang(&self) {
        self.state.store(HANGS, Ordering::Release);
    }

    /// Every call fails for good.
    pub fn fail_for_good(&self) {
        self.state.store(BROKEN, Ordering::Release);
    }

    /// Every call is answered again, those that hang too.
    pub fn heal(&self) {
        self.state.store(WELL, Ordering::Release);
    }

    /// How often it was called while it failed.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Acquire)
    }

    async fn check(&self) -> Result<(), ViewError> {
        loop {
            match self.state.load(Ordering::Acquire) {
                WELL => return Ok(()),
                HANGS => tokio::time::sleep(PAUSE).await,
                state => {
                    self.calls.fetch_add(1, Ordering::AcqRel);
                    let cause = "told to fail".to_owned();
                    return Err(if state == BROKEN { ViewError::Fatal(cause) } else { ViewError::Retryable(cause) });
                }
            }
        }
    }
}

#[async_trait]
impl ViewStore for FaultyViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        self.check().await?;
        self.inner.get(version, keys).await
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        self.check().await?;
        self.inner.scan(version, scan).await
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        self.check().await?;
        self.inner.dump(version, table, after, limit).await
    }

    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        self.check().await?;
        self.inner.commit(version, batch).await
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        self.check().await?;
        self.inner.checkpoint(version, view, partition).await
    }

    async fn versions(&self, view: View) -> Result<Versions, ViewError> {
        self.check().await?;
        self.inner.versions(view).await
    }

    async fn begin(&self, view: View) -> Result<u32, ViewError> {
        self.check().await?;
        self.inner.begin(view).await
    }

    async fn promote(&self, view: View) -> Result<(), ViewError> {
        self.check().await?;
        self.inner.promote(view).await
    }

    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError> {
        self.check().await?;
        self.inner.drop_version(view, version).await
    }

    async fn flush(&self) -> Result<(), ViewError> {
        self.check().await?;
        self.inner.flush().await
    }
}
