//! The view store on fjall, an embedded log-structured merge tree: one keyspace per version, rows and checkpoints of each in step.
//!
//! A commit is seen at once, from memory (`front.rs`), and goes to files within seconds (`drain.rs`), which are merged by age (`merge.rs`). What
//! a kill takes is a tail of commits, each with its checkpoint; projections then read that much of the log again. What no log can give again (what reactors have yet to send,
//! dead letters) reaches the operating system before its commit returns. `flush` and every change of versions reach the disk.

mod committer;
mod drain;
mod front;
pub(in crate::views) mod layout;
mod merge;
mod open;
mod read;
mod young;

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ::fjall::{Database, Keyspace, PersistMode};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use schemas::PartitionId;
use schemas::rows::{Checkpoint, RowKey, Table, View};
use smallvec::SmallVec;

use self::committer::Committer;
use self::drain::Drainer;
use self::front::Front;
use self::merge::Mergers;
use self::open::Spaces;
use super::registry::{Registry, VersionFault};
use super::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};

/// What the store may take of the machine.
#[derive(Debug, Clone)]
pub struct FjallOptions {
    /// Cache of blocks read from disk, bytes.
    pub cache_bytes: u64,
    /// What is committed and waits in memory until it goes to files, bytes; up to four times that under load.
    pub waiting_bytes: usize,
    /// Rows of one version of a view from which on they go to a file of their own at once: fewer are cheaper through the journal.
    pub table_rows: usize,
    /// Rows of one version of a view that came through the journal and have no file yet, bytes; up to four times that under load.
    pub memtable_bytes: u64,
    /// Journals kept before rows are forced to files, bytes, at least 64 MiB; also what a start reads again.
    pub journals_bytes: u64,
    /// Threads that write files, and merge those of versions made before merging by age, at least 1. With more than one, fjall 3.1 keeps the
    /// first for writing, and while another merges, the first hands the next merge back to itself without a pause: a core is lost to it.
    pub worker_threads: usize,
    /// Files held open.
    pub open_files: usize,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            waiting_bytes: 32 << 20,
            table_rows: 4_096,
            memtable_bytes: 8 << 20,
            journals_bytes: 64 << 20,
            worker_threads: 1,
            open_files: 256,
        }
    }
}

/// The view store in a folder.
pub struct FjallViews {
    committer: Committer,
    drainer: Drainer,
    _mergers: Mergers,
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    meta: Keyspace,
    spaces: RwLock<Arc<Spaces>>,
    /// Held shared by commits and alone by changes of versions: a commit to `Live` goes to the version that serves when it returns.
    steady: RwLock<()>,
    /// What is committed and not in the files yet.
    front: RwLock<Front>,
    /// Held by whoever brings it there.
    draining: Mutex<()>,
    /// Held by whoever writes what does not wait in memory, and its checkpoints, which must not go back.
    journaling: Mutex<()>,
    /// Why nothing can be brought there any more.
    broken: OnceLock<String>,
    /// Says that there is more to merge.
    merging: merge::Bell,
    /// How many threads are changing which files there are; see [`Changing`].
    changing: AtomicUsize,
    options: FjallOptions,
}

/// While it is held, the store may change which files it has. That takes five syncs, and whoever reads the files meanwhile waits for them:
/// then nobody reads on a thread of the runtime.
struct Changing<'a>(&'a AtomicUsize);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Release);
    }
}

/// Whether rows of a view wait in memory: they can be made again from the log. A checkpoint that comes without rows waits there of every view.
fn waits_in_memory(view: View) -> bool {
    !matches!(view, View::Reactors | View::DeadLetters)
}

fn no_thread(error: std::io::Error) -> ViewError {
    ViewError::Fatal(format!("cannot start a thread: {error}"))
}

fn failed(error: ::fjall::Error) -> ViewError {
    ViewError::Fatal(format!("{error:?}"))
}

