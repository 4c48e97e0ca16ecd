//! One version of the index: a folder, its writer, and the thread that commits what was applied.

use std::collections::BTreeSet;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ::tantivy::directory::MmapDirectory;
use ::tantivy::indexer::{IndexWriterOptions, UserOperation};
use ::tantivy::schema::Schema;
use ::tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError};
use parking_lot::{Condvar, Mutex, RwLock};
use rustc_hash::FxHashSet;
use schemas::rows::Checkpoint;
use schemas::{PartitionId, PostId};

use super::TantivyOptions;
use super::entry::Entry;
use super::fields::{self, Fields};
use super::ledger::{Found, Ledger};
use super::merging::BySize;
use super::queue::Queue;
use super::snapshot::Snapshot;
use super::tokens;
use crate::search::memory::first_new;
use crate::search::{Item, SearchChange, SearchError, SearchWrite};
use crate::worker::Worker;

/// A version that is open; dropping it commits what was applied.
pub(super) struct Generation {
    core: Arc<Core>,
    /// What it did not commit if it panicked is read from the log again.
    _committer: Worker,
}

struct Core {
    folder: PathBuf,
    options: TantivyOptions,
    index: Index,
    fields: Fields,
    reader: IndexReader,
    /// What is committed.
    snapshot: RwLock<Arc<Snapshot>>,
    queue: Arc<Queue>,
    state: Mutex<State>,
    /// Wakes the committer: there is something to commit, or the end.
    wake: Condvar,
}

struct State {
    /// Made at the first change: versions that are only read cost no buffers.
    writer: Option<IndexWriter<Entry>>,
    applied: Ledger,
    durable: Ledger,
    /// Partitions of which applied changes were lost, until they ask from where to go on.
    lost: BTreeSet<PartitionId>,
    /// When to commit.
    due: Option<Instant>,
    closing: bool,
    /// Tags that were put in: to put one in again changes nothing, and popular ones come with many posts.
    tags: FxHashSet<String>,
}

fn failed(folder: &Path) -> impl Fn(TantivyError) -> SearchError + '_ {
    move |error| SearchError::Fatal(format!("{}: {error}", folder.display()))
}

fn in_folder(folder: &Path) -> Result<MmapDirectory, TantivyError> {
    MmapDirectory::open(folder).map_err(TantivyError::from)
}

fn create(folder: &Path, schema: Schema) -> Result<Index, TantivyError> {
    Index::builder().schema(schema).settings(fields::settings()).open_or_create(in_folder(folder)?)
}

/// The index in a folder and how far it has come. One of an older format is removed, so that it is filled again from the log.
fn existing(folder: &Path, schema: &Schema) -> Result<Option<(Index, Ledger)>, SearchError> {
    let directory = in_folder(folder).map_err(failed(folder))?;
    if !Index::exists(&directory).map_err(|error| failed(folder)(error.into()))? {
        return Ok(None);
    }
    let index = Index::open(directory).map_err(failed(folder))?;
    let payload = index.load_metas().map_err(failed(folder))?.payload;
    let found = payload.as_deref().map_or(Ok(Found::Current(Ledger::default())), Ledger::decode)?;
    match found {
        // Without a commit there is no payload that tells the format: the fields do.
        Found::Current(ledger) if index.schema() == *schema => return Ok(Some((index, ledger))),
        Found::Current(_) if payload.is_some() => {
            return Err(SearchError::Fatal(format!("{} has other fields than its format: rebuild search", folder.display())));
        }
        Found::Current(_) | Found::Older => {}
    }
    tracing::warn!(folder = %folder.display(), "the search index has an older format: it is filled again from the log");
    drop(index);
    let emptied = std::fs::remove_dir_all(folder).and_then(|()| std::fs::create_dir_all(folder));
    emptied.map_err(|error| SearchError::Fatal(format!("cannot empty {}: {error}", folder.display())))?;
    Ok(None)
}

