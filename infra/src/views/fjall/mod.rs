//! The view store on fjall, an embedded log-structured merge tree: rows and checkpoints in one atomic batch, one keyspace per version.
//!
//! A commit reaches the operating system before it returns, so it survives the end of the process; `flush` and every change of versions
//! reach the disk. What a loss of power takes is a tail of commits, each with its checkpoint; projections then read that much again.

mod committer;
pub(in crate::views) mod layout;
mod open;

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use ::fjall::{Database, Keyspace, PersistMode, Readable};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, Table, View};

use self::committer::Committer;
use self::layout::KeyRange;
use self::open::Spaces;
use super::registry::{Registry, VersionFault};
use super::{Scan, ScannedRow, Version, Versions, ViewBatch, ViewError, ViewStore};

/// What the store may take of the machine.
#[derive(Debug, Clone)]
pub struct FjallOptions {
    /// Cache of blocks read from disk, bytes.
    pub cache_bytes: u64,
    /// Rows of one version of a view that wait in memory before they go to a file, bytes; up to four times that under load. Decision state
    /// takes four times as much.
    pub memtable_bytes: u64,
    /// Journals kept before rows are forced to files, bytes, at least 64 MiB; also what a start reads again.
    pub journals_bytes: u64,
    /// Threads that write files and merge them, at least 1. With more than one, fjall 3.1 keeps the first for writing files, and while
    /// another merges, the first hands the next merge back to itself without a pause: a core is lost to it.
    pub worker_threads: usize,
    /// Files held open.
    pub open_files: usize,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self { cache_bytes: 24 << 20, memtable_bytes: 8 << 20, journals_bytes: 64 << 20, worker_threads: 1, open_files: 256 }
    }
}

/// The view store in a folder.
pub struct FjallViews {
    committer: Committer,
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    meta: Keyspace,
    spaces: RwLock<Arc<Spaces>>,
    /// Held shared by commits and alone by changes of versions: a commit to `Live` goes to the version that serves when it returns.
    steady: RwLock<()>,
    options: FjallOptions,
}

fn failed(error: ::fjall::Error) -> ViewError {
    ViewError::Fatal(format!("{error:?}"))
}

fn owned(slice: &[u8]) -> Bytes {
    Bytes::copy_from_slice(slice)
}

impl FjallViews {
    /// Opens the store of a folder, making it if absent. Blocks; [`ViewError::Locked`] where another process has it open.
    pub fn open(path: &Path, options: FjallOptions) -> Result<Self, ViewError> {
        let (database, meta, spaces) = open::open(path, &options)?;
        let inner = Inner { database, meta, spaces: RwLock::new(Arc::new(spaces)), steady: RwLock::new(()), options };
        let inner = Arc::new(inner);
        Ok(Self { committer: Committer::start(inner.clone())?, inner })
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

    fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        let spaces = self.spaces();
        if let [key] = keys {
            let (_, space) = spaces.resolve(key.table.view(), version)?;
            return Ok(vec![space.get(layout::row_key(key)?).map_err(failed)?.as_deref().map(owned)]);
        }
        // One snapshot, so that rows of one batch are seen together.
        let snapshot = self.database.snapshot();
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let (_, space) = spaces.resolve(key.table.view(), version)?;
            values.push(snapshot.get(space, layout::row_key(key)?).map_err(failed)?.as_deref().map(owned));
        }
        Ok(values)
    }

    /// Rows of a range of keys, each made of its key and value by `row`.
    fn range<T>(
        &self,
        (space, range): (&Keyspace, &KeyRange),
        (descending, limit): (bool, usize),
        row: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, ViewError> {
        let start: Bound<&[u8]> = if range.includes_start { Bound::Included(&range.start) } else { Bound::Excluded(&range.start) };
        let mut found = self.database.snapshot().range::<&[u8], _>(space, (start, Bound::Excluded(&*range.end)));
        let mut rows = Vec::new();
        while rows.len() < limit {
            let Some(guard) = (if descending { found.next_back() } else { found.next() }) else { break };
            let (key, value) = guard.into_inner().map_err(failed)?;
            rows.push(row(&key, &value).ok_or_else(|| ViewError::Fatal(format!("a row key is damaged: {}", hex::encode(&key))))?);
        }
        Ok(rows)
    }

    /// Commits batches as one; none of them, if one names a version that is not there.
    fn commit<'a>(&self, batches: impl IntoIterator<Item = (Version, &'a ViewBatch)>) -> Result<(), ViewError> {
        let _steady = self.steady.read();
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
                let (number, _) = spaces.resolve(*view, version)?;
                step.insert(&self.meta, layout::checkpoint_key(*view, number, *partition), layout::encode_checkpoint(checkpoint));
            }
        }
        step.commit().map_err(failed)
    }

    /// Changes a view's versions: first durably, then for readers; keyspaces that no longer resolve go last.
    fn change<T>(&self, view: View, change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>) -> Result<T, ViewError> {
        let _alone = self.steady.write();
        let mut spaces = Spaces::clone(&self.spaces());
        let of_view = spaces.view_mut(view);
        let (registry, answer) = change(of_view.registry).map_err(|fault| fault.of(view))?;
        let mut step = self.database.batch().durability(Some(PersistMode::SyncAll));
        for number in registry.numbers() {
            if !of_view.spaces.iter().any(|(known, _)| *known == number) {
                let space = open::open_version(&self.database, &self.options, view, number)?;
                step.insert(&space, open::BIRTH_KEY, [layout::FORMAT]);
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
            open::remove_checkpoints(&self.database, &self.meta, view, number)?;
            self.database.delete_keyspace(space).map_err(failed)?;
        }
        Ok(answer)
    }
}

