//! Disks that fail or fill up: nothing is acknowledged that is not durable, and nothing at all after a failed sync.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::future::join_all;
use infra::log::embedded::{EmbeddedLog, EmbeddedOptions, FileLayer, OsFiles};
use infra::log::{EventLog, LogError};

use super::support::{P0, append, ids, ids_in, options, own, record};

const NEVER: u64 = u64::MAX;

/// Files that fail from the n-th call on.
struct Failing {
    writes_left: AtomicU64,
    syncs_left: AtomicU64,
    space_left: AtomicU64,
}

impl Failing {
    fn after(writes: u64, syncs: u64, space: u64) -> Arc<Self> {
        Arc::new(Self { writes_left: writes.into(), syncs_left: syncs.into(), space_left: space.into() })
    }
}

/// Takes `amount`, if that much is left.
fn take(left: &AtomicU64, amount: u64) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(amount)).is_ok()
}

impl FileLayer for Failing {
    fn write_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        if take(&self.writes_left, 1) {
            return OsFiles.write_at(file, bytes, position);
        }
        let (half, _) = bytes.split_at(bytes.len() / 2);
        OsFiles.write_at(file, half, position)?;
        Err(io::Error::other("injected: half a write"))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if take(&self.syncs_left, 1) { OsFiles.sync(file) } else { Err(io::Error::other("injected: a failed sync")) }
    }

    fn allocate(&self, file: &File, position: u64, bytes: u64) -> io::Result<()> {
        if take(&self.space_left, bytes) { OsFiles.allocate(file, position, bytes) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

/// Appends from many sides until the disk fails: what was acknowledged is there after a restart, and nothing was acknowledged late.
async fn check(files: Arc<Failing>) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let fatal = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fatal);
    let on_fatal = Arc::new(move |_: &LogError| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let log = EmbeddedLog::open(home.path(), EmbeddedOptions { files, on_fatal, ..options() }).expect("a log");
    let writer = own(&log).await;
    let mut acknowledged = Vec::new();
    for round in 0..200_u64 {
        let failed_before = fatal.load(Ordering::SeqCst) > 0;
        let round_ids: Vec<u64> = (round * 8..round * 8 + 8).collect();
        let calls = round_ids.iter().map(|id| writer.append(vec![record(*id, 500)]));
        for (id, result) in round_ids.iter().zip(join_all(calls).await) {
            match result {
                Ok(_) if failed_before => panic!("{id} was acknowledged after the failure"),
                Ok(_) => acknowledged.push(*id),
                Err(LogError::Unknown { .. } | LogError::Fatal(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!(fatal.load(Ordering::SeqCst), 1, "the process was told to stop, once");
    assert!(log.wait_for(P0, 1_000_000).await.is_err(), "readers do not wait for what will never come");
    assert!(log.close().await.is_err());
    assert_eq!(ids(&log).await, acknowledged, "readers see what is durable, no more");
    drop((log, writer));
    let found = ids_in(home.path()).await.expect("the log recovers");
    assert!(found.starts_with(&acknowledged), "{found:?} against {acknowledged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_is_final() {
    for syncs in [1, 2, 7, 20] {
        check(Failing::after(NEVER, syncs, NEVER)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_is_final() {
    for writes in [2, 5, 8, 21] {
        check(Failing::after(writes, NEVER, NEVER)).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_appends_until_there_is_space() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let files = Failing::after(NEVER, NEVER, 50_000);
    let log = EmbeddedLog::open(home.path(), EmbeddedOptions { files: files.clone(), ..options() }).expect("a log");
    let writer = own(&log).await;
    let mut written = Vec::new();
    let refused = loop {
        let id = written.len() as u64;
        match writer.append(vec![record(id, 1_000)]).await {
            Ok(_) => written.push(id),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, LogError::Full(_)), "{refused:?}");
    assert!((30..50).contains(&written.len()), "all space was used: {}", written.len());
    assert_eq!(ids(&log).await, written, "reads go on");
    assert!(matches!(writer.append(vec![record(998, 1_000)]).await, Err(LogError::Full(_))));
    files.space_left.store(NEVER, Ordering::SeqCst);
    // What was put in line behind the refused append must not outlive it.
    assert!(matches!(writer.append(vec![record(998, 1_000)]).await, Err(LogError::Full(_))));
    let writer = own(&log).await;
    append(&writer, [999], 1_000).await;
    written.push(999);
    assert_eq!(ids(&log).await, written);
    drop((log, writer));
    assert_eq!(ids_in(home.path()).await.expect("the log opens"), written);
}