impl Generation {
    /// Opens a version's folder, making it if absent.
    pub(super) fn open(folder: PathBuf, options: &TantivyOptions) -> Result<Self, SearchError> {
        std::fs::create_dir_all(&folder).map_err(|error| SearchError::Fatal(format!("cannot make {}: {error}", folder.display())))?;
        let (schema, fields) = Fields::schema();
        let (index, durable) = match existing(&folder, &schema)? {
            Some(found) => found,
            None => (create(&folder, schema).map_err(failed(&folder))?, Ledger::default()),
        };
        index.tokenizers().register(fields::TOKENIZER, tokens::tokenizer());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(1);
        let reader: IndexReader = reader.try_into().map_err(failed(&folder))?;
        let state = State {
            writer: None,
            applied: durable.clone(),
            durable,
            lost: BTreeSet::new(),
            due: None,
            closing: false,
            tags: FxHashSet::default(),
        };
        let snapshot = RwLock::new(Arc::new(Snapshot::new(&reader.searcher(), None).map_err(failed(&folder))?));
        let (options, queue) = (options.clone(), Arc::new(Queue::default()));
        let (state, wake) = (Mutex::new(state), Condvar::new());
        let core = Arc::new(Core { folder, options, index, fields, reader, snapshot, queue, state, wake });
        let committer = Worker::start("search-commit", {
            let core = core.clone();
            move || core.commit_when_due()
        });
        let committer = committer.map_err(|error| SearchError::Fatal(format!("cannot start a thread: {error}")))?;
        Ok(Self { core, _committer: committer })
    }

    /// Takes changes in; they are committed within the time that the options say.
    pub(super) fn apply(&self, partition: PartitionId, writes: Vec<SearchWrite>, checkpoint: Checkpoint) -> Result<(), SearchError> {
        let core = &self.core;
        let mut state = core.state.lock();
        if state.lost.contains(&partition) {
            return Err(SearchError::Rewound(partition));
        }
        let mut entry = state.applied.0.get(&partition).copied().unwrap_or_default();
        let known = state.applied.0.get(&partition).map(|entry| &entry.checkpoint);
        let Some(from) = first_new(known, &checkpoint) else { return Ok(()) };
        if checkpoint.next < from {
            return Ok(());
        }
        if state.writer.is_none() {
            state.writer = Some(core.open_writer()?);
        }
        let changes = writes.into_iter().filter(|write| write.offset >= from).map(|write| write.change);
        if let Err(error) = core.write(&mut state, changes.collect(), &mut entry.newest) {
            tracing::error!(%error, folder = %core.folder.display(), "search index refused a document");
            state.rewind();
            state.lost.insert(partition);
            return Err(SearchError::Rewound(partition));
        }
        entry.checkpoint = checkpoint;
        state.applied.0.insert(partition, entry);
        if state.due.is_none() {
            state.due = Some(Instant::now() + core.options.commit_after);
            core.wake.notify_one();
        }
        Ok(())
    }

    /// Where a partition stands durably.
    pub(super) fn checkpoint(&self, partition: PartitionId) -> Option<Checkpoint> {
        let mut state = self.core.state.lock();
        state.lost.remove(&partition);
        state.durable.0.get(&partition).map(|entry| entry.checkpoint)
    }

    /// Commits what was applied.
    pub(super) fn flush(&self) -> Result<(), SearchError> {
        self.core.commit(&mut self.core.state.lock())
    }

    /// What is committed now.
    pub(super) fn committed(&self) -> (Arc<Snapshot>, Fields) {
        (self.core.snapshot.read().clone(), self.core.fields)
    }

    /// Stops writing for good: the folder is about to go.
    pub(super) fn abandon(&self) {
        let mut state = self.core.state.lock();
        state.due = None;
        state.closing = true;
        state.writer = None;
        self.core.wake.notify_one();
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.core.state.lock().closing = true;
        self.core.wake.notify_one();
    }
}

impl State {
    /// Goes back to the last commit.
    fn rewind(&mut self) {
        self.writer = None;
        self.due = None;
        self.tags.clear();
        let lost = self.applied.0.iter().filter(|(partition, entry)| self.durable.0.get(partition) != Some(entry));
        self.lost.extend(lost.map(|(partition, _)| *partition).collect::<Vec<_>>());
        self.applied = self.durable.clone();
    }
}

