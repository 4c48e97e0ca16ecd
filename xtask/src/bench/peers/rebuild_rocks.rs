//! RocksDB loaded in bulk, by the program in `peers/` with its feature `rocksdb`: it is built from C++, which takes minutes the first time.
//!
//! The database lies beside other data under the target folder. A turn ends when all its entries lie in files; entries beyond the bound
//! remain until one compaction after the last turn, and a reader's page takes the newest. How long that compaction took stands beside.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use schemas::PostId;
use serde::Serialize;
use serde_json::json;

use super::super::rebuild::{Piece, Side, Turns};
use super::super::report::{Report, whole};
use super::super::w1::W1;
use super::export;
use super::other::{Other, number, pages};
use super::seconds;

/// What to do where the program cannot be built.
const TO_BUILD: &str = "RocksDB is built here; where its compiler or libclang is absent, run `apt-get install --no-install-recommends g++ \
                        libclang-dev clang`";
/// Ways to load, to be tried.
const WAYS: [Way; 3] = [Way::Files(1), Way::Files(2), Way::Memtables];
/// Threads that write sorted files where there is nothing to try.
const FILLING_THREADS: u32 = 2;

/// A way to load.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// Sorted files, made by so many threads and taken in.
    Files(u32),
    /// Memory tables, which are flushed.
    Memtables,
}

/// A RocksDB with the timelines of some readers. The program that holds it ends before its folder goes.
pub(super) struct RocksLoad {
    other: Other,
    folder: tempfile::TempDir,
    way: Way,
    /// What each way reached with the first posts.
    tried: String,
    /// Deliveries of which entries are there, or were until they were trimmed.
    loaded: f64,
    trim_s: f64,
    slots: usize,
}

impl RocksLoad {
    /// Builds and starts the program, and hands over who reads whom.
    ///
    /// # Errors
    /// Fails where it cannot be built.
    pub(super) fn start(parent: &Path, w1: &W1, hot: &[bool], slots: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-peer-").tempdir_in(parent).context("cannot make a folder")?;
        let follows = folder.path().join("follows");
        export::follows(&follows, w1, hot)?;
        let mut other = Other::start("rocksdb", &["rocksdb"]).context(TO_BUILD)?;
        other.ask(&json!({ "do": "open", "folder": folder.path(), "follows": follows, "slots": slots }))?;
        Ok(Self { other, folder, way: WAYS[0], tried: String::new(), loaded: 0.0, trim_s: 0.0, slots })
    }

    fn load(&mut self, piece: &Piece) -> Result<()> {
        let deliveries = number(&self.other.ask(&json!({ "do": "load", "way": self.way }))?, "deliveries")?;
        ensure!(deliveries == whole(piece.deliveries), "rocksdb made {deliveries} deliveries of {}", piece.deliveries);
        self.loaded += deliveries;
        Ok(())
    }

    /// The version, which the database writes into its own log.
    fn version(&self) -> Result<String> {
        let log = std::fs::read_to_string(self.folder.path().join("db/LOG")).context("RocksDB has no log")?;
        let version = log.lines().find_map(|line| Some(line.split_once("RocksDB version: ")?.1.trim().to_owned()));
        version.context("RocksDB's log has no version")
    }
}

impl Side for RocksLoad {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn warm_up(&mut self, piece: &Piece) -> Result<()> {
        self.prepare(piece)?;
        let mut tried = Vec::new();
        for way in WAYS {
            self.way = way;
            let began = Instant::now();
            self.load(piece)?;
            tried.push((seconds(began.elapsed()), way));
            self.empty()?;
            self.loaded = 0.0;
        }
        let rates = tried.iter().map(|(took_s, way)| format!("{way:?} {:.0}/s", whole(piece.deliveries) / took_s));
        self.tried = rates.collect::<Vec<_>>().join(", ");
        self.way = tried.iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("ways are tried")?.1;
        self.load(piece)
    }

    fn prepare(&mut self, piece: &Piece) -> Result<()> {
        let path = self.folder.path().join("posts");
        export::pairs(&path, piece.posts.iter().map(|(post, author)| (*post, (*author).into())))?;
        self.other.ask(&json!({ "do": "posts", "posts": path })).map(drop)
    }

    fn deliver(&mut self, piece: &Piece) -> Result<()> {
        self.load(piece)
    }

    fn empty(&mut self) -> Result<()> {
        self.other.ask(&json!({ "do": "wipe" })).map(drop)
    }

    fn fill(&mut self, _: &Piece) -> Result<()> {
        self.other.ask(&json!({ "do": "fill", "threads": FILLING_THREADS })).map(drop)
    }

    fn finish(&mut self) -> Result<()> {
        let began = Instant::now();
        self.other.ask(&json!({ "do": "trim" }))?;
        self.trim_s = seconds(began.elapsed());
        Ok(())
    }

    fn newest(&mut self, reader: u32, limit: usize) -> Result<Vec<PostId>> {
        let answer = self.other.ask(&json!({ "do": "pages", "readers": [reader], "limit": limit }))?;
        let page = pages(&answer)?.pop().context("the other side gives no page")?;
        Ok(page.into_iter().map(PostId).collect())
    }

    fn other_cpu_s(&self) -> f64 {
        self.other.cpu_s()
    }

    fn rate_finished(&self, turns: &Turns) -> Option<f64> {
        // The first turn's entries, which is not timed, were trimmed as well.
        let part = whole(turns.deliveries) / self.loaded.max(1.0);
        Some(whole(turns.deliveries) / (turns.wall_s + self.trim_s * part))
    }

    fn report(&mut self, _: &Turns, _: &[u32], report: &mut Report) -> Result<()> {
        let size = self.other.ask(&json!({ "do": "size" }))?;
        let (entries, bytes) = (number(&size, "entries")?, number(&size, "bytes")?);
        report.add("rocksdb_entries", entries);
        report.add("rocksdb_entry_bytes", bytes / entries.max(1.0));
        report.add("rocksdb_trim_s", self.trim_s);
        let (way, tried, slots) = (self.way, &self.tried, self.slots);
        let version = self.version()?;
        report.note(
            "rocksdb",
            format!(
                "RocksDB {version}, a key (reader, newest post first) per entry without a value, on the disk; prepare_for_bulk_load, vector memory tables \
                 of 64 MB, blocks of 16 KB, two threads in the background, no log ahead, no compression; {way:?} (the best; tried: {tried}, \
                 files being sorted and taken in by so many threads); trimmed to {slots} by one compaction after the last turn, which \
                 rocksdb_rate_finished counts"
            ),
        );
        Ok(())
    }
}
