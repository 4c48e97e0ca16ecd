//! What every view store must do: one suite, run for each adapter on fresh stores.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code that ships to other crates' tests")]

mod versions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use schemas::PartitionId;
use schemas::log::{Validity, WriterId};
use schemas::rows::{Checkpoint, KeyPart, PartBuilder, RowKey, RowWrite, Table, View};

use super::memory::MemoryViews;
use super::{Scan, ScannedRow, Version, ViewBatch, ViewStore};

pub use versions::survives_reopening;

/// Opens a store: a fresh one with each call, but the same one again in [`survives_reopening`].
pub type Open<'a> = &'a (dyn Fn() -> Arc<dyn ViewStore> + Sync);

const LIVE: Version = Version::Live;
const P0: PartitionId = PartitionId(0);

/// What a store promises beyond the rules of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// A batch is seen whole, and dumps are in the order of keys.
    Embedded,
    /// Rows are seen one by one, before their checkpoint; dumps are in some order.
    Cluster,
}

/// Runs every rule of embedded stores.
pub async fn run(open: Open<'_>) {
    run_for(Promise::Embedded, open).await;
}

/// Runs every rule of stores that promise this.
pub async fn run_for(promise: Promise, open: Open<'_>) {
    // These use tables of their own, so that they can share a store: opening one waits for the disk.
    let shared = open();
    reads_what_was_written(shared.clone()).await;
    scans_in_order_within_bounds(shared.clone()).await;
    never_leaves_a_partition_key(shared.clone()).await;
    later_writes_of_a_batch_win(shared.clone()).await;
    dumps_in_pages(promise, shared.clone()).await;
    keeps_checkpoints_apart(shared.clone()).await;
    if promise == Promise::Embedded {
        shows_batches_whole(shared).await;
    }
    versions::refuses_unknown_versions_whole(open()).await;
    versions::swaps_versions(open()).await;
    versions::swaps_at_once_for_readers(open()).await;
    for seed in 1..=4 {
        equals_the_model(promise, open(), seed).await;
    }
}

pub(crate) fn key(table: Table, pk: &str, sk: &str) -> RowKey {
    RowKey::new(table, PartBuilder::default().text(pk).done(), KeyPart::from_slice(sk.as_bytes()))
}

/// Every change is one of a later record, as in a log.
fn next_offset() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn put(table: Table, pk: &str, sk: &str, value: &str) -> RowWrite {
    RowWrite { key: key(table, pk, sk), value: Some(Bytes::copy_from_slice(value.as_bytes())), offset: next_offset() }
}

pub(crate) fn delete(table: Table, pk: &str, sk: &str) -> RowWrite {
    RowWrite { key: key(table, pk, sk), value: None, offset: next_offset() }
}

pub(crate) fn checkpoint(next: u64) -> Checkpoint {
    Checkpoint { generation: 1, next, validity: Validity { epoch: 2, writer: WriterId(3), sequence: next * 2 } }
}

