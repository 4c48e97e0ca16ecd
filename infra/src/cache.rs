//! Exact caches in one process, without callbacks: every committed row moves a stamp, and a cached value is good for as long as the
//! stamps of the rows that it was made of stand still.
//!
//! Why this is exact: a reader takes the stamps *before* it reads rows, and [`StampedViews`] moves them *after* the rows are visible and
//! before the commit returns. So a value made of rows from before a commit carries stamps that differ once that commit has returned.
//! Partition keys share slots by hash: a collision costs a needless reload, never a stale answer.

mod stamped;

use std::hash::Hasher;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rustc_hash::FxHasher;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, Table, View};
use smallvec::SmallVec;
use tokio::runtime::Handle;

pub use self::stamped::{Kept, StampedCache};
use crate::notices::Publisher;
use crate::views::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};

/// Stamps kept. At 400,000 rows a second each moves about once a second by chance; two mebibytes.
const SLOTS: usize = 1 << 18;

/// A counter for each group of partition keys: it moves with every live commit to one of them.
#[derive(Debug)]
pub struct Stamps {
    slots: Vec<AtomicU64>,
    teller: OnceLock<Arc<Publisher>>,
}

/// The stamps of the rows that a value is made of, as they stood before the rows were read.
#[derive(Debug, Default)]
pub struct Taken(SmallVec<[(u32, u64); 3]>);

impl Taken {
    /// Adds the stamps of something that goes into the same value.
    pub fn add(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// The same, each once and in the order in which they lie: for values of many parts that are looked at often.
    pub fn settled(mut self) -> Self {
        self.0.sort_unstable();
        self.0.dedup();
        self
    }
}

impl Default for Stamps {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), teller: OnceLock::new() }
    }
}

impl Stamps {
    /// Stamps at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The present stamp of a partition key's rows.
    pub fn stamp(&self, table: Table, pk: &KeyPart) -> u64 {
        self.at(slot(table, pk))
    }

    /// Adds a partition key to what a value is made of; call it before its rows are read.
    pub fn take(&self, taken: &mut Taken, table: Table, pk: &KeyPart) {
        let slot = slot(table, pk);
        taken.0.push((slot, self.at(slot)));
    }

    /// Whether none of the stamps has moved since it was taken.
    pub fn stand(&self, taken: &Taken) -> bool {
        taken.0.iter().all(|(slot, stamp)| self.at(*slot) == *stamp)
    }

    /// Moves the stamp of a row that was written.
    pub fn touch(&self, key: &RowKey) {
        self.touch_slot(slot(key.table, &key.pk));
    }

    /// Moves the stamp of a row that is known to change before its change is committed, here and in the processes that follow this one.
    pub fn distrust(&self, key: &RowKey) {
        let slot = slot(key.table, &key.pk);
        self.touch_slot(slot);
        if let Some(publisher) = self.teller.get() {
            publisher.moved(&[slot]);
        }
    }

    /// Has what this process commits told to others, from now on.
    pub fn tell(&self, publisher: Arc<Publisher>) {
        // Told once: a process has one feed.
        let _ = self.teller.set(publisher);
    }

