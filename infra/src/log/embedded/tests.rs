//! The embedded log under the contract of the port, and the bytes that it may never change.

use std::sync::Arc;

use futures_util::FutureExt;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{CommandId, RecordHeader, RecordKind, TraceContext, Validity};

use super::format::{Link, SegmentHeader};
use super::scan::{Found, Scan};
use super::seal::Seal;
use super::*;
use crate::log::contract::{self, OpenAgain};

/// Persisted: these files must never change.
const GOLDEN_SEGMENT: &[u8] = include_bytes!("../../../golden/segment.v1.bin");
const GOLDEN_SEAL: &[u8] = include_bytes!("../../../golden/segment-seal.v1.bin");

fn fresh(options: impl Fn(&mut EmbeddedOptions) + Copy + Send + Sync + 'static) -> impl Fn(LogLayout) -> OpenAgain {
    move |layout| {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        Arc::new(move || {
            let folder = Arc::clone(&folder);
            async move {
                let mut with = EmbeddedOptions::new(layout);
                options(&mut with);
                Ok(EmbeddedLog::open(folder.path().join("log"), with)? as Arc<dyn EventLog>)
            }
            .boxed()
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    contract::check(&fresh(|_| {})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_with_tiny_segments_and_no_memory() {
    contract::check(&fresh(|options| (options.segment_bytes, options.recent_bytes) = (2_000, 0))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_of_imports() {
    for (segment_bytes, recent_bytes) in [(1 << 20, 1 << 20), (2_000, 0)] {
        let fresh = move |layout| -> contract::import::OpenAgain {
            let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
            Arc::new(move || {
                let folder = Arc::clone(&folder);
                let options = EmbeddedOptions { segment_bytes, recent_bytes, ..EmbeddedOptions::new(layout) };
                async move { Ok(EmbeddedLog::open(folder.path().join("log"), options)? as Arc<dyn LogImport>) }.boxed()
            })
        };
        contract::import::check(&fresh).await;
    }
}

#[tokio::test]
async fn nobody_reads_past_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log =
        EmbeddedLog::open(folder.path().join("log"), EmbeddedOptions::new(LogLayout { generation: 1, partitions: 1 })).expect("opens");
    let id = PartitionId(0);
    let writer = log.open_writer(id, "a test").await.expect("opens");
    writer.append(vec![contract::record(1, 40)]).await.expect("durable");
    let limits = ReadLimits { records: 10, bytes: 1 << 20 };
    let read = log.read(id, 0, limits).await.expect("readable");
    assert_eq!(read.len(), 2);
    // As the writer's thread does it: records first, then the end; a reader comes between.
    let next = read.into_iter().next_back().map(|last| StoredRecord { offset: last.offset + 1, ..last }).expect("the record appended");
    log.slot(id).expect("the partition").partition.recent.write().extend(std::iter::once(next));
    assert_eq!(log.read(id, 0, limits).await.expect("readable").len(), 2);
    assert_eq!(log.read(id, 1, limits).await.expect("readable").len(), 1);
    assert!(log.read(id, 2, limits).await.expect("the end").is_empty());
}

const GOLDEN_HEADER: SegmentHeader = SegmentHeader {
    generation: 3,
    partition: PartitionId(5),
    base: 1_000,
    created_ms: 1_700_000_000_000,
    validity: Validity { epoch: 7, writer: WriterId(0x0102_0304_0506_0708), sequence: 990 },
    previous: 0xdead_beef,
    salt: 0x5a17_5a17,
};

/// The records of the golden segment: a new writer, then two commands in one group.
fn golden_records() -> [(RecordHeader, &'static [u8]); 3] {
    let started = RecordHeader {
        kind: RecordKind::WriterStarted,
        epoch: 8,
        writer: WriterId(0x1112_1314_1516_1718),
        sequence: 990,
        command_id: CommandId(0),
        actor: schemas::AccountId(0),
        time_ms: 1_700_000_000_001,
        causation: CommandId(0),
        trace: TraceContext::default(),
    };
    let first = RecordHeader {
        kind: RecordKind::Command,
        sequence: 991,
        command_id: CommandId(0xc0ff_ee00_0000_0000_0000_0000_0000_0001),
        actor: schemas::AccountId(42),
        time_ms: 1_700_000_000_002,
        causation: CommandId(17),
        trace: TraceContext { trace_id: 0xabcd, span_id: 0xef },
        ..started
    };
    let second = RecordHeader { sequence: 992, command_id: CommandId(2), ..first };
    [(started, b"127.0.0.1:8080"), (first, &[0, 0, 0, 0, 1, 0xa1, 0xa2]), (second, &[0, 0, 0, 0, 2])]
}

#[test]
fn the_bytes_of_a_segment_are_stable() {
    let (header, seed) = GOLDEN_HEADER.encode();
    let mut bytes = header.to_vec();
    let mut link = Link { seed, previous: seed, offset: GOLDEN_HEADER.base };
    let [started, first, second] = golden_records();
    link.put_record(&mut bytes, 1_000, &started.0.encode(), started.1);
    link.put_mark(&mut bytes);
    link.put_record(&mut bytes, 1_001, &first.0.encode(), first.1);
    link.put_record(&mut bytes, 1_001, &second.0.encode(), second.1);
    link.put_mark(&mut bytes);
    assert_eq!(bytes, GOLDEN_SEGMENT);
}

#[test]
fn a_segment_of_version_1_is_read_for_ever() {
    let mut file = tempfile::tempfile().expect("a temporary file");
    std::io::Write::write_all(&mut file, GOLDEN_SEGMENT).expect("a temporary file takes bytes");
    let (header, seed) = SegmentHeader::decode(GOLDEN_SEGMENT).expect("a golden header");
    assert_eq!(header, GOLDEN_HEADER);
    let mut scan = Scan::new(&file, &header, seed).expect("a readable file");
    let mut records = golden_records().into_iter();
    let mut marks = 0;
    loop {
        let position = scan.position as usize;
        match scan.step().expect("a readable file") {
            Found::Record => {
                let (header, body) = records.next().expect("three records");
                let payload = &GOLDEN_SEGMENT[position + format::PREFIX_BYTES..scan.position as usize];
                assert_eq!((RecordHeader::decode(payload), &payload[HEADER_BYTES..]), (Ok(header), body));
            }
            Found::Mark => marks += 1,
            Found::Nothing(_) => break,
        }
    }
    assert_eq!((records.next(), marks, scan.position as usize), (None, 2, GOLDEN_SEGMENT.len()));
    let seal = Seal::decode(GOLDEN_SEAL).expect("a golden seal");
    assert_eq!((seal.end, seal.length, seal.last, seal.validity), (1_003, scan.position, scan.link.previous, scan.validity));
    assert_eq!(recovery::seal_of(&header, seed, &scan).encode(), GOLDEN_SEAL);
}
