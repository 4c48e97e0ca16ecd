//! The view store on a real CQL server: the port's contract, migrations, and steps that stay whole.

mod cql_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cql_support::{Keyspaces, with_keyspaces};
use infra::cql::{CqlClient, CqlFailure, check, migrate};
use infra::views::contract::{self, Promise};
use infra::views::cql::CqlViews;
use infra::views::{Scan, Version, ViewBatch, ViewError, ViewStore};
use schemas::PartitionId;
use schemas::log::Validity;
use schemas::rows::{Checkpoint, RowKey, RowWrite, Table, View, keys};

/// Runs what waits within a call that does not.
fn now<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

async fn opened(client: &Arc<CqlClient>) -> Arc<dyn ViewStore> {
    Arc::new(CqlViews::open(client.clone()).await.expect("the schema is there"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_contract() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let open = || now(async { opened(&keyspaces.fresh().await).await });
        contract::run_for(Promise::Cluster, &open).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn survives_reopening() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        contract::survives_reopening(&|| now(opened(&client))).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrations_are_recorded_repeatable_and_asked_for() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let url = keyspaces.url();
        let client = keyspaces.connect(&url).await;
        let missing = check(&client).await.expect_err("there is no keyspace");
        assert!(matches!(&missing, CqlFailure::Fatal(cause) if cause.contains("run `roost migrate`")), "{missing}");
        let first = migrate(&client, &url.replication()).await.expect("applies");
        assert_eq!(first.applied, ["0001_view_rows", "0002_view_steps", "0003_timelines", "0004_blobs", "0005_timeline_shelves"]);
        check(&client).await.expect("up to date");
        let again = migrate(&client, &url.replication()).await.expect("applies again");
        assert!(again.applied.is_empty() && again.version == first.version);
        let forget = client.prepare("DELETE FROM KS.schema_versions WHERE one = 0 AND number = 3").await.expect("prepares");
        client.run(&forget, ()).await.expect("runs");
        let behind = CqlViews::open(client.clone()).await.err();
        assert!(matches!(&behind, Some(ViewError::Fatal(cause)) if cause.contains("0003_timelines: run `roost migrate`")), "{behind:?}");
        assert_eq!(migrate(&client, &url.replication()).await.expect("applies the rest").applied, ["0003_timelines"]);
    })
    .await;
}

/// Keys of tables that are cut into buckets read as if they were not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scans_walk_through_buckets() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let store = opened(&keyspaces.fresh().await).await;
        let model = infra::views::memory::MemoryViews::new();
        let id = |n: u64| (n % 9) << 48 | n;
        let row = |n: u64| RowWrite {
            key: RowKey::new(Table::AuthorList, keys::id(n % 2), keys::id(id(n))),
            value: (!n.is_multiple_of(5)).then(|| Bytes::from(n.to_string())),
            offset: n,
        };
        for writes in [(0..150).map(row).collect::<Vec<_>>(), (0..40).map(|n| RowWrite { offset: 200, ..row(n + 3) }).collect()] {
            let batch = ViewBatch { writes, checkpoints: Vec::new() };
            store.commit(Version::Live, batch.clone()).await.expect("commits");
            model.commit(Version::Live, batch).await.expect("commits");
        }
        for pk in 0..3 {
            for limit in [1, 7, 1_000] {
                for descending in [false, true] {
                    for (above, below) in [(None, None), (Some(20), None), (None, Some(77)), (Some(8), Some(66)), (Some(66), Some(8))] {
                        let bound = |n: Option<u64>| n.map(|n| keys::id(id(n)));
                        let scan = Scan {
                            table: Table::AuthorList,
                            pk: keys::id(pk),
                            above: bound(above),
                            below: bound(below),
                            descending,
                            limit,
                        };
                        let expected = model.scan(Version::Live, scan.clone()).await.expect("scans");
                        assert_eq!(store.scan(Version::Live, scan.clone()).await.expect("scans"), expected, "{scan:?}");
                    }
                }
            }
        }
        let mut dumped = store.dump(Version::Live, Table::AuthorList, None, 10_000).await.expect("dumps");
        dumped.sort();
        let mut expected = model.dump(Version::Live, Table::AuthorList, None, 10_000).await.expect("dumps");
        expected.sort();
        assert_eq!(dumped, expected);
    })
    .await;
}

const PARTITION: PartitionId = PartitionId(3);

fn sum_key() -> RowKey {
    keys::account(schemas::AccountId(0))
}

fn trail_key(offset: u64) -> RowKey {
    keys::handle(&offset.to_string())
}

