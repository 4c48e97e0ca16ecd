//! What the fault tests share: a log in a temporary folder, its records, and copies of its files as a crash leaves them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use infra::log::embedded::{EmbeddedLog, EmbeddedOptions};
use infra::log::{EventLog, LogError, LogLayout, PartitionWriter, ReadLimits};
use schemas::log::{CommandId, NewRecord, RecordKind, StoredRecord, TraceContext, Validity, Verdict};
use schemas::{AccountId, PartitionId};
use tempfile::TempDir;

pub(crate) const P0: PartitionId = PartitionId(0);
pub(crate) const LAYOUT: LogLayout = LogLayout { generation: 1, partitions: 1 };

/// Options of a log with one partition, which panics where a server would stop.
pub(crate) fn options() -> EmbeddedOptions {
    let mut options = EmbeddedOptions::new(LAYOUT);
    options.on_fatal = Arc::new(|error| panic!("{error}"));
    options
}

/// A temporary folder in memory where there is one: for tests that change files thousands of times and lose none to a power cut.
pub(crate) fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// A record whose body no other record shares any eight bytes with.
pub(crate) fn record(id: u64, body_bytes: usize) -> NewRecord {
    let mut body = Vec::new();
    for word in 0.. {
        body.extend((id << 32 | word).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        if body.len() >= body_bytes {
            break;
        }
    }
    body.truncate(body_bytes);
    NewRecord {
        command_id: CommandId(u128::from(id)),
        actor: AccountId(1),
        time_ms: 1_700_000_000_000,
        causation: CommandId(0),
        trace: TraceContext::default(),
        body: Bytes::from(body),
    }
}

pub(crate) async fn own(log: &EmbeddedLog) -> Arc<dyn PartitionWriter> {
    log.open_writer(P0, "test").await.expect("a writer")
}

/// Appends one record of `body_bytes` for each id, each in a group of its own.
pub(crate) async fn append(writer: &Arc<dyn PartitionWriter>, ids: impl IntoIterator<Item = u64>, body_bytes: usize) {
    for id in ids {
        writer.append(vec![record(id, body_bytes)]).await.expect("the append succeeds");
    }
}

pub(crate) async fn read_all(log: &EmbeddedLog) -> Result<Vec<StoredRecord>, LogError> {
    let end = log.bounds(P0).await?.end;
    let (mut all, mut state) = (Vec::new(), Validity::default());
    while (all.len() as u64) < end {
        let some = log.read(P0, all.len() as u64, ReadLimits { records: 50, bytes: 100_000 }).await?;
        assert!(!some.is_empty());
        all.extend(some);
    }
    for (at, record) in all.iter().enumerate() {
        assert_eq!((record.offset, state.admit(&record.header)), (at as u64, Verdict::Valid));
    }
    Ok(all)
}

/// The ids of the commands in the log.
pub(crate) async fn ids(log: &EmbeddedLog) -> Vec<u64> {
    let all = read_all(log).await.expect("a readable log");
    let commands = all.iter().filter(|record| record.header.kind == RecordKind::Command);
    commands.map(|record| record.header.command_id.0 as u64).collect()
}

/// Opens the log in `folder` and gives the ids of its commands.
pub(crate) async fn ids_in(folder: &Path) -> Result<Vec<u64>, LogError> {
    let log = EmbeddedLog::open(folder, options())?;
    Ok(ids(&log).await)
}

/// A log's files, held in memory, to be put down again and again.
#[derive(Clone)]
pub(crate) struct Files(pub(crate) Vec<(PathBuf, Vec<u8>)>);

impl Files {
    /// Takes the files of a log with one partition as they are now. What is reserved ahead is left short, for speed.
    pub(crate) fn of(log: &Path) -> Self {
        let mut files = Vec::new();
        for folder in [log.to_owned(), log.join("000")] {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_file() {
                    let mut bytes = fs::read(&path).expect("a file");
                    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                    bytes.truncate(bytes.len().min(used + 3_000));
                    files.push((path.strip_prefix(log).expect("it lies in the log").to_owned(), bytes));
                }
            }
        }
        files.sort();
        Self(files)
    }

    /// Takes the files once the writer has left its mark.
    pub(crate) async fn at_rest(log: &Path) -> Self {
        let mut last = Self::of(log);
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = Self::of(log);
            if now.0 == last.0 {
                return now;
            }
            last = now;
        }
    }

    /// Puts the files into an empty folder.
    pub(crate) fn put(&self, log: &Path) {
        let _ = fs::remove_dir_all(log);
        fs::create_dir_all(log.join("000")).expect("a folder");
        for (path, bytes) in &self.0 {
            fs::write(log.join(path), bytes).expect("a file");
        }
    }

    /// The files with this extension, in order, by their place in the list.
    pub(crate) fn with_extension(&self, extension: &str) -> Vec<usize> {
        let is = |at: &usize| self.0[*at].0.extension().is_some_and(|it| it == extension);
        (0..self.0.len()).filter(is).collect()
    }
}

/// Where the bodies of records end in a segment's bytes, in order, by search: the tests do not know the format.
pub(crate) fn ends_of(segment: &[u8], bodies: &[Bytes]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut from = 0;
    for body in bodies {
        if let Some(at) = segment[from..].windows(body.len()).position(|window| window == body) {
            from += at + body.len();
            ends.push(from);
        }
    }
    ends
}
