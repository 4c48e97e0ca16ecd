//! Home timelines in RocksDB, loaded in bulk: a key per entry, reader first and then the newest post first, without a value.
//!
//! Two ways. Sorted files: posts are gathered by reader in memory, written in the order of keys by so many threads, each its share of the
//! readers, and taken in as they are. Memory tables: entries come in the order of posts, into plain vectors that are sorted as they go to
//! the disk. Nothing is logged ahead and nothing compacted meanwhile, as RocksDB advises for loading; one compaction at the end brings
//! all into order and drops what is beyond the bound.

use anyhow::{Context, Result, ensure};
use rocksdb::compaction_filter::{CompactionFilter, Decision};
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use rocksdb::{
    BottommostLevelCompaction, CompactOptions, DB, Direction, IngestExternalFileOptions, IteratorMode, MemtableFactory, Options,
    SstFileWriter, WriteBatch, WriteOptions,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::CStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Entries of a write into memory tables.
const BATCH: usize = 10_000;
/// Of a memory table: small enough that sorting one and filling the next go on at once.
const MEMTABLE_BYTES: usize = 64 << 20;
/// For flushing and compaction.
const THREADS: i32 = 2;
/// Larger blocks than those for reading alone: fewer of them are to be made.
const BLOCK_BYTES: usize = 16 << 10;
const FILTER: &CStr = c"newest";

/// How to load.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// Sorted files, written by so many threads.
    Files(u32),
    /// Memory tables.
    Memtables,
}

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Makes the database in a folder; `follows` is a file of authors and readers, each reader being one of its own; `slots` how many entries of a reader are kept.
    Open { folder: PathBuf, follows: PathBuf, slots: usize },
    /// Forgets all entries.
    Wipe,
    /// Reads what to load next: a file of ids and authors, the oldest post first.
    Posts { posts: PathBuf },
    /// Loads it, until all lies in files.
    Load { way: Way },
    /// Writes sorted files of the newest of these posts, as many for each reader as are kept, from so many threads.
    Fill { threads: u32 },
    /// Compacts all, and drops what is beyond the bound.
    Trim,
    /// Newest entries of readers.
    Pages { readers: Vec<u32>, limit: usize },
    /// What there is; fails where a reader has more than may be.
    Size,
}

/// The database, once opened.
#[derive(Default)]
pub(crate) struct Side {
    db: Option<DB>,
    folder: PathBuf,
    slots: usize,
    /// Per author: its readers, ascending.
    readers: Vec<Vec<u32>>,
    posts: Vec<(i64, i32)>,
    /// Sorted files made so far.
    files: u32,
}

impl Side {
    pub(crate) fn answer(&mut self, ask: Ask) -> Result<Value> {
        match ask {
            Ask::Open { folder, follows, slots } => {
                for (author, reader) in crate::postgres::pairs(&follows)? {
                    let author = usize::try_from(author)?;
                    self.readers.resize_with(self.readers.len().max(author + 1), Vec::new);
                    self.readers.get_mut(author).context("there is room for the author")?.push(u32::try_from(reader)?);
                }
                self.readers.iter_mut().for_each(|readers| readers.sort_unstable());
                (self.folder, self.slots) = (folder, slots);
                self.wipe()
            }
            Ask::Wipe => self.wipe(),
            Ask::Posts { posts } => {
                self.posts = crate::postgres::pairs(&posts)?;
                Ok(json!({}))
            }
            Ask::Load { way: Way::Files(threads) } => Ok(json!({ "deliveries": self.load_files(threads.max(1), false)? })),
            Ask::Fill { threads } => Ok(json!({ "entries": self.load_files(threads.max(1), true)? })),
            Ask::Load { way: Way::Memtables } => Ok(json!({ "deliveries": self.load_memtables()? })),
            Ask::Trim => {
                let mut options = CompactOptions::default();
                options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
                self.db()?.compact_range_opt(None::<&[u8]>, None::<&[u8]>, &options);
                Ok(json!({}))
            }
            Ask::Pages { readers, limit } => {
                let page = |reader: &u32| self.page(*reader, limit);
                Ok(json!({ "pages": readers.iter().map(page).collect::<Result<Vec<_>>>()? }))
            }
            Ask::Size => self.size(),
        }
    }

