//! A log moved to a real broker and back: the same bytes at the same offsets.
//!
//! Compiled only with the feature `cluster`, and then `ROOST_TEST_KAFKA=host:port` must name a broker: without it this test fails.
//! `cargo xtask cluster up --only kafka` starts one and says how to set the variable. Topics are made with random names and left behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use infra::log::LogLayout;
use infra::log::place::LogPlace;
use schemas::PartitionId;
use schemas::log::{RecordKind, StoredRecord};

use self::support::{header, read_all};

const PARTITIONS: u16 = 3;
const RECORDS: u64 = 20_000;

/// An epoch each thousand records; behind each start a zombie's record, and now and then a repetition.
fn history(partition: u16) -> Vec<StoredRecord> {
    let (mut epoch, mut sequence) = (0, 0);
    let records = if partition == 1 { 0 } else { RECORDS };
    let of = |offset: u64| {
        let writer = u64::from(partition) * 1_000;
        let header = match offset % 1_000 {
            0 => {
                epoch += 1;
                header(RecordKind::WriterStarted, epoch, writer + u64::from(epoch), sequence)
            }
            1 => header(RecordKind::Command, epoch - 1, writer, sequence + 1),
            500 => header(RecordKind::Command, epoch, writer + u64::from(epoch), sequence),
            _ => {
                sequence += 1;
                header(RecordKind::Command, epoch, writer + u64::from(epoch), sequence)
            }
        };
        StoredRecord { offset, header, body: Bytes::from(vec![(offset % 250) as u8 + 1; (offset * 7 % 600) as usize]) }
    };
    (0..records).map(of).collect()
}

/// Runs the tool; gives its exit code and what it printed.
fn tool(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_replay-tools")).args(arguments).output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

async fn fill(folder: &Path, records: usize) {
    let layout = LogLayout { generation: 4, partitions: PARTITIONS };
    let log = LogPlace::Embedded(folder.to_owned()).open_to_import(layout).await.unwrap();
    for partition in 0..PARTITIONS {
        for part in history(partition).get(..records.min(history(partition).len())).unwrap().chunks(2_000) {
            log.import(PartitionId(partition), part.to_vec()).await.unwrap();
        }
    }
    log.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_goes_to_kafka_and_comes_back_as_it_was() {
    let broker = std::env::var("ROOST_TEST_KAFKA").expect("ROOST_TEST_KAFKA=host:port names the broker: see this file's head");
    let folder = tempfile::tempdir().unwrap();
    let kafka = format!("kafka://{broker}/test-{:016x}?rf=1", rand::random::<u64>());
    let embedded = |name: &str| format!("embedded:{}", folder.path().join(name).display());
    // A beginning first, as if the copy had been cut off.
    fill(&folder.path().join("begun"), 7_777).await;
    fill(&folder.path().join("data"), RECORDS as usize).await;
    let (code, told) = tool(&["copy", "--from", &embedded("begun"), "--to", &kafka]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = tool(&["copy", "--from", &embedded("data"), "--to", &kafka]);
    assert!(code == Some(2) && told.contains("is not empty: partition 0 holds 7777 records"), "{told}");
    for (from, to, resume) in [(embedded("data"), kafka.clone(), true), (kafka.clone(), embedded("back"), false)] {
        let mut arguments = vec!["copy", "--from", &from, "--to", &to];
        arguments.extend(resume.then_some("--resume"));
        let (code, told) = tool(&arguments);
        println!("{told}");
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("partition 0: 4.0.[0, 20000) -> 4.0.[0, 20000)"), "{told}");
    }
    let back = LogPlace::Embedded(folder.path().join("back")).open(None).await.unwrap();
    for partition in 0..PARTITIONS {
        assert!(read_all(&*back, PartitionId(partition)).await == history(partition), "partition {partition} differs");
    }
}