impl FjallViews {
    /// Opens the store of a folder, making it if absent. Blocks; [`ViewError::Locked`] where another process has it open.
    pub fn open(path: &Path, options: FjallOptions) -> Result<Self, ViewError> {
        let (database, meta, spaces) = open::open(path, &options)?;
        let mut newest = Vec::new();
        for (view, number, space) in spaces.all() {
            newest.push(((view, number), open::newest_post(space)?));
        }
        let inner = Arc::new(Inner {
            database,
            meta,
            spaces: RwLock::new(Arc::new(spaces)),
            steady: RwLock::new(()),
            front: RwLock::new(Front::new(newest.into_iter())),
            draining: Mutex::default(),
            journaling: Mutex::default(),
            broken: OnceLock::new(),
            merging: merge::Bell::default(),
            changing: AtomicUsize::new(0),
            options,
        });
        let (committer, drainer) = (Committer::start(inner.clone())?, Drainer::start(inner.clone())?);
        Ok(Self { committer, drainer, _mergers: Mergers::start(inner.clone())?, inner })
    }

    /// Runs what reads the files: here, unless it would wait for a change of them.
    async fn reading<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T, ViewError> + Send + 'static) -> Result<T, ViewError> {
        match self.inner.is_changing() {
            true => self.blocking(work).await,
            false => work(&self.inner),
        }
    }

    /// Runs what may wait for the disk on a thread that may.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, ViewError> + Send + 'static,
    ) -> Result<T, ViewError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.map_err(|error| ViewError::Fatal(format!("the thread of a view store call ended: {error}")))?
    }
}

impl Inner {
    fn spaces(&self) -> Arc<Spaces> {
        self.spaces.read().clone()
    }

    fn changing(&self) -> Changing<'_> {
        self.changing.fetch_add(1, Release);
        Changing(&self.changing)
    }

    fn is_changing(&self) -> bool {
        self.changing.load(Acquire) > 0
    }

    /// Takes a batch of views that wait in memory; says since when something waits there, and how many bytes.
    fn put(&self, version: Version, batch: ViewBatch) -> Result<(Option<Instant>, usize), ViewError> {
        if let Some(cause) = self.broken.get() {
            return Err(ViewError::Fatal(cause.clone()));
        }
        let _steady = self.steady.read();
        let spaces = self.spaces();
        let named = batch.writes.iter().map(|write| write.key.table.view()).chain(batch.checkpoints.iter().map(|(view, ..)| *view));
        let mut numbers: SmallVec<[(View, u32); View::ALL.len()]> = SmallVec::new();
        for view in named {
            if !numbers.iter().any(|(known, _)| *known == view) {
                numbers.push((view, spaces.resolve(view, version)?.0));
            }
        }
        for write in &batch.writes {
            layout::check_key(&write.key)?;
        }
        let mut front = self.front.write();
        front.put(&numbers, batch);
        Ok((front.young().since(), front.young().bytes()))
    }

    /// Commits batches to the journal as one; none of them, if one names a version that is not there.
    fn commit<'a>(&self, batches: impl IntoIterator<Item = (Version, &'a ViewBatch)>) -> Result<(), ViewError> {
        let _steady = self.steady.read();
        let _journaling = self.journaling.lock();
        let spaces = self.spaces();
        let mut step = self.database.batch();
        for (version, batch) in batches {
            for write in &batch.writes {
                let (_, space) = spaces.resolve(write.key.table.view(), version)?;
                let key = layout::row_key(&write.key)?;
                match &write.value {
                    Some(value) => step.insert(space, key.as_slice(), &**value),
                    None => step.remove(space, key.as_slice()),
                }
            }
            for (view, partition, checkpoint) in &batch.checkpoints {
                let (_, space) = spaces.resolve(*view, version)?;
                step.insert(space, layout::own_checkpoint_key(*partition), layout::encode_checkpoint(checkpoint));
            }
        }
        step.commit().map_err(failed)
    }

    /// Changes a view's versions: first durably, then for readers; keyspaces that no longer resolve go last.
    fn change<T>(&self, view: View, change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>) -> Result<T, ViewError> {
        // Most of it while commits go on, the rest when they stand still.
        self.drain()?;
        let _alone = self.steady.write();
        self.drain()?;
        let mut spaces = Spaces::clone(&self.spaces());
        let of_view = spaces.view_mut(view);
        let (registry, answer) = change(of_view.registry).map_err(|fault| fault.of(view))?;
        let mut step = self.database.batch().durability(Some(PersistMode::SyncAll));
        for number in registry.numbers() {
            if !of_view.spaces.iter().any(|(known, _)| *known == number) {
                let space = open::open_version(&self.database, &self.options, view, number)?;
                step.insert(&space, layout::BIRTH_KEY, [layout::FORMAT]);
                self.front.write().begin((view, number));
                of_view.spaces.push((number, space));
            }
        }
        step.insert(&self.meta, layout::registry_key(view), registry.encode());
        step.commit().map_err(failed)?;
        of_view.registry = registry;
        let kept = |number: u32| registry.numbers().any(|known| known == number);
        let dropped: Vec<(u32, Keyspace)> = of_view.spaces.extract_if(.., |(number, _)| !kept(*number)).collect();
        *self.spaces.write() = Arc::new(spaces);
        for (number, space) in dropped {
            self.front.write().forget((view, number));
            open::remove_checkpoints(&self.database, &self.meta, view, number)?;
            self.database.delete_keyspace(space).map_err(failed)?;
        }
        Ok(answer)
    }
}

