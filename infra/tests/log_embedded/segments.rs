//! Many segments: rolling, sealing, finding, missing ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infra::log::embedded::{EmbeddedLog, EmbeddedOptions};
use infra::log::{EventLog, LogError, ReadLimits};

use super::support::{P0, append, ids, ids_in, options, own};

fn files(log: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(log.join("000")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    files
}

async fn made(log: &Path, with: EmbeddedOptions, records: u64) {
    let log = EmbeddedLog::open(log, with).expect("a log");
    append(&own(&log).await, 1..=records, 1_000).await;
}

fn small() -> EmbeddedOptions {
    EmbeddedOptions { segment_bytes: 10_000, recent_bytes: 3_000, ..options() }
}

#[tokio::test]
async fn a_full_segment_is_sealed_and_followed() {
    let home = tempfile::tempdir().expect("a temporary folder");
    made(home.path(), small(), 100).await;
    let (segments, seals) = (files(home.path(), "seg"), files(home.path(), "idx"));
    assert!((11..20).contains(&segments.len()), "{segments:?}");
    assert_eq!(seals.len() + 1, segments.len());
    assert!(segments.iter().all(|path| fs::metadata(path).expect("a file").len() <= 10_000), "all are cut to their length");
    let log = EmbeddedLog::open(home.path(), small()).expect("a log of many segments");
    for from in 0..=101 {
        let read = log.read(P0, from, ReadLimits { records: 15, bytes: usize::MAX }).await.expect("a read within bounds");
        let offsets: Vec<_> = read.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, (from..101.min(from + 15)).collect::<Vec<_>>());
    }
    append(&own(&log).await, 101..=103, 1_000).await;
    assert_eq!(ids(&log).await, (1..=103).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_old_segment_is_followed_at_the_next_write() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let with = EmbeddedOptions { segment_age: Duration::from_millis(30), ..options() };
    let log = EmbeddedLog::open(home.path(), with).expect("a log");
    let writer = own(&log).await;
    for id in 1..=3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        append(&writer, [id], 10).await;
    }
    assert_eq!(files(home.path(), "seg").len(), 4);
    assert_eq!(ids(&log).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_seal_that_a_crash_prevented_is_made_up_for() {
    let home = tempfile::tempdir().expect("a temporary folder");
    made(home.path(), small(), 50).await;
    let seals = files(home.path(), "idx");
    let before: Vec<_> = seals.iter().map(|path| fs::read(path).expect("a seal")).collect();
    fs::write(home.path().join("000/00000000000000099999.seg.tmp"), b"half").expect("a file");
    for seal in &seals {
        fs::remove_file(seal).expect("a seal");
        assert_eq!(ids_in(home.path()).await.expect("a log that lacks a seal"), (1..=50).collect::<Vec<_>>());
    }
    let after: Vec<_> = seals.iter().map(|path| fs::read(path).expect("a seal")).collect();
    assert_eq!(before, after, "a scan finds what the writer knew");
    assert!(files(home.path(), "tmp").is_empty(), "unfinished files are gone");
}

#[tokio::test]
async fn any_missing_segment_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    made(home.path(), small(), 50).await;
    for path in files(home.path(), "seg") {
        let base: u64 = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()).expect("a name with an offset");
        let aside = home.path().join("aside");
        fs::rename(&path, &aside).expect("a segment");
        match ids_in(home.path()).await {
            Err(LogError::Damaged { offset, cause, .. }) => assert_eq!(offset, base, "{cause}"),
            other => panic!("without {}: {other:?}", path.display()),
        }
        fs::rename(&aside, &path).expect("a segment");
    }
    assert_eq!(ids_in(home.path()).await.expect("all are back"), (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_start_did_not_read_is_verified_behind_and_by_readers() {
    let home = tempfile::tempdir().expect("a temporary folder");
    made(home.path(), small(), 50).await;
    let first = files(home.path(), "seg").remove(0);
    let mut bytes = fs::read(&first).expect("a segment");
    bytes[5_000] ^= 1;
    fs::write(&first, bytes).expect("a segment");
    let (sender, found) = std::sync::mpsc::sync_channel(1);
    let on_fatal = std::sync::Arc::new(move |error: &LogError| sender.send(error.to_string()).expect("someone listens"));
    let with = EmbeddedOptions { verify_at_open_bytes: 10_000, on_fatal, ..small() };
    let log = EmbeddedLog::open(home.path(), with).expect("the damage is beyond the budget");
    let told =
        tokio::task::spawn_blocking(move || found.recv_timeout(Duration::from_secs(20))).await.expect("no panic").expect("a finding");
    assert!(told.contains("damaged in partition 0 at offset 5"), "{told}");
    let read = log.read(P0, 0, ReadLimits { records: 50, bytes: usize::MAX }).await;
    assert!(matches!(read, Err(LogError::Damaged { offset: 5, .. })), "{read:?}");
}
