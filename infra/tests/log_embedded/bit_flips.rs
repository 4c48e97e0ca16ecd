//! A flipped bit is refused, and its record named.

use infra::log::LogError;
use infra::log::embedded::EmbeddedLog;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::support::{Files, append, ends_of, ids_in, options, own, quick_folder, read_all};

const FLIPS: usize = 250;

/// Flips single bits of a log: `closed` in good order, or as a killed process leaves it.
async fn check(closed: bool, seed: u64) {
    let home = quick_folder();
    let folder = home.path().join("log");
    let mut with = options();
    with.segment_bytes = 6_000;
    let log = EmbeddedLog::open(&folder, with).expect("a new log");
    append(&own(&log).await, 1..=60, 200).await;
    let bodies: Vec<_> = read_all(&log).await.expect("records").into_iter().map(|record| record.body).collect();
    let mut files = Files::at_rest(&folder).await;
    drop(log);
    if closed {
        files = Files::of(&folder);
    }
    files.put(&folder);
    assert_eq!(ids_in(&folder).await.expect("an unharmed log"), (1..=60).collect::<Vec<_>>());

    let mut random = StdRng::seed_from_u64(seed);
    let segments = files.with_extension("seg");
    assert!(segments.len() >= 4, "several segments");
    for _ in 0..FLIPS {
        let at = segments[random.random_range(0..segments.len())];
        let (path, bytes) = &files.0[at];
        let base: u64 = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()).expect("a name with an offset");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let bit = random.random_range(0..used * 8);
        let mut flipped = files.clone();
        flipped.0[at].1[bit / 8] ^= 1 << (bit % 8);
        flipped.put(&folder);
        let before = ends_of(bytes, &bodies[base as usize..]).iter().filter(|end| **end <= bit / 8).count() as u64;
        let place = format!("bit {bit} of {}, {used} bytes used", path.display());
        match ids_in(&folder).await {
            Err(LogError::Damaged { partition, offset, cause }) => {
                assert_eq!((partition.0, offset), (0, base + before), "{place}: {cause}");
                assert!(cause.contains(path.to_str().expect("a plain name")), "{cause}");
            }
            other => panic!("{place}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn in_a_log_closed_in_good_order() {
    check(true, 1).await;
}

#[tokio::test]
async fn in_a_log_whose_process_was_killed() {
    check(false, 2).await;
}

#[tokio::test]
async fn in_seals_and_meta() {
    let home = quick_folder();
    let folder = home.path().join("log");
    let mut with = options();
    with.segment_bytes = 2_000;
    let log = EmbeddedLog::open(&folder, with).expect("a new log");
    append(&own(&log).await, 1..=20, 200).await;
    drop(log);
    let files = Files::of(&folder);
    for (at, (path, bytes)) in files.0.iter().enumerate() {
        let is_seal = path.extension().is_some_and(|it| it == "idx");
        if !is_seal && path.to_str() != Some("meta") {
            continue;
        }
        for byte in 0..bytes.len() {
            let mut flipped = files.clone();
            flipped.0[at].1[byte] ^= 4;
            flipped.put(&folder);
            let found = ids_in(&folder).await;
            let named = if is_seal { matches!(found, Err(LogError::Damaged { .. })) } else { matches!(found, Err(LogError::Fatal(_))) };
            assert!(named, "byte {byte} of {}: {found:?}", path.display());
        }
    }
}