    fn db(&self) -> Result<&DB> {
        self.db.as_ref().context("open first")
    }

    fn wipe(&mut self) -> Result<Value> {
        self.db = None;
        let folder = self.folder.join("db");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("cannot remove the database")?;
        }
        self.db = Some(DB::open(&options(self.slots), &folder)?);
        Ok(json!({}))
    }

    fn readers(&self, author: i32) -> &[u32] {
        usize::try_from(author).ok().and_then(|author| self.readers.get(author)).map_or(&[], Vec::as_slice)
    }

    fn load_files(&mut self, threads: u32, bounded: bool) -> Result<u64> {
        let end = self.readers.iter().filter_map(|readers| readers.last()).max().map_or(0, |last| last + 1);
        let shares = (0..threads).map(|n| n * (end / threads + 1)..(n + 1) * (end / threads + 1));
        let shares: Vec<(Range<u32>, PathBuf)> =
            shares.zip(self.files..).map(|(share, n)| (share, self.folder.join(format!("{n}.sst")))).collect();
        self.files += threads;
        let side = &*self;
        let written: Vec<Result<u64>> = std::thread::scope(|scope| {
            let write = |(share, path): &(Range<u32>, PathBuf)| {
                let (share, path) = (share.clone(), path.clone());
                scope.spawn(move || side.write_file(share, &path, bounded))
            };
            let threads: Vec<_> = shares.iter().map(write).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))).collect()
        });
        let (mut deliveries, mut paths) = (0, Vec::new());
        for (written, (_, path)) in written.into_iter().zip(&shares) {
            let written = written?;
            if written > 0 {
                paths.push(path);
            }
            deliveries += written;
        }
        let mut moved = IngestExternalFileOptions::default();
        moved.set_move_files(true);
        self.db()?.ingest_external_file_opts(&moved, paths)?;
        Ok(deliveries)
    }

    /// Writes the entries of a share of the readers, each one's newest first; how many there were. None make no file. With a bound, as
    /// many of a reader as are kept.
    fn write_file(&self, share: Range<u32>, path: &Path, bounded: bool) -> Result<u64> {
        let mut timelines: Vec<Vec<i64>> = vec![Vec::new(); share.len()];
        let (mut deliveries, slots) = (0, if bounded { self.slots } else { usize::MAX });
        // Every reader is among its own.
        let is_reader = |reader: &u32| i32::try_from(*reader).is_ok_and(|author| self.readers(author).binary_search(reader).is_ok());
        let mut open = share.clone().filter(is_reader).count();
        for (post, author) in self.posts.iter().rev() {
            if open == 0 {
                break;
            }
            let readers = self.readers(*author);
            let first = readers.partition_point(|reader| *reader < share.start);
            for reader in readers.iter().skip(first).take_while(|reader| **reader < share.end) {
                let timeline = timelines.get_mut((reader - share.start) as usize);
                if let Some(timeline) = timeline.filter(|timeline| timeline.len() < slots) {
                    timeline.push(*post);
                    deliveries += 1;
                    open -= usize::from(timeline.len() == slots);
                }
            }
        }
        if deliveries == 0 {
            return Ok(0);
        }
        let options = options(self.slots);
        let mut writer = SstFileWriter::create(&options);
        writer.open(path)?;
        for (reader, timeline) in share.zip(timelines) {
            for post in timeline {
                writer.put(key(reader, post), b"")?;
            }
        }
        writer.finish()?;
        Ok(deliveries)
    }

    fn load_memtables(&self) -> Result<u64> {
        let db = self.db()?;
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        let (mut deliveries, mut batch) = (0, WriteBatch::default());
        for (post, author) in &self.posts {
            for reader in self.readers(*author) {
                batch.put(key(*reader, *post), b"");
                deliveries += 1;
                if batch.len() >= BATCH {
                    db.write_opt(std::mem::take(&mut batch), &unlogged)?;
                }
            }
        }
        db.write_opt(batch, &unlogged)?;
        db.flush()?;
        Ok(deliveries)
    }

    fn page(&self, reader: u32, limit: usize) -> Result<Vec<i64>> {
        let from = key(reader, i64::MAX);
        let mut page = Vec::new();
        for entry in self.db()?.iterator(IteratorMode::From(&from, Direction::Forward)).take(limit) {
            let (key, _) = entry?;
            let (of, post) = parse(&key)?;
            if of != reader {
                break;
            }
            page.push(post);
        }
        Ok(page)
    }

    fn size(&self) -> Result<Value> {
        let (mut entries, mut of_reader, mut last) = (0_u64, 0, None);
        for entry in self.db()?.iterator(IteratorMode::Start) {
            let (reader, _) = parse(&entry?.0)?;
            of_reader = if last == Some(reader) { of_reader + 1 } else { 1 };
            ensure!(of_reader <= self.slots, "reader {reader} has more than {} entries", self.slots);
            (entries, last) = (entries + 1, Some(reader));
        }
        let bytes = self.db()?.property_int_value("rocksdb.total-sst-files-size")?.unwrap_or_default();
        Ok(json!({ "entries": entries, "bytes": bytes }))
    }
}

