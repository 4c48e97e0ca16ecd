//! The search index on tantivy: a folder for each version, and a file `CURRENT` that says which one serves.
//!
//! ```text
//! search/LOCK  search/CURRENT  search/v1/...  search/v2/...
//! ```
//!
//! An index of an older format is emptied when it is opened, and filled again from the log.
//!
//! tantivy loses what it had not committed when the process ends, so the checkpoints of all partitions rest in each commit's payload:
//! documents and checkpoints appear together or not at all. tantivy's own query parser is not used: it accepts any field and `*`.

mod dump;
mod entry;
mod fields;
mod find;
mod generation;
mod ledger;
mod matcher;
mod merging;
mod numbered;
mod queue;
mod snapshot;
mod tokens;
mod walk;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use schemas::PartitionId;
use schemas::rows::Checkpoint;

use self::generation::Generation;
use self::walk::{Halt, Walk};
use super::{Item, SearchError, SearchIndex, SearchQuery, SearchWrite};
use crate::views::registry::{Registry, VersionFault};
use crate::views::{Version, Versions};

/// What the index may take of the machine.
#[derive(Debug, Clone)]
pub struct TantivyOptions {
    /// Documents being indexed, bytes, at the most and at least 15,000,000; as many as they need are taken.
    pub writer_bytes: usize,
    /// How long an applied change may wait for others before it is committed; below [`super::COMMIT_AFTER_MAX`].
    pub commit_after: Duration,
}

impl Default for TantivyOptions {
    fn default() -> Self {
        Self { writer_bytes: 32_000_000, commit_after: Duration::from_millis(400) }
    }
}

/// The search index in a folder.
pub struct TantivySearch {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    options: TantivyOptions,
    opened: RwLock<Opened>,
    /// One change of versions at a time.
    changing: Mutex<()>,
    /// Held for as long as the index is open.
    _lock: File,
}

#[derive(Clone)]
struct Opened {
    registry: Registry,
    generations: BTreeMap<u32, Arc<Generation>>,
}

fn io_failed(what: &str, path: &Path) -> impl Fn(io::Error) -> SearchError {
    let what = format!("cannot {what} {}", path.display());
    move |error| SearchError::Fatal(format!("{what}: {error}"))
}

impl TantivySearch {
    /// Opens the index of a folder, making it if absent. Blocks; [`SearchError::Locked`] where another process has it open.
    pub fn open(folder: &Path, options: TantivyOptions) -> Result<Self, SearchError> {
        std::fs::create_dir_all(folder).map_err(io_failed("make", folder))?;
        let lock_path = folder.join("LOCK");
        let lock = File::create(&lock_path).map_err(io_failed("make", &lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => SearchError::Locked(folder.display().to_string()),
            TryLockError::Error(error) => io_failed("lock", &lock_path)(error),
        })?;
        let registry = read_current(folder)?;
        sweep(folder, registry)?;
        let mut generations = BTreeMap::new();
        for number in registry.numbers() {
            generations.insert(number, Arc::new(Generation::open(version_folder(folder, number), &options)?));
        }
        let opened = RwLock::new(Opened { registry, generations });
        let shared = Shared { folder: folder.to_owned(), options, opened, changing: Mutex::new(()), _lock: lock };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs what may wait for the disk or a lock on a thread that may.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.map_err(|error| SearchError::Fatal(format!("the thread of a search index call ended: {error}")))?
    }
}

fn version_folder(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("v{number}"))
}