    pub(crate) fn touch_all(&self) {
        for slot in &self.slots {
            slot.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn touch_slot(&self, slot: u32) {
        if let Some(stamp) = self.slots.get(slot as usize) {
            stamp.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn at(&self, slot: u32) -> u64 {
        self.slots.get(slot as usize).map_or(0, |stamp| stamp.load(Ordering::Acquire))
    }
}

fn slot(table: Table, pk: &KeyPart) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write_u8(table as u8);
    hasher.write(pk);
    (hasher.finish() % SLOTS as u64) as u32
}

/// A view store whose live commits move stamps.
pub struct StampedViews {
    inner: Arc<dyn ViewStore>,
    stamps: Arc<Stamps>,
}

impl StampedViews {
    /// Puts stamps on the commits of a store. Every commit of the process must go through here.
    pub fn new(inner: Arc<dyn ViewStore>, stamps: Arc<Stamps>) -> Self {
        Self { inner, stamps }
    }
}

/// A write that runs to its end even where the caller goes away meanwhile, so that no visible row keeps its old stamp: what is left of it
/// is then a task of its own.
struct ToTheEnd(Option<BoxFuture<'static, Result<(), ViewError>>>);

impl ToTheEnd {
    fn of(write: impl Future<Output = Result<(), ViewError>> + Send + 'static) -> Self {
        Self(Some(Box::pin(write)))
    }
}

impl Future for ToTheEnd {
    type Output = Result<(), ViewError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let write = self.0.as_mut().expect("nobody polls a write that has ended");
        let outcome = ready!(write.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and its stamps with it.
        if let (Some(write), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(write);
        }
    }
}

/// Whether rows of the view that were just committed are, or may be, what readers of `Live` see.
async fn serves(store: &dyn ViewStore, view: View, version: Version) -> bool {
    match version {
        Version::Live => true,
        Version::Number(number) => store.versions(view).await.map_or(true, |versions| versions.live == number),
    }
}

#[async_trait]
impl ViewStore for StampedViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        self.inner.get(version, keys).await
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        self.inner.scan(version, scan).await
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        self.inner.dump(version, table, after, limit).await
    }

    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        // Nobody caches decision state by stamps: its writers have their own.
        let cached = batch.writes.iter().map(|write| &write.key).filter(|key| key.table.view() != View::Decisions);
        let mut written: Vec<(View, u32)> = cached.map(|key| (key.table.view(), slot(key.table, &key.pk))).collect();
        written.sort_unstable();
        written.dedup();
        let (inner, stamps) = (self.inner.clone(), self.stamps.clone());
        ToTheEnd::of(async move {
            // Also after an error: what failed may have been written.
            let outcome = inner.commit(version, batch).await;
            for of_view in written.chunk_by(|(one, _), (other, _)| one == other) {
                let Some((view, _)) = of_view.first() else { continue };
                if serves(&*inner, *view, version).await {
                    of_view.iter().for_each(|(_, slot)| stamps.touch_slot(*slot));
                    if let Some(publisher) = stamps.teller.get() {
                        publisher.moved(&of_view.iter().map(|(_, slot)| *slot).collect::<Vec<_>>());
                    }
                }
            }
            outcome
        })
        .await
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        self.inner.checkpoint(version, view, partition).await
    }

    async fn versions(&self, view: View) -> Result<Versions, ViewError> {
        self.inner.versions(view).await
    }

    async fn begin(&self, view: View) -> Result<u32, ViewError> {
        self.inner.begin(view).await
    }

    async fn promote(&self, view: View) -> Result<(), ViewError> {
        let (inner, stamps) = (self.inner.clone(), self.stamps.clone());
        ToTheEnd::of(async move {
            let outcome = inner.promote(view).await;
            stamps.touch_all();
            if let Some(publisher) = stamps.teller.get() {
                publisher.moved_all();
            }
            outcome
        })
        .await
    }

    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError> {
        self.inner.drop_version(view, version).await
    }

    async fn flush(&self) -> Result<(), ViewError> {
        self.inner.flush().await
    }

    fn away(&self) -> Option<Duration> {
        self.inner.away()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::contract;
    use crate::views::memory::MemoryViews;

    fn stamped() -> (StampedViews, Arc<Stamps>) {
        let stamps = Arc::new(Stamps::new());
        (StampedViews::new(Arc::new(MemoryViews::new()), stamps.clone()), stamps)
    }

    #[tokio::test]
    async fn a_stamped_store_keeps_the_contract() {
        contract::run(&|| Arc::new(stamped().0) as Arc<dyn ViewStore>).await;
    }

    #[tokio::test]
    async fn live_commits_move_the_stamps_of_their_keys() {
        let (store, stamps) = stamped();
        let taken = |pk: &str| {
            let mut taken = Taken::default();
            stamps.take(&mut taken, Table::Account, &contract::key(Table::Account, pk, "").pk);
            taken
        };
        let (ana, bob) = (taken("ana"), taken("bob"));
        contract::write(&store, Version::Live, vec![contract::put(Table::Account, "ana", "", "1")]).await;
        assert!(!stamps.stand(&ana) && stamps.stand(&bob));
        let ana = taken("ana");
        contract::write(&store, Version::Live, vec![contract::delete(Table::Account, "ana", "")]).await;
        assert!(!stamps.stand(&ana) && stamps.stand(&bob));

        let number = store.begin(View::Accounts).await.unwrap();
        let ana = taken("ana");
        contract::write(&store, Version::Number(number), vec![contract::put(Table::Account, "ana", "", "2")]).await;
        assert!(stamps.stand(&ana), "what is being built serves nobody");
        store.promote(View::Accounts).await.unwrap();
        assert!(!stamps.stand(&ana) && !stamps.stand(&bob), "a swap moves everything");
        let ana = taken("ana");
        contract::write(&store, Version::Number(number), vec![contract::put(Table::Account, "ana", "", "3")]).await;
        assert!(!stamps.stand(&ana), "the version by its number now serves");
    }

    #[tokio::test]
    async fn a_write_whose_caller_went_away_runs_to_its_end() {
        let (store, stamps) = stamped();
        let before = stamps.stamp(Table::Account, &contract::key(Table::Account, "ana", "").pk);
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let mut write = ToTheEnd::of(async move {
            gone.await.map_err(|_| ViewError::Fatal("nobody said go".to_owned()))?;
            let batch = ViewBatch { writes: vec![contract::put(Table::Account, "ana", "", "1")], checkpoints: Vec::new() };
            store.commit(Version::Live, batch).await
        });
        assert!(futures_util::poll!(&mut write).is_pending());
        drop(write);
        go.send(()).unwrap();
        while stamps.stamp(Table::Account, &contract::key(Table::Account, "ana", "").pk) == before {
            tokio::task::yield_now().await;
        }
    }
}