fn options(slots: usize) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.increase_parallelism(THREADS);
    options.set_memtable_factory(MemtableFactory::Vector);
    options.set_allow_concurrent_memtable_write(false);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    options.prepare_for_bulk_load();
    let mut blocks = rocksdb::BlockBasedOptions::default();
    blocks.set_block_size(BLOCK_BYTES);
    options.set_block_based_table_factory(&blocks);
    options.set_compaction_filter_factory(Bound(slots));
    options
}

/// A reader's entries lie together, the newest first: ids are not negative, so that their complements descend as they ascend.
fn key(reader: u32, post: i64) -> [u8; 12] {
    let mut key = [0; 12];
    let (first, rest) = key.split_at_mut(4);
    first.copy_from_slice(&reader.to_be_bytes());
    rest.copy_from_slice(&(i64::MAX - post).to_be_bytes());
    key
}

fn parse(key: &[u8]) -> Result<(u32, i64)> {
    let (reader, rest) = key.split_first_chunk().context("a key is cut off")?;
    let post = rest.first_chunk().context("a key is cut off")?;
    Ok((u32::from_be_bytes(*reader), i64::MAX - i64::from_be_bytes(*post)))
}

/// Keeps so many entries of each reader.
struct Bound(usize);

impl CompactionFilterFactory for Bound {
    type Filter = Newest;

    fn create(&mut self, _: CompactionFilterContext) -> Newest {
        Newest { slots: self.0, reader: None, seen: 0 }
    }

    fn name(&self) -> &CStr {
        FILTER
    }
}

/// Sees the keys of a compaction in order: of each reader the newest entries come first.
struct Newest {
    slots: usize,
    reader: Option<[u8; 4]>,
    seen: usize,
}

impl CompactionFilter for Newest {
    fn filter(&mut self, _: u32, key: &[u8], _: &[u8]) -> Decision {
        let reader = key.first_chunk().copied();
        self.seen = if reader == self.reader { self.seen + 1 } else { 1 };
        self.reader = reader;
        if self.seen > self.slots { Decision::Remove } else { Decision::Keep }
    }

    fn name(&self) -> &CStr {
        FILTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_by_reader_and_then_from_the_newest() {
        let in_order = [(1, i64::MAX), (1, 70), (1, 7), (1, 0), (2, 71), (256, 1)];
        assert!(in_order.map(|(reader, post)| key(reader, post)).is_sorted());
        assert_eq!(in_order.map(|(reader, post)| parse(&key(reader, post)).ok()), in_order.map(Some));
        assert!(parse(&[0; 11]).is_err());
    }
}