fn read_current(folder: &Path) -> Result<Registry, SearchError> {
    let path = folder.join("CURRENT");
    match std::fs::read(&path) {
        Ok(bytes) => Registry::decode(&bytes).ok_or_else(|| {
            SearchError::Fatal(format!("{} is damaged or of a newer format: move the folder away and rebuild search", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Registry::default()),
        Err(error) => Err(io_failed("read", &path)(error)),
    }
}

/// Replaces `CURRENT` durably: a reader finds the former one or this one, whole.
fn write_current(folder: &Path, registry: Registry) -> Result<(), SearchError> {
    let (path, new) = (folder.join("CURRENT"), folder.join("CURRENT.new"));
    let write = || -> io::Result<()> {
        let mut file = File::create(&new)?;
        file.write_all(&registry.encode())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(io_failed("write", &path))
}

/// Removes version folders that a crash left behind.
fn sweep(folder: &Path, registry: Registry) -> Result<(), SearchError> {
    for entry in std::fs::read_dir(folder).map_err(io_failed("read", folder))? {
        let path = entry.map_err(io_failed("read", folder))?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix('v')?.parse::<u32>().ok());
        if number.is_some_and(|number| !registry.numbers().any(|known| known == number)) {
            std::fs::remove_dir_all(&path).map_err(io_failed("remove", &path))?;
        }
    }
    Ok(())
}

impl Shared {
    fn generation(&self, version: Version) -> Result<Arc<Generation>, SearchError> {
        let opened = self.opened.read();
        let number = opened.registry.resolve(version)?;
        opened.generations.get(&number).cloned().ok_or(SearchError::NoVersion(number))
    }

    /// Changes the versions: first durably, then for readers; folders that no longer resolve go last.
    fn change<T>(&self, change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>) -> Result<T, SearchError> {
        let _changing = self.changing.lock();
        let mut opened = self.opened.read().clone();
        let (registry, answer) = change(opened.registry)?;
        for number in registry.numbers() {
            if let Entry::Vacant(place) = opened.generations.entry(number) {
                place.insert(Arc::new(Generation::open(version_folder(&self.folder, number), &self.options)?));
            }
        }
        write_current(&self.folder, registry)?;
        opened.registry = registry;
        let kept = |number: u32| registry.numbers().any(|known| known == number);
        let dropped: Vec<(u32, Arc<Generation>)> = opened.generations.extract_if(.., |number, _| !kept(*number)).collect();
        *self.opened.write() = opened;
        for (number, generation) in dropped {
            generation.abandon();
            let path = version_folder(&self.folder, number);
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(%error, folder = %path.display(), "could not remove a dropped search version, the next start tries again");
            }
        }
        Ok(answer)
    }

    /// Hits as far as the walk goes; `None` where that is not far enough.
    fn search(&self, query: &SearchQuery, walk: &Walk) -> Result<Option<Vec<Item>>, SearchError> {
        let (snapshot, fields) = self.generation(Version::Live)?.committed();
        let found = match query {
            SearchQuery::Statuses(asked) => find::statuses(&snapshot, &fields, asked, walk),
            SearchQuery::Accounts(asked) => find::accounts(&snapshot, &fields, asked, walk),
            SearchQuery::Tags(asked) => find::tags(&snapshot, &fields, asked, walk),
        };
        match found {
            Ok(items) => Ok(Some(items)),
            Err(Halt::TooFar) => Ok(None),
            Err(Halt::Failed(error)) => Err(SearchError::Retryable(error.to_string())),
        }
    }
}

#[async_trait]
impl SearchIndex for TantivySearch {
    async fn apply(
        &self,
        version: Version,
        partition: PartitionId,
        writes: Vec<SearchWrite>,
        checkpoint: Checkpoint,
    ) -> Result<(), SearchError> {
        self.blocking(move |shared| shared.generation(version)?.apply(partition, writes, checkpoint)).await
    }

    async fn checkpoint(&self, version: Version, partition: PartitionId) -> Result<Option<Checkpoint>, SearchError> {
        self.blocking(move |shared| Ok(shared.generation(version)?.checkpoint(partition))).await
    }

    async fn search(&self, query: SearchQuery) -> Result<Vec<Item>, SearchError> {
        // Most searches end sooner than another thread would wake up.
        if let Some(items) = self.shared.search(&query, &Walk::in_place())? {
            return Ok(items);
        }
        let whole = self.blocking(move |shared| shared.search(&query, &Walk::unbounded())).await?;
        Ok(whole.expect("an unbounded walk arrives"))
    }

    async fn dump(&self, version: Version, after: Option<Item>, limit: usize) -> Result<Vec<(Item, u64)>, SearchError> {
        self.blocking(move |shared| {
            let (snapshot, fields) = shared.generation(version)?.committed();
            dump::documents(&snapshot, &fields, after.as_ref(), limit).map_err(|error| SearchError::Retryable(error.to_string()))
        })
        .await
    }

    async fn flush(&self) -> Result<(), SearchError> {
        self.blocking(|shared| {
            let generations: Vec<Arc<Generation>> = shared.opened.read().generations.values().cloned().collect();
            generations.iter().try_for_each(|generation| generation.flush())
        })
        .await
    }

    async fn versions(&self) -> Result<Versions, SearchError> {
        Ok(self.shared.opened.read().registry.versions())
    }

    async fn begin(&self) -> Result<u32, SearchError> {
        self.blocking(|shared| shared.change(Registry::begin)).await
    }

    async fn promote(&self) -> Result<(), SearchError> {
        self.blocking(|shared| {
            let building = shared.opened.read().registry.versions().building;
            if let Some(number) = building {
                shared.generation(Version::Number(number))?.flush()?;
            }
            shared.change(|registry| Ok((registry.promote()?, ())))
        })
        .await
    }

    async fn drop_version(&self, version: u32) -> Result<(), SearchError> {
        self.blocking(move |shared| shared.change(|registry| Ok((registry.drop_version(version)?, ())))).await
    }
}

#[cfg(test)]
mod tests;