impl Core {
    fn open_writer(&self) -> Result<IndexWriter<Entry>, SearchError> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(self.options.writer_bytes)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = self.index.writer_with_options(options).map_err(failed(&self.folder))?;
        writer.set_merge_policy(Box::new(BySize));
        Ok(writer)
    }

    /// Hands changes over; documents that replace nothing go together.
    fn write(&self, state: &mut State, changes: Vec<SearchChange>, newest: &mut PostId) -> Result<(), TantivyError> {
        let State { writer, tags, .. } = state;
        let writer = writer.as_ref().expect("it was made before changes are handed over");
        let mut new: Vec<Entry> = Vec::new();
        for change in changes {
            let (item, document) = match change {
                SearchChange::Delete(item) => (item, None),
                SearchChange::Put(document) => (document.item(), Some(document)),
            };
            let replaces = match (&item, &document) {
                (Item::Tag(name), Some(_)) if tags.contains(name) => continue,
                // Newer than all before it: nothing is there to be replaced, and a search for it is saved.
                (Item::Status(id), Some(_)) => id <= newest,
                _ => true,
            };
            if replaces {
                self.send(writer, mem::take(&mut new))?;
                writer.delete_query(self.fields.of(&item))?;
            }
            match (item, &document) {
                (Item::Status(id), Some(_)) => *newest = id.max(*newest),
                (Item::Tag(name), Some(_)) => remember(tags, name),
                (Item::Tag(name), None) => drop(tags.remove(&name)),
                _ => {}
            }
            new.extend(document.map(|document| Entry::new(self.fields, document)));
        }
        self.send(writer, new)
    }

    /// Hands documents over as one batch.
    fn send(&self, writer: &IndexWriter<Entry>, mut documents: Vec<Entry>) -> Result<(), TantivyError> {
        let count = documents.len();
        let Some(last) = documents.pop() else { return Ok(()) };
        documents.push(last.with(self.queue.enter(count)));
        writer.run(documents.into_iter().map(UserOperation::Add))?;
        Ok(())
    }

    fn commit(&self, state: &mut State) -> Result<(), SearchError> {
        if state.due.is_none() {
            return Ok(());
        }
        let began = Instant::now();
        let payload = state.applied.encode();
        let Some(writer) = state.writer.as_mut() else { return Ok(()) };
        let committed = writer.prepare_commit().and_then(|mut prepared| {
            prepared.set_payload(&payload);
            prepared.commit()
        });
        if let Err(error) = committed {
            tracing::error!(%error, folder = %self.folder.display(), "search index could not commit, goes back to its last commit");
            state.rewind();
            return Err(SearchError::Retryable(error.to_string()));
        }
        state.due = None;
        state.durable = state.applied.clone();
        metrics::histogram!("roost_search_commit_seconds").record(began.elapsed().as_secs_f64());
        self.reload().map_err(|error| SearchError::Retryable(error.to_string()))
    }

    /// Lets searches see what is committed.
    fn reload(&self) -> Result<(), TantivyError> {
        self.reader.reload()?;
        let former = self.snapshot.read().clone();
        let snapshot = Arc::new(Snapshot::new(&self.reader.searcher(), Some(&former))?);
        *self.snapshot.write() = snapshot;
        Ok(())
    }

    fn commit_when_due(&self) {
        let mut state = self.state.lock();
        while !state.closing {
            match state.due {
                None => self.wake.wait(&mut state),
                Some(due) if due > Instant::now() => drop(self.wake.wait_until(&mut state, due)),
                // Failures are logged, and told to whoever applies next.
                Some(_) => drop(self.commit(&mut state)),
            }
        }
        let _ = self.commit(&mut state);
        state.writer = None;
    }
}

/// Tags that are known to be in the index.
const TAGS_KNOWN_MAX: usize = 100_000;

fn remember(tags: &mut FxHashSet<String>, name: String) {
    if tags.len() >= TAGS_KNOWN_MAX {
        tags.clear();
    }
    tags.insert(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::contract::checkpoint;
    use crate::search::tantivy::ledger::Entry;

    /// What a failed commit does, without a disk that fails.
    #[test]
    fn after_a_failed_commit_a_partition_starts_from_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let generation = Generation::open(folder.path().join("v1"), &TantivyOptions::default()).unwrap();
        let (kept, lost) = (PartitionId(0), PartitionId(1));
        generation.apply(kept, Vec::new(), checkpoint(5)).unwrap();
        generation.apply(lost, Vec::new(), checkpoint(5)).unwrap();
        generation.flush().unwrap();
        {
            let mut state = generation.core.state.lock();
            state.applied.0.insert(lost, Entry { checkpoint: checkpoint(9), ..Entry::default() });
            state.rewind();
        }
        generation.apply(kept, Vec::new(), checkpoint(6)).unwrap();
        let refused = generation.apply(lost, Vec::new(), checkpoint(10));
        assert!(matches!(refused, Err(SearchError::Rewound(partition)) if partition == lost), "{refused:?}");
        assert_eq!(generation.checkpoint(lost), Some(checkpoint(5)));
        generation.apply(lost, Vec::new(), checkpoint(10)).unwrap();
        generation.flush().unwrap();
        assert_eq!((generation.checkpoint(kept), generation.checkpoint(lost)), (Some(checkpoint(6)), Some(checkpoint(10))));
    }
}