/// A projection whose rows depend on the rows before: nothing about it can be repeated by itself.
async fn project(store: &dyn ViewStore, records: u64, fat: bool) -> Result<u64, ViewError> {
    let at = store.checkpoint(Version::Live, View::Accounts, PARTITION).await?.map_or(0, |at| at.next);
    let sum = store.get(Version::Live, &[sum_key()]).await?.remove(0);
    let mut sum: u64 = sum.map_or(0, |sum| String::from_utf8_lossy(&sum).trim().parse().expect("a number"));
    let (mut writes, mut value) = (Vec::new(), Bytes::new());
    for offset in at..at + records {
        sum += offset * 3 + 1;
        // Some steps are larger than a head of the journal.
        let width = if fat { 40_000 } else { 1 };
        value = Bytes::from(format!("{sum:>width$}"));
        writes.push(RowWrite { key: trail_key(offset), value: Some(value.clone()), offset });
    }
    writes.push(RowWrite { key: sum_key(), value: Some(value), offset: at + records - 1 });
    let checkpoint = Checkpoint { generation: 1, next: at + records, validity: Validity::default() };
    store.commit(Version::Live, ViewBatch { writes, checkpoints: vec![(View::Accounts, PARTITION, checkpoint)] }).await?;
    Ok(at + records)
}

async fn check_trail(store: &dyn ViewStore) -> u64 {
    let next = store.checkpoint(Version::Live, View::Accounts, PARTITION).await.expect("reads").map_or(0, |at| at.next);
    let mut expected = 0;
    for offset in 0..next {
        expected += offset * 3 + 1;
        let row = store.get(Version::Live, &[trail_key(offset)]).await.expect("reads").remove(0).expect("every record left its row");
        assert_eq!(String::from_utf8_lossy(&row).trim(), expected.to_string(), "at {offset} of {next}");
    }
    let sum = store
        .get(Version::Live, &[sum_key()])
        .await
        .expect("reads")
        .remove(0)
        .map_or(0, |sum| String::from_utf8_lossy(&sum).trim().parse::<u64>().expect("a number"));
    assert_eq!(sum, expected);
    next
}

/// How long a step takes here, by a store that was just opened.
async fn time_of_a_step(client: &Arc<CqlClient>) -> Duration {
    let store = opened(client).await;
    let began = Instant::now();
    project(&*store, 5, false).await.expect("nobody else is there");
    began.elapsed()
}

/// Steps cut off anywhere are made whole by whoever comes next.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_that_was_cut_off_is_made_whole() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let took = time_of_a_step(&client).await;
        let mut cut = 0;
        for round in 0..60_u32 {
            let store = opened(&client).await;
            let step = project(&*store, 1 + u64::from(round % 7), round % 5 == 0);
            match tokio::time::timeout(took * (round * 37 % 120) / 100, step).await {
                Ok(Ok(_)) | Ok(Err(ViewError::Retryable(_))) => {}
                Ok(Err(other)) => panic!("{other}"),
                Err(_) => cut += 1,
            }
        }
        let store = opened(&client).await;
        while project(&*store, 3, false).await.is_err() {}
        let next = check_trail(&*store).await;
        assert!(next > 3 && cut > 0, "{next} records, {cut} cut off");
    })
    .await;
}

/// Processes that all believe to own a partition leave what one would have left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn owners_at_once_leave_what_one_would_have_left() {
    with_keyspaces(async |keyspaces: Arc<Keyspaces>| {
        let client = keyspaces.fresh().await;
        let took = time_of_a_step(&client).await;
        let mut owners = Vec::new();
        for owner in 0..3_u32 {
            let client = client.clone();
            owners.push(tokio::spawn(async move {
                let (mut store, mut gave_way) = (opened(&client).await, 0_u32);
                for round in 0..40_u32 {
                    let step = project(&*store, 1 + u64::from((round + owner) % 5), (round + owner) % 9 == 0);
                    match tokio::time::timeout(took * ((round * 37 + owner * 53) % 400) / 100, step).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(ViewError::Retryable(_))) => gave_way += 1,
                        Ok(Err(other)) => panic!("{other}"),
                        // As if it had ended and been started again.
                        Err(_) => store = opened(&client).await,
                    }
                }
                gave_way
            }));
        }
        for owner in owners {
            owner.await.expect("no owner panics");
        }
        let store = opened(&client).await;
        while project(&*store, 2, false).await.is_err() {}
        check_trail(&*store).await;
    })
    .await;
}
