//! Logs copied from folder to folder: whatever they hold, what is refused, and going on with what was cut off.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::path::Path;

use bytes::Bytes;
use infra::log::LogLayout;
use infra::log::place::LogPlace;
use proptest::prelude::*;
use replay_tools::copy::{Copied, CopyRequest, copy};
use schemas::PartitionId;
use schemas::log::{RecordKind, StoredRecord, Validity, Verdict};

use self::support::{header, read_all};

fn place(folder: &Path, name: &str) -> LogPlace {
    LogPlace::Embedded(folder.join(name))
}

async fn run(from: &LogPlace, to: &LogPlace, resume: bool) -> anyhow::Result<Copied> {
    copy(&CopyRequest { from: from.clone(), to: to.clone(), registry: None, resume }, &|_| {}).await
}

/// What a partition holds: any writers' records, most of them void.
fn partition() -> impl Strategy<Value = Vec<StoredRecord>> {
    let record = (any::<bool>(), 0..4_u32, 0..3_u64, 0..6_u64, proptest::collection::vec(1..=u8::MAX, 0..400));
    proptest::collection::vec(record, 0..40).prop_map(|records| {
        let stored = |(offset, (start, epoch, writer, sequence, body)): (u64, (bool, u32, u64, u64, Vec<u8>))| {
            let kind = if start { RecordKind::WriterStarted } else { RecordKind::Command };
            StoredRecord { offset, header: header(kind, epoch, writer, sequence), body: Bytes::from(body) }
        };
        (0..).zip(records).map(stored).collect()
    })
}

fn layout(partitions: &[Vec<StoredRecord>]) -> LogLayout {
    LogLayout { generation: 5, partitions: partitions.len() as u16 }
}

async fn fill(place: &LogPlace, partitions: &[Vec<StoredRecord>]) {
    let log = place.open_to_import(layout(partitions)).await.unwrap();
    for (partition, records) in (0..).map(PartitionId).zip(partitions) {
        log.import(partition, records.clone()).await.unwrap();
    }
    log.close().await.unwrap();
}

async fn check_holds(place: &LogPlace, partitions: &[Vec<StoredRecord>]) {
    let log = place.open(None).await.unwrap();
    for (partition, records) in (0..).map(PartitionId).zip(partitions) {
        assert_eq!(&read_all(&*log, partition).await, records);
    }
}

fn valid(records: &[StoredRecord]) -> u64 {
    let mut state = Validity::default();
    records.iter().filter(|record| state.admit(&record.header) == Verdict::Valid).count() as u64
}

fn history(records: u64) -> Vec<StoredRecord> {
    let of = |offset: u64| match offset {
        0 => header(RecordKind::WriterStarted, 1, 7, 0),
        _ => header(RecordKind::Command, 1, 7, offset),
    };
    (0..records).map(|offset| StoredRecord { offset, header: of(offset), body: Bytes::from(vec![9; 50]) }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whole, and from any beginning of each partition.
    #[test]
    fn any_log_is_copied_record_for_record(
        partitions in proptest::collection::vec(partition(), 1..4), cuts in any::<[proptest::sample::Index; 4]>(),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (from, whole, begun) = (place(folder.path(), "from"), place(folder.path(), "whole"), place(folder.path(), "begun"));
            fill(&from, &partitions).await;
            let copied = run(&from, &whole, false).await.unwrap();
            assert!(copied.is_equal());
            for (told, records) in copied.partitions.iter().zip(&partitions) {
                assert_eq!((told.from.end, told.from.valid), (records.len() as u64, valid(records)));
            }
            check_holds(&whole, &partitions).await;

            let cut: Vec<_> = partitions.iter().zip(cuts).map(|(records, cut)| records[..cut.index(records.len() + 1)].to_vec()).collect();
            fill(&begun, &cut).await;
            assert_eq!(run(&from, &begun, true).await.unwrap().partitions, copied.partitions);
            check_holds(&begun, &partitions).await;
        });
    }
}

async fn refused(from: &LogPlace, to: &LogPlace, resume: bool, why: &str) {
    let error = format!("{:#}", run(from, to, resume).await.unwrap_err());
    assert!(error.contains(why), "{error}");
}

#[tokio::test]
async fn what_is_no_empty_place_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (place(folder.path(), "from"), place(folder.path(), "to"));
    refused(&from, &to, false, "there is no log").await;
    let whole = vec![history(0), history(30)];
    fill(&from, &whole).await;
    fill(&to, &[history(0), history(10)]).await;
    refused(&from, &to, false, "to is not empty: partition 1 holds 10 records").await;
    let other = place(folder.path(), "other");
    let mut changed = history(10);
    changed[6].body = Bytes::from(vec![8; 50]);
    fill(&other, &[history(0), changed]).await;
    refused(&from, &other, true, "other is not the beginning of a copy: partition 1 differs from the source at offset 6").await;
    let longer = place(folder.path(), "longer");
    fill(&longer, &[history(0), history(31)]).await;
    refused(&from, &longer, true, "partition 1 differs from the source at offset 30").await;
    let wider = place(folder.path(), "wider");
    fill(&wider, &[history(0), history(0), history(0)]).await;
    refused(&from, &wider, false, "holds generation 5 with 3 partitions").await;
    assert!(run(&from, &to, true).await.unwrap().is_equal());
    check_holds(&to, &whole).await;
    assert!(run(&from, &to, true).await.unwrap().is_equal(), "nothing is left to do");
}

#[tokio::test]
async fn bodies_of_a_registry_do_not_get_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (place(folder.path(), "from"), place(folder.path(), "to"));
    let mut records = history(3);
    records[2].body = Bytes::from_static(&[0, 0, 0, 0, 77, 1, 2, 3]);
    fill(&from, &[records]).await;
    refused(&from, &to, false, "offset 2 of partition 0 has a registry's schema id, 77: name the registry").await;
}