pub(crate) async fn write(store: &dyn ViewStore, version: Version, writes: Vec<RowWrite>) {
    store.commit(version, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
}

async fn get(store: &dyn ViewStore, version: Version, key: RowKey) -> Option<String> {
    let mut values = store.get(version, &[key]).await.unwrap();
    values.pop().unwrap().map(text)
}

fn text(bytes: Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn all(table: Table, pk: &str) -> Scan {
    Scan { table, pk: PartBuilder::default().text(pk).done(), above: None, below: None, descending: false, limit: 1_000 }
}

async fn sort_keys(store: &dyn ViewStore, scan: Scan) -> Vec<String> {
    let rows: Vec<ScannedRow> = store.scan(LIVE, scan).await.unwrap();
    rows.into_iter().map(|(sk, _)| String::from_utf8(sk.to_vec()).unwrap()).collect()
}

async fn reads_what_was_written(store: Arc<dyn ViewStore>) {
    assert_eq!(store.get(LIVE, &[]).await.unwrap(), Vec::<Option<Bytes>>::new());
    assert_eq!(get(&*store, LIVE, key(Table::Account, "ana", "")).await, None);
    write(
        &*store,
        LIVE,
        vec![put(Table::Account, "ana", "", "one"), put(Table::Status, "ana", "", "two"), put(Table::Account, "bob", "x", "")],
    )
    .await;
    let keys =
        [key(Table::Account, "bob", "x"), key(Table::Account, "ana", "x"), key(Table::Status, "ana", ""), key(Table::Account, "ana", "")];
    let values = store.get(LIVE, &keys).await.unwrap();
    assert_eq!(
        values.into_iter().map(|value| value.map(text)).collect::<Vec<_>>(),
        [Some(String::new()), None, Some("two".into()), Some("one".into())]
    );
    write(&*store, LIVE, vec![delete(Table::Account, "ana", ""), delete(Table::Account, "nobody", "")]).await;
    assert_eq!(get(&*store, LIVE, key(Table::Account, "ana", "")).await, None);
    assert_eq!(get(&*store, LIVE, key(Table::Status, "ana", "")).await.as_deref(), Some("two"));
    store.flush().await.unwrap();
}

async fn scans_in_order_within_bounds(store: Arc<dyn ViewStore>) {
    let writes = ["d", "a", "", "c", "b"].map(|sk| put(Table::Reply, "p", sk, sk));
    write(&*store, LIVE, writes.into()).await;
    let check = async |above: Option<&str>, below: Option<&str>, descending: bool, limit: usize, expected: &[&str]| {
        let part = |sk: Option<&str>| sk.map(|sk| KeyPart::from_slice(sk.as_bytes()));
        let scan = Scan { above: part(above), below: part(below), descending, limit, ..all(Table::Reply, "p") };
        assert_eq!(sort_keys(&*store, scan.clone()).await, expected, "{scan:?}");
    };
    check(None, None, false, 9, &["", "a", "b", "c", "d"]).await;
    check(None, None, true, 9, &["d", "c", "b", "a", ""]).await;
    check(Some(""), None, false, 9, &["a", "b", "c", "d"]).await;
    check(Some("a"), Some("d"), false, 9, &["b", "c"]).await;
    check(Some("a"), Some("d"), true, 9, &["c", "b"]).await;
    check(Some("aa"), Some("cc"), false, 9, &["b", "c"]).await;
    check(Some("a"), None, false, 2, &["b", "c"]).await;
    check(None, Some("d"), true, 2, &["c", "b"]).await;
    check(Some("b"), Some("b"), false, 9, &[]).await;
    check(Some("c"), Some("a"), true, 9, &[]).await;
    check(Some("z"), None, false, 9, &[]).await;
    check(None, Some(""), true, 9, &[]).await;
    check(None, None, false, 0, &[]).await;
}

async fn never_leaves_a_partition_key(store: Arc<dyn ViewStore>) {
    // Neighbours in bytes, among them parts at the ends of the byte range, and keys that would collide if parts were merely joined.
    let raw = |table, pk: &[u8], sk: &[u8]| RowWrite {
        key: RowKey::new(table, KeyPart::from_slice(pk), KeyPart::from_slice(sk)),
        value: Some(Bytes::from_static(b"v")),
        offset: 0,
    };
    let pks: [&[u8]; 7] = [&[0, 0], &[0, 1], &[0, 255], &[1, 0], &[255, 254], &[255, 255], &[7]];
    let mut writes = Vec::new();
    for pk in pks {
        writes.extend([raw(Table::Follower, pk, &[0]), raw(Table::Follower, pk, &[255, 255, 255]), raw(Table::FollowerList, pk, &[1])]);
    }
    write(&*store, LIVE, writes).await;
    for pk in pks {
        for descending in [false, true] {
            let scan = Scan { table: Table::Follower, pk: KeyPart::from_slice(pk), above: None, below: None, descending, limit: 100 };
            let found: Vec<Vec<u8>> = store.scan(LIVE, scan).await.unwrap().into_iter().map(|(sk, _)| sk.to_vec()).collect();
            let mut expected = vec![vec![0], vec![255, 255, 255]];
            if descending {
                expected.reverse();
            }
            assert_eq!(found, expected, "{pk:?}");
        }
    }
    let absent = Scan { table: Table::Follower, pk: KeyPart::from_slice(&[0]), above: None, below: None, descending: false, limit: 100 };
    assert!(store.scan(LIVE, absent).await.unwrap().is_empty());
}

async fn later_writes_of_a_batch_win(store: Arc<dyn ViewStore>) {
    write(&*store, LIVE, vec![put(Table::Note, "a", "gone", "old"), put(Table::Note, "a", "back", "old")]).await;
    let writes = vec![
        put(Table::Note, "a", "twice", "first"),
        put(Table::Note, "a", "gone", "new"),
        delete(Table::Note, "a", "back"),
        put(Table::Note, "a", "twice", "second"),
        delete(Table::Note, "a", "gone"),
        put(Table::Note, "a", "back", "new"),
    ];
    write(&*store, LIVE, writes).await;
    assert_eq!(get(&*store, LIVE, key(Table::Note, "a", "twice")).await.as_deref(), Some("second"));
    assert_eq!(sort_keys(&*store, all(Table::Note, "a")).await, ["back", "twice"]);
    assert_eq!(get(&*store, LIVE, key(Table::Note, "a", "back")).await.as_deref(), Some("new"));
}

/// Every row of a table, read `page` rows at a time.
pub(crate) async fn dump_all(store: &dyn ViewStore, version: Version, table: Table, page: usize) -> Vec<(RowKey, Bytes)> {
    let mut rows: Vec<(RowKey, Bytes)> = Vec::new();
    loop {
        let after = rows.last().map(|(key, _)| key.clone());
        let more = store.dump(version, table, after, page).await.unwrap();
        assert!(more.len() <= page);
        if more.is_empty() {
            return rows;
        }
        rows.extend(more);
    }
}

/// The rows of a dump, in an order to compare them by.
fn comparable(promise: Promise, mut rows: Vec<(RowKey, Bytes)>) -> Vec<(RowKey, Bytes)> {
    if promise == Promise::Cluster {
        rows.sort_by_key(|(key, _)| (key.table, key.pk.len(), key.pk.clone(), key.sk.clone()));
    }
    rows
}

async fn dumps_in_pages(promise: Promise, store: Arc<dyn ViewStore>) {
    assert!(dump_all(&*store, LIVE, Table::Mute, 3).await.is_empty());
    let mut expected = Vec::new();
    let mut writes = vec![put(Table::Block, "x", "y", "other table"), put(Table::MuteList, "x", "y", "other table")];
    // In the order of (length of pk, pk, sk), which all embedded adapters share.
    for pk in ["b", "c", "aa", "ab", "aaa"] {
        for sk in ["", "1", "22", "3"] {
            expected.push((key(Table::Mute, pk, sk), Bytes::copy_from_slice(sk.as_bytes())));
            writes.push(put(Table::Mute, pk, sk, sk));
        }
    }
    writes.reverse();
    write(&*store, LIVE, writes).await;
    for page in [1, 2, 3, 7, 20, 100] {
        let dumped = dump_all(&*store, LIVE, Table::Mute, page).await;
        assert_eq!(comparable(promise, dumped), expected, "pages of {page}");
    }
    let between = store.dump(LIVE, Table::Mute, Some(key(Table::Mute, "c", "2")), 1).await.unwrap();
    assert_eq!(between.first().map(|(key, _)| key.clone()), Some(key(Table::Mute, "c", "22")));
}

async fn keeps_checkpoints_apart(store: Arc<dyn ViewStore>) {
    assert_eq!(store.checkpoint(LIVE, View::Accounts, P0).await.unwrap(), None);
    let checkpoints =
        vec![(View::Accounts, P0, checkpoint(5)), (View::Accounts, PartitionId(256), checkpoint(6)), (View::Statuses, P0, checkpoint(7))];
    store.commit(LIVE, ViewBatch { writes: Vec::new(), checkpoints }).await.unwrap();
    store.commit(LIVE, ViewBatch { writes: Vec::new(), checkpoints: vec![(View::Accounts, P0, checkpoint(8))] }).await.unwrap();
    assert_eq!(store.checkpoint(LIVE, View::Accounts, P0).await.unwrap(), Some(checkpoint(8)));
    assert_eq!(store.checkpoint(LIVE, View::Accounts, PartitionId(256)).await.unwrap(), Some(checkpoint(6)));
    assert_eq!(store.checkpoint(LIVE, View::Statuses, P0).await.unwrap(), Some(checkpoint(7)));
    assert_eq!(store.checkpoint(LIVE, View::Statuses, PartitionId(1)).await.unwrap(), None);
}

async fn shows_batches_whole(store: Arc<dyn ViewStore>) {
    let rows: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    let batch = |round: u32| ViewBatch {
        writes: rows
            .iter()
            .flat_map(|sk| [put(Table::Token, "t", sk, &round.to_string()), put(Table::Marker, "m", sk, &round.to_string())])
            .collect(),
        checkpoints: Vec::new(),
    };
    store.commit(LIVE, batch(0)).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (store, done, rows) = (store.clone(), done.clone(), rows.clone());
        tokio::spawn(async move {
            let keys: Vec<RowKey> = rows.iter().flat_map(|sk| [key(Table::Token, "t", sk), key(Table::Marker, "m", sk)]).collect();
            while !done.load(Ordering::Acquire) {
                let mut values = store.get(LIVE, &keys).await.unwrap();
                values.dedup();
                assert_eq!(values.len(), 1, "half a batch: {values:?}");
                let mut values: Vec<Bytes> =
                    store.scan(LIVE, all(Table::Token, "t")).await.unwrap().into_iter().map(|(_, value)| value).collect();
                values.dedup();
                assert_eq!(values.len(), 1, "half a batch: {values:?}");
                tokio::task::yield_now().await;
            }
        })
    };
    for round in 1..=300 {
        store.commit(LIVE, batch(round)).await.unwrap();
    }
    done.store(true, Ordering::Release);
    reader.await.unwrap();
}

/// A small deterministic generator (xorshift64*, Vigna 2016).
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// A random history gives the same reads, at every step, as in the reference.
async fn equals_the_model(promise: Promise, store: Arc<dyn ViewStore>, seed: u64) {
    const TABLES: [Table; 3] = [Table::Account, Table::Handle, Table::Status];
    let mut random = Seeded(seed);
    let model = MemoryViews::new();
    for step in 0..120 {
        let view = if random.below(2) == 0 { View::Accounts } else { View::Statuses };
        match random.below(30) {
            0 => assert_eq!(store.begin(view).await.unwrap(), model.begin(view).await.unwrap()),
            1 => assert_eq!(store.promote(view).await.is_ok(), model.promote(view).await.is_ok()),
            2 => {
                let version = random.below(5) as u32;
                assert_eq!(store.drop_version(view, version).await.is_ok(), model.drop_version(view, version).await.is_ok());
            }
            _ => {
                let building = model.versions(View::Accounts).await.unwrap().building;
                let version = if random.below(3) == 0 { building.map_or(LIVE, Version::Number) } else { LIVE };
                let mut batch = ViewBatch::default();
                for _ in 0..random.below(12) {
                    let table = TABLES[random.below(3) as usize];
                    let (pk, sk) = (format!("{}", random.below(12)), format!("{}", random.below(40)));
                    batch.writes.push(if random.below(4) == 0 {
                        delete(table, &pk, &sk)
                    } else {
                        put(table, &pk, &sk, &format!("{step}"))
                    });
                }
                batch.checkpoints.push((View::Accounts, PartitionId(random.below(3) as u16), checkpoint(step)));
                assert_eq!(store.commit(version, batch.clone()).await.is_ok(), model.commit(version, batch).await.is_ok());
            }
        }
        let edge = |random: &mut Seeded| (random.below(2) == 0).then(|| KeyPart::from_slice(random.below(40).to_string().as_bytes()));
        let scan = Scan {
            above: edge(&mut random),
            below: edge(&mut random),
            descending: random.below(2) == 0,
            limit: random.below(9) as usize,
            ..all(TABLES[random.below(3) as usize], &random.below(12).to_string())
        };
        assert_eq!(
            store.scan(LIVE, scan.clone()).await.unwrap(),
            model.scan(LIVE, scan.clone()).await.unwrap(),
            "seed {seed} step {step} {scan:?}"
        );
    }
    for view in [View::Accounts, View::Statuses] {
        let versions = model.versions(view).await.unwrap();
        assert_eq!(store.versions(view).await.unwrap(), versions);
        for number in [Some(versions.live), versions.building, versions.previous].into_iter().flatten() {
            let version = Version::Number(number);
            for table in TABLES.into_iter().filter(|table| table.view() == view) {
                let dumped = comparable(promise, dump_all(&*store, version, table, 7).await);
                assert_eq!(dumped, dump_all(&model, version, table, 1_000).await, "seed {seed}");
            }
            for partition in (0..3).map(PartitionId) {
                assert_eq!(
                    store.checkpoint(version, view, partition).await.unwrap(),
                    model.checkpoint(version, view, partition).await.unwrap()
                );
            }
        }
    }
}