#[async_trait]
impl ViewStore for FjallViews {
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        self.inner.get(version, keys)
    }

    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        let spaces = self.inner.spaces();
        let (_, space) = spaces.resolve(scan.table.view(), version)?;
        let Some(range) = layout::scan_range(&scan)? else { return Ok(Vec::new()) };
        if scan.limit <= INLINE_ROWS_MAX {
            return self.inner.range((space, &range), (scan.descending, scan.limit), |key, value| scanned_row(&range, key, value));
        }
        let space = space.clone();
        self.blocking(move |inner| {
            inner.range((&space, &range), (scan.descending, scan.limit), |key, value| scanned_row(&range, key, value))
        })
        .await
    }

    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        let space = self.inner.spaces().resolve(table.view(), version)?.1.clone();
        let range = layout::dump_range(table, after.as_ref())?;
        let row = move |key: &[u8], value: &[u8]| Some((layout::read_row_key(table, key)?, owned(value)));
        self.blocking(move |inner| inner.range((&space, &range), (false, limit), row)).await
    }

    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        self.committer.commit(version, batch).await
    }

    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError> {
        let number = self.inner.spaces().resolve(view, version)?.0;
        let bytes = self.inner.meta.get(layout::checkpoint_key(view, number, partition)).map_err(failed)?;
        let decode = |bytes: &[u8]| {
            layout::decode_checkpoint(bytes)
                .ok_or_else(|| ViewError::Fatal(format!("the checkpoint of view {} in partition {partition} is damaged", view.name())))
        };
        bytes.as_deref().map(decode).transpose()
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
        self.blocking(|inner| inner.database.persist(PersistMode::SyncAll).map_err(failed)).await
    }
}

/// Scans of at most that many rows run on the caller's thread.
const INLINE_ROWS_MAX: usize = 512;