#[async_trait]
impl ViewStore for FjallViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        let looked = self.inner.look(version, keys)?;
        match looked.is_complete() {
            true => looked.complete(),
            false => self.reading(|_| looked.complete()).await,
        }
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        match scan.limit <= INLINE_ROWS_MAX {
            true => self.reading(move |inner| inner.scan(version, &scan)).await,
            false => self.blocking(move |inner| inner.scan(version, &scan)).await,
        }
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        self.blocking(move |inner| inner.dump(version, table, after.as_ref(), limit)).await
    }

    async fn commit(&self, version: Version, mut batch: ViewBatch) -> Result<(), ViewError> {
        let writes: Vec<_> = batch.writes.extract_if(.., |write| !waits_in_memory(write.key.table.view())).collect();
        if !writes.is_empty() {
            // With the checkpoint behind them: what is there is not made again.
            let checkpoints = batch.checkpoints.iter().filter(|(view, ..)| !waits_in_memory(*view)).copied().collect();
            self.committer.commit(version, ViewBatch { writes, checkpoints }).await?;
        }
        if batch.writes.is_empty() && batch.checkpoints.is_empty() {
            return Ok(());
        }
        let (since, bytes) = self.inner.put(version, batch)?;
        if self.drainer.tell(since, bytes) {
            let began = Instant::now();
            self.blocking(Inner::drain).await?;
            if began.elapsed() > SLOW_COMMIT {
                tracing::warn!(
                    ms = began.elapsed().as_millis() as u64,
                    "a commit waited for the files of the view store, which do not keep up"
                );
            }
        }
        Ok(())
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        self.reading(move |inner| inner.checkpoint(version, view, partition)).await
    }

    async fn versions(&self, view: View) -> Result<Versions, ViewError> {
        Ok(self.inner.spaces().view(view).registry.versions())
    }

    async fn begin(&self, view: View) -> Result<u32, ViewError> {
        self.blocking(move |inner| inner.change(view, |registry| registry.begin())).await
    }

    async fn promote(&self, view: View) -> Result<(), ViewError> {
        self.blocking(move |inner| inner.change(view, |registry| Ok((registry.promote()?, ())))).await
    }

    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError> {
        self.blocking(move |inner| inner.change(view, |registry| Ok((registry.drop_version(version)?, ())))).await
    }

    async fn flush(&self) -> Result<(), ViewError> {
        self.blocking(|inner| {
            inner.drain()?;
            inner.database.persist(PersistMode::SyncAll).map_err(failed)
        })
        .await
    }
}

/// A commit that waits longer for the files is told of.
const SLOW_COMMIT: Duration = Duration::from_millis(500);

/// Scans of at most that many rows run on the caller's thread.
const INLINE_ROWS_MAX: usize = 512;

#[cfg(test)]
mod tests;
