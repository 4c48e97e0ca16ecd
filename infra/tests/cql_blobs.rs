//! Blobs on a real CQL server: the port's contract, blobs of every size, readers beside replacements, and nothing left behind.

mod cql_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cql_support::{Keyspaces, with_keyspaces};
use infra::blobs::cql::CqlBlobs;
use infra::blobs::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs, contract};
use infra::clock::now_ms;
use infra::cql::CqlClient;

/// Bytes of a piece.
const PIECE: usize = 256 << 10;
const HOUR_MS: u64 = 3_600_000;

async fn opened(client: &Arc<CqlClient>) -> CqlBlobs {
    CqlBlobs::open(client.clone()).await.expect("the schema is there")
}

/// A process in whose eyes whatever is under way now began hours ago.
async fn later(client: &Arc<CqlClient>) -> CqlBlobs {
    CqlBlobs::open_with(client.clone(), Arc::new(|| now_ms() + 3 * HOUR_MS)).await.expect("the schema is there")
}

fn key(name: &str) -> BlobKey {
    BlobKey::new(&format!("media/{name}"), infra::blobs::ContentType::Png).expect("a good key")
}

/// Bytes of a length that no other seed has.
fn pattern(bytes: usize, seed: u64) -> Bytes {
    let words = (0..bytes.div_ceil(8) as u64).flat_map(|n| (n ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
    words.take(bytes).collect::<Vec<u8>>().into()
}

/// Rows of the tables of heads, pieces and changes.
async fn rows(client: &CqlClient) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip(["blob_heads", "blob_chunks", "blob_changes"]) {
        let select = client.prepare(&format!("SELECT COUNT(*) FROM KS.{table}")).await.expect("prepares");
        *count = client.rows::<(i64,)>(&select, ()).await.expect("counts").first().expect("a count is one row").0;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_contract() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        contract::run(&opened(&client).await).await;
        // One blob of one byte is left, and one without any.
        assert_eq!(rows(&client).await, [2, 1, 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn blobs_of_every_size_are_whole_for_every_process() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let (here, there) = (opened(&client).await, opened(&client).await);
        for bytes in [0, 1, PIECE - 1, PIECE, PIECE + 1, 9 * PIECE + 5, BLOB_BYTES_MAX] {
            let blob = pattern(bytes, bytes as u64);
            here.put(&key("one"), blob.clone()).await.expect("puts");
            assert!(there.get(&key("one")).await.expect("gets").expect("is there") == blob, "{bytes} bytes");
            let [heads, pieces, changes] = rows(&client).await;
            assert_eq!((heads, pieces, changes), (1, bytes.div_ceil(PIECE) as i64, 0), "what was replaced is gone");
        }
        there.delete(&key("one")).await.expect("deletes");
        assert_eq!(here.get(&key("one")).await.expect("gets"), None);
        assert_eq!(rows(&client).await, [0, 0, 0]);
    })
    .await;
}

/// Whoever reads while a blob is replaced and removed finds one of the blobs that were put, whole, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_beside_writers_find_whole_blobs() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let (done, found) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let blob = |seed: u64| pattern(PIECE * (seed as usize % 4) + seed as usize, seed);
        let mut readers = Vec::new();
        for _ in 0..4 {
            let (store, done, found) = (opened(&client).await, done.clone(), found.clone());
            readers.push(tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    match store.get(&key("one")).await {
                        Ok(Some(bytes)) => {
                            let seed = (bytes.len() % PIECE) as u64;
                            assert!(bytes == blob(seed), "{} bytes", bytes.len());
                            found.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(None) | Err(BlobError::Retryable(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            }));
        }
        let mut writers = Vec::new();
        for writer in 0..3 {
            let store = opened(&client).await;
            writers.push(tokio::spawn(async move {
                for round in 0..25 {
                    store.put(&key("one"), blob(1 + writer * 25 + round)).await.expect("puts");
                    if round % 10 == 9 {
                        store.delete(&key("one")).await.expect("deletes");
                    }
                }
            }));
        }
        for writer in writers {
            writer.await.expect("a writer ends well");
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.await.expect("a reader ends well");
        }
        assert!(found.load(Ordering::Relaxed) > 0);
        let store = opened(&client).await;
        store.put(&key("one"), blob(99)).await.expect("puts");
        assert!(store.get(&key("one")).await.expect("gets").expect("is there") == blob(99), "the last one counts");
        assert_eq!(rows(&client).await, [1, blob(99).len().div_ceil(PIECE) as i64, 0], "writers at once left nothing");
    })
    .await;
}

/// Puts and removals cut off anywhere leave a whole blob or none, and nothing else once a sweep has come by.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_cut_off_is_swept() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let store = opened(&client).await;
        let blob = |round: u32| pattern(PIECE * 3 + round as usize, u64::from(round));
        let began = Instant::now();
        store.put(&key("0"), blob(0)).await.expect("puts");
        let took = began.elapsed();
        let name = |round: u32| key(&(round % 5).to_string());
        let (mut cut, mut present) = (0, [None; 5]);
        for round in 1..80_u32 {
            let work = async {
                match round % 7 {
                    3 => store.delete(&name(round)).await.map(|()| None),
                    _ => store.put(&name(round), blob(round)).await.map(|()| Some(round)),
                }
            };
            match tokio::time::timeout(took * (round * 37 % 150) / 100, work).await {
                Ok(outcome) => present[round as usize % 5] = Some(outcome.expect("nobody else is there")),
                Err(_) => {
                    cut += 1;
                    // Either way: what is there tells.
                    present[round as usize % 5] = None;
                }
            }
        }
        // What a statement that was under way still does.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let swept = later(&client).await.sweep().await.expect("sweeps");
        let (mut heads, mut pieces) = (0, 0);
        for (index, known) in (0..5_u32).zip(present) {
            let found = store.get(&name(index)).await.expect("gets");
            if let Some(bytes) = &found {
                let round = (bytes.len() - PIECE * 3) as u32;
                assert!(*bytes == blob(round) && round % 5 == index, "blob {index} of round {round}");
                (heads, pieces) = (heads + 1, pieces + 4 - i64::from(round == 0));
            }
            if let Some(known) = known {
                assert!(found == known.map(blob), "blob {index}: what was answered is there");
            }
        }
        assert!(cut > 10 && swept > 0, "{cut} cut off, {swept} swept");
        assert_eq!(rows(&client).await, [heads, pieces, 0]);
        assert_eq!(later(&client).await.sweep().await.expect("sweeps"), 0);
    })
    .await;
}