fn scanned_row(range: &KeyRange, key: &[u8], value: &[u8]) -> Option<ScannedRow> {
    Some((KeyPart::from_slice(key.get(range.prefix_bytes..)?), owned(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::contract;

    fn open(path: &Path) -> Arc<dyn ViewStore> {
        Arc::new(FjallViews::open(path, FjallOptions::default()).unwrap())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        contract::run(&|| open(tempfile::tempdir_in(folder.path()).unwrap().keep().as_path())).await;
    }

    #[tokio::test]
    async fn survives_reopening() {
        let folder = tempfile::tempdir().unwrap();
        contract::survives_reopening(&|| open(folder.path())).await;
    }

    /// Whatever waits at the same time is one group; one that cannot be committed fails alone.
    #[tokio::test]
    async fn commits_in_a_group_fail_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let commit = |version, number: u64| {
            let writes = vec![contract::put(Table::Note, "ana", &number.to_string(), "1")];
            store.commit(version, ViewBatch { writes, checkpoints: vec![(View::Relations, PartitionId(0), contract::checkpoint(number))] })
        };
        let commits = (1..=200).map(|number| commit(if number % 50 == 7 { Version::Number(99) } else { Version::Live }, number));
        let outcomes = futures_util::future::join_all(commits).await;
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(ViewError::NoVersion(_, 99)))).count();
        assert_eq!((outcomes.iter().filter(|outcome| outcome.is_ok()).count(), refused), (196, 4), "{outcomes:?}");
        assert_eq!(contract::dump_all(&*store, Version::Live, Table::Note, 1_000).await.len(), 196);
    }

    #[test]
    fn a_second_process_is_told_which_folder_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path());
        let second = FjallViews::open(folder.path(), FjallOptions::default()).err();
        assert!(matches!(&second, Some(ViewError::Locked(what)) if *what == folder.path().display().to_string()), "{second:?}");
    }

    #[test]
    fn a_newer_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
        store.inner.meta.insert(layout::FORMAT_KEY, [layout::FORMAT + 1]).unwrap();
        drop(store);
        let refused = FjallViews::open(folder.path(), FjallOptions::default()).err();
        assert!(matches!(&refused, Some(ViewError::Fatal(why)) if why.contains("format [2]")), "{refused:?}");
    }

    #[tokio::test]
    async fn what_a_crash_left_beside_a_swap_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
        // As if the process had ended between making the keyspace and writing the registry.
        open::open_version(&store.inner.database, &store.inner.options, View::Accounts, 2).unwrap();
        drop(store);
        let store = FjallViews::open(folder.path(), FjallOptions::default()).unwrap();
        assert!(!store.inner.database.keyspace_exists("accounts.2"));
        assert_eq!(store.begin(View::Accounts).await.unwrap(), 2);
    }

    fn copy_folder(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (entry, to) = (entry.unwrap(), to.to_path_buf());
            match entry.file_type().unwrap().is_dir() {
                true => copy_folder(&entry.path(), &to.join(entry.file_name())),
                false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
            }
        }
    }

    /// A journal cut anywhere, as by a loss of power, leaves whole steps only: each row agrees with the checkpoint.
    #[tokio::test]
    async fn rows_and_checkpoint_agree_wherever_the_journal_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
        // Opened twice: a recovered journal ends where its last record does.
        drop(open(&whole));
        let store = open(&whole);
        let steps = 6_u64;
        for next in 1..=steps {
            let writes = ["a", "b", "c"].map(|sk| contract::put(Table::Note, "ana", sk, &next.to_string()));
            let checkpoints = vec![(View::Relations, PartitionId(0), contract::checkpoint(next))];
            store.commit(Version::Live, ViewBatch { writes: writes.into(), checkpoints }).await.unwrap();
        }
        drop(store);
        let length = std::fs::metadata(whole.join("0.jnl")).unwrap().len();
        let mut seen = Vec::new();
        for end in (0..=length).rev().step_by(37) {
            let _ = std::fs::remove_dir_all(&cut);
            copy_folder(&whole, &cut);
            std::fs::OpenOptions::new().write(true).open(cut.join("0.jnl")).unwrap().set_len(end).unwrap();
            let store = open(&cut);
            let next = store.checkpoint(Version::Live, View::Relations, PartitionId(0)).await.unwrap().map(|checkpoint| checkpoint.next);
            let rows = contract::dump_all(&*store, Version::Live, Table::Note, 10).await;
            let expected: Vec<String> = next.into_iter().flat_map(|next| vec![next.to_string(); 3]).collect();
            assert_eq!(
                rows.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>(),
                expected,
                "cut at {end}"
            );
            seen.extend(next);
        }
        seen.dedup();
        assert_eq!(seen, (1..=steps).rev().collect::<Vec<_>>(), "every step was an end");
    }
}
