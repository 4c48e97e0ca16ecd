//! A view store that is looked at: while it does not answer, its callers hear so at once instead of waiting each for itself.
//!
//! ```text
//!  here ── a look fails, or has no answer ──> away: calls are refused, reads under way are given up
//!    ^──────────── a look succeeds ──────────┘
//! ```
//!
//! One small read decides, once a second and right after a call that failed: what takes long because there is much of it does not. See
//! docs/decisions/0018-while-the-view-store-is-away.md.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::rows::{Checkpoint, RowKey, Table, View, keys};
use schemas::{AppId, PartitionId};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};

/// The pause between two looks at a store that answers.
const PAUSE_HERE: Duration = Duration::from_secs(1);
/// The pause between two looks at one that does not.
const PAUSE_AWAY: Duration = Duration::from_millis(250);
/// How long a look may take.
const LOOK_TIME_MAX: Duration = Duration::from_secs(3);

/// See the module. Dropped, it stops looking.
pub struct WatchedViews {
    inner: Arc<dyn ViewStore>,
    /// Since when it is away.
    away: watch::Receiver<Option<Instant>>,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl WatchedViews {
    /// Starts to look at the store. Needs a tokio runtime with time.
    pub fn start(inner: Arc<dyn ViewStore>) -> Self {
        let (told, away) = watch::channel(None);
        let wake = Arc::new(Notify::new());
        let task = tokio::spawn(keep_looking(inner.clone(), told, wake.clone()));
        Self { inner, away, wake, task }
    }

    /// Waits until the store is away; at once if it is.
    async fn gone(&self) {
        if self.away.clone().wait_for(Option::is_some).await.is_err() {
            // Nobody looks any more: nothing is known.
            std::future::pending::<()>().await;
        }
    }

    /// Reads, unless the store is away or goes away meanwhile.
    async fn read<T>(&self, call: impl Future<Output = Result<T, ViewError>> + Send) -> Result<T, ViewError> {
        let outcome = tokio::select! {
            biased;
            () = self.gone() => return Err(is_away()),
            outcome = call => outcome,
        };
        self.noted(outcome)
    }

    /// Has the store looked at after a failure.
    fn noted<T>(&self, outcome: Result<T, ViewError>) -> Result<T, ViewError> {
        if matches!(outcome, Err(ViewError::Retryable(_))) {
            self.wake.notify_one();
        }
        outcome
    }
}

impl Drop for WatchedViews {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn is_away() -> ViewError {
    ViewError::Retryable("it does not answer".to_owned())
}

async fn keep_looking(store: Arc<dyn ViewStore>, told: watch::Sender<Option<Instant>>, wake: Arc<Notify>) {
    loop {
        let pause = if told.borrow().is_some() { PAUSE_AWAY } else { PAUSE_HERE };
        // An error: nobody asked for an early look.
        let _ = tokio::time::timeout(pause, wake.notified()).await;
        let answers = answers(&*store).await;
        told.send_if_modified(|away| match (answers, *away) {
            (false, None) => {
                tracing::warn!("the view store does not answer: what needs it is refused until it does");
                metrics::counter!("roost_view_store_away_total").increment(1);
                *away = Some(Instant::now());
                true
            }
            (true, Some(since)) => {
                tracing::info!(away_ms = since.elapsed().as_millis(), "the view store answers again");
                *away = None;
                true
            }
            (false, Some(_)) | (true, None) => false,
        });
    }
}

/// Whether a row can be read: one that is never there.
async fn answers(store: &dyn ViewStore) -> bool {
    let looked = tokio::time::timeout(LOOK_TIME_MAX, store.get(Version::Live, &[keys::app(AppId(0))])).await;
    !matches!(looked, Err(_) | Ok(Err(ViewError::Retryable(_))))
}

#[async_trait]
impl ViewStore for WatchedViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        self.read(self.inner.get(version, keys)).await
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        self.read(self.inner.scan(version, scan)).await
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        self.read(self.inner.dump(version, table, after, limit)).await
    }

    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        if self.away.borrow().is_some() {
            return Err(is_away());
        }
        self.noted(self.inner.commit(version, batch).await)
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        self.read(self.inner.checkpoint(version, view, partition)).await
    }

    async fn versions(&self, view: View) -> Result<Versions, ViewError> {
        self.read(self.inner.versions(view)).await
    }

    async fn begin(&self, view: View) -> Result<u32, ViewError> {
        self.inner.begin(view).await
    }

    async fn promote(&self, view: View) -> Result<(), ViewError> {
        self.inner.promote(view).await
    }

    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError> {
        self.inner.drop_version(view, version).await
    }

    async fn flush(&self) -> Result<(), ViewError> {
        self.inner.flush().await
    }

    fn away(&self) -> Option<Duration> {
        self.away.borrow().map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::contract::{self, key, put};
    use crate::views::faulty::FaultyViews;
    use crate::views::memory::MemoryViews;

    fn watched() -> (Arc<FaultyViews>, WatchedViews) {
        let store = Arc::new(FaultyViews::new(Arc::new(MemoryViews::new())));
        (store.clone(), WatchedViews::start(store))
    }

    #[tokio::test]
    async fn a_watched_store_keeps_the_contract() {
        contract::run(&|| Arc::new(watched().1) as Arc<dyn ViewStore>).await;
    }

    async fn wait_until(views: &WatchedViews, away: bool) {
        let mut told = views.away.clone();
        told.wait_for(|since| since.is_some() == away).await.expect("somebody looks");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_away_until_it_answers() {
        let (store, views) = watched();
        let keys = [key(Table::Account, "ana", "")];
        contract::write(&views, Version::Live, vec![put(Table::Account, "ana", "", "1")]).await;
        assert_eq!(views.away(), None);
        store.fail();
        assert!(matches!(views.get(Version::Live, &keys).await, Err(ViewError::Retryable(_))));
        wait_until(&views, true).await;
        let asked = store.calls();
        assert!(matches!(views.get(Version::Live, &keys).await, Err(ViewError::Retryable(_))));
        assert!(matches!(views.commit(Version::Live, ViewBatch::default()).await, Err(ViewError::Retryable(_))));
        assert_eq!(store.calls(), asked, "who is known to be away is not asked");
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(views.away().is_some_and(|away| away >= Duration::from_secs(30)));
        store.heal();
        wait_until(&views, false).await;
        assert!(matches!(views.get(Version::Live, &keys).await.as_deref(), Ok([Some(_)])));
    }

    #[tokio::test(start_paused = true)]
    async fn reads_of_a_store_that_hangs_are_given_up() {
        let (store, views) = watched();
        store.hang();
        let read = tokio::time::timeout(Duration::from_secs(5), views.get(Version::Live, &[])).await;
        assert!(matches!(read, Ok(Err(ViewError::Retryable(_)))));
        store.heal();
        wait_until(&views, false).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_fatal_error_is_an_answer() {
        let (store, views) = watched();
        store.fail_for_good();
        assert!(matches!(views.get(Version::Live, &[]).await, Err(ViewError::Fatal(_))));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(views.away(), None);
    }
}