/// A sweep that takes what is under way for broken off: each put fails, or its blob is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_too_early_damages_nothing() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let done = Arc::new(AtomicBool::new(false));
        let sweeper = {
            let (client, done) = (client.clone(), done.clone());
            tokio::spawn(async move {
                let mut swept = 0;
                while !done.load(Ordering::Relaxed) {
                    // A new process each time: one looks at an hour once.
                    swept += later(&client).await.sweep().await.expect("sweeps");
                }
                swept
            })
        };
        let store = opened(&client).await;
        let (mut put, mut refused) = (0, 0);
        let began = Instant::now();
        while (put < 20 || refused < 5) && began.elapsed() < Duration::from_secs(60) {
            let blob = pattern(PIECE * 2 + put, put as u64);
            match store.put(&key("one"), blob.clone()).await {
                Ok(()) => {
                    put += 1;
                    assert!(store.get(&key("one")).await.expect("gets").expect("is there") == blob, "after {put} puts");
                }
                Err(BlobError::Retryable(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        done.store(true, Ordering::Relaxed);
        let swept = sweeper.await.expect("sweeps to the end");
        assert!(put > 0 && swept > 0, "{put} put, {refused} refused, {swept} swept");
        later(&client).await.sweep().await.expect("sweeps");
        assert_eq!(rows(&client).await, [1, 3, 0]);
    })
    .await;
}
