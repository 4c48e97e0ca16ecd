//! A write that was cut short is cut off, and only that.

use infra::log::embedded::EmbeddedLog;

use super::support::{Files, append, ends_of, ids, ids_in, options, own, quick_folder, read_all};

const RECORDS: u64 = 8;

/// Cuts the log at each byte of its last four records: it comes back with the records before the cut, and goes on.
async fn check(clean: bool, cut: impl Fn(&mut Vec<u8>, usize)) {
    let home = quick_folder();
    let folder = home.path().join("log");
    let log = EmbeddedLog::open(&folder, options()).expect("a new log");
    append(&own(&log).await, 1..=RECORDS, 57).await;
    let bodies: Vec<_> = read_all(&log).await.expect("records").into_iter().map(|record| record.body).collect();
    let mut files = Files::at_rest(&folder).await;
    drop(log);
    if clean {
        files = Files::of(&folder);
    }
    let segment = files.with_extension("seg")[0];
    let ends = ends_of(&files.0[segment].1, &bodies);
    assert_eq!(ends.len() as u64, RECORDS + 1, "all records are found, with the writer's start");
    // The last byte that was ever written is that of the mark behind the last record.
    let length = files.0[segment].1.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    assert!(length > ends[ends.len() - 1], "the writer left its mark");
    for at in ends[ends.len() - 5]..=length {
        let mut cut_files = files.clone();
        cut(&mut cut_files.0[segment].1, at);
        cut_files.put(&folder);
        let whole: Vec<u64> = (1..=RECORDS).filter(|id| ends[*id as usize] <= at).collect();
        let found = ids_in(&folder).await.unwrap_or_else(|error| panic!("cut at {at} of {ends:?}: {error}"));
        assert_eq!(found, whole, "cut at {at} of {ends:?}");
        if at % 16 == 0 {
            goes_on(&folder, whole).await;
        }
    }
}

async fn goes_on(folder: &std::path::Path, mut whole: Vec<u64>) {
    let log = EmbeddedLog::open(folder, options()).expect("a log recovered once");
    append(&own(&log).await, 100..103, 300).await;
    whole.extend(100..103);
    assert_eq!(ids(&log).await, whole);
    drop(log);
    assert_eq!(ids_in(folder).await.expect("a log that went on"), whole);
}

#[tokio::test]
async fn cut_at_every_byte_of_the_last_four_records() {
    check(false, Vec::truncate).await;
}

#[tokio::test]
async fn zeros_from_every_byte_of_the_last_four_records() {
    check(false, |bytes, at| bytes[at..].fill(0)).await;
}

#[tokio::test]
async fn cut_at_every_byte_after_a_clean_close() {
    check(true, Vec::truncate).await;
}
