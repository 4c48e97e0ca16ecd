//! The contract of the log port as tests: every adapter passes all of them, memory is the reference.
//!
//! An adapter's own tests call [`check`] with a function that makes a new empty log; see `memory.rs`.

pub mod import;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use schemas::log::{CommandId, NewRecord, RecordKind, StoredRecord, TraceContext, Validity, Verdict};
use schemas::{AccountId, PartitionId};
use tokio::time::timeout;

use super::{EventLog, LogError, LogLayout, PartitionWriter, RECORD_BYTES_MAX, ReadLimits};

/// What a call to open a log gives.
pub type Opened = Result<Arc<dyn EventLog>, LogError>;

/// Opens one log: the first call finds it empty, later ones, each after the last one's handle was closed and dropped, as it was left. It
/// outlives what it opens.
pub type OpenAgain = Arc<dyn Fn() -> BoxFuture<'static, Opened> + Send + Sync>;

/// Makes a log that shares nothing with any made before.
pub type Fresh<'a> = &'a (dyn Fn(LogLayout) -> OpenAgain + Sync);

const P0: PartitionId = PartitionId(0);
const P1: PartitionId = PartitionId(1);
const LAYOUT: LogLayout = LogLayout { generation: 7, partitions: 2 };
/// Far beyond what any step takes; a step that never ends must fail, not hang.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for what must not happen to happen.
const A_MOMENT: Duration = Duration::from_millis(30);
const NO_LIMITS: ReadLimits = ReadLimits { records: usize::MAX, bytes: usize::MAX };

/// Runs the whole contract.
pub async fn check(fresh: Fresh<'_>) {
    offsets_are_dense_and_records_come_back(fresh).await;
    calls_need_not_wait_for_one_another(fresh).await;
    concurrent_appends_keep_each_callers_order(fresh).await;
    what_is_acknowledged_is_readable(fresh).await;
    a_second_writer_supersedes_the_first(fresh).await;
    partitions_are_independent(fresh).await;
    reads_stay_within_their_limits(fresh).await;
    waiting_ends_when_the_record_is_there(fresh).await;
    too_large_is_refused_whole(fresh).await;
    what_does_not_exist_is_out_of_range(fresh).await;
    a_reopened_log_goes_on(fresh).await;
    a_closed_log_takes_nothing(fresh).await;
}

/// A record whose command id is `id`, with a body of `body_bytes` that `id` determines.
pub fn record(id: u64, body_bytes: usize) -> NewRecord {
    let body: Vec<u8> = (0..body_bytes as u64).map(|at| (id.wrapping_mul(31).wrapping_add(at * 7) & 0xff) as u8).collect();
    NewRecord {
        command_id: CommandId(u128::from(id)),
        actor: AccountId(id % 1_000),
        time_ms: 1_700_000_000_000 + id,
        causation: CommandId(u128::from(id) << 64),
        trace: TraceContext { trace_id: u128::from(id) << 32, span_id: id },
        body: Bytes::from(body),
    }
}

/// All records of a partition, read in small bites.
pub async fn read_all(log: &dyn EventLog, partition: PartitionId) -> Vec<StoredRecord> {
    let range = log.bounds(partition).await.expect("bounds of a partition");
    let (mut all, mut at) = (Vec::new(), range.start);
    while at < range.end {
        let some = log.read(partition, at, ReadLimits { records: 97, bytes: 64 << 10 }).await.expect("a read within bounds");
        assert!(!some.is_empty(), "nothing at {at} in {range:?}");
        for record in some {
            assert_eq!(record.offset, at, "offsets are dense");
            at += 1;
            all.push(record);
        }
    }
    all
}

/// Panics unless exactly the offsets in `void` are void under the validity rule.
pub async fn check_valid_except(log: &dyn EventLog, partition: PartitionId, void: &[u64]) {
    let mut state = Validity::default();
    for record in read_all(log, partition).await {
        let is_void = state.admit(&record.header) != Verdict::Valid;
        assert_eq!(is_void, void.contains(&record.offset), "offset {} with {:?}", record.offset, record.header);
    }
}

async fn open(again: &OpenAgain) -> Arc<dyn EventLog> {
    again().await.expect("the log opens")
}

async fn own(log: &Arc<dyn EventLog>, partition: PartitionId) -> Arc<dyn PartitionWriter> {
    log.open_writer(partition, "here:1").await.expect("the partition has a writer")
}

async fn append(writer: &Arc<dyn PartitionWriter>, ids: impl IntoIterator<Item = u64>) -> u64 {
    let records = ids.into_iter().map(|id| record(id, 40)).collect();
    soon(writer.append(records)).await.expect("the append succeeds")
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it ends within the patience of a test")
}

fn ids(records: &[StoredRecord]) -> Vec<u64> {
    let commands = records.iter().filter(|record| record.header.kind == RecordKind::Command);
    commands.map(|record| record.header.command_id.0 as u64).collect()
}

async fn offsets_are_dense_and_records_come_back(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    assert_eq!(log.layout(), LAYOUT);
    assert_eq!(log.bounds(P0).await.expect("bounds"), 0..0);
    let writer = own(&log, P0).await;
    assert_eq!((writer.epoch(), writer.start()), (1, 1));
    assert_eq!(append(&writer, [1]).await, 1);
    assert_eq!(append(&writer, [2, 3, 4]).await, 2);
    assert_eq!(append(&writer, []).await, 5, "an empty append answers where the next record will stand");
    assert_eq!(append(&writer, [5]).await, 5);
    let all = read_all(log.as_ref(), P0).await;
    let first = all.first().expect("the writer's start is the first record");
    assert_eq!((first.header.kind, first.header.epoch, first.header.writer), (RecordKind::WriterStarted, 1, writer.writer()));
    assert_eq!(&first.body[..], b"here:1");
    for (at, stored) in all.iter().enumerate().skip(1) {
        let given = record(at as u64, 40);
        let header = &stored.header;
        assert_eq!(stored.body, given.body);
        assert_eq!((header.epoch, header.writer, header.sequence), (1, writer.writer(), at as u64));
        assert_eq!((header.command_id, header.actor, header.time_ms), (given.command_id, given.actor, given.time_ms));
        assert_eq!((header.causation, header.trace), (given.causation, given.trace));
    }
    check_valid_except(log.as_ref(), P0, &[]).await;
}

async fn calls_need_not_wait_for_one_another(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    let mut calls: Vec<_> = (1..=200).map(|id| writer.append(vec![record(id, 20)])).collect();
    calls.reverse();
    let mut offsets: Vec<u64> = soon(join_all(calls)).await.into_iter().map(|offset| offset.expect("the append succeeds")).collect();
    offsets.reverse();
    assert_eq!(offsets, (1..=200).collect::<Vec<_>>(), "in the order of the calls, not of the polls");
    assert_eq!(ids(&read_all(log.as_ref(), P0).await), offsets);
    drop(writer.append(vec![record(201, 20)]));
    assert_eq!(append(&writer, [202]).await, 202, "a call counts although its future was never polled");
}

async fn concurrent_appends_keep_each_callers_order(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    let callers = (0..16_u64).map(|caller| {
        let writer = Arc::clone(&writer);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for step in 0..50_u64 {
                let id = caller << 32 | step << 8;
                let first = append(&writer, [id, id + 1]).await;
                acknowledged.extend([(first, id), (first + 1, id + 1)]);
            }
            acknowledged
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut acknowledged = Vec::new();
    for caller in callers {
        let own = caller.await.expect("no caller panics");
        assert!(own.is_sorted(), "a caller's records stand in the order of its calls");
        acknowledged.extend(own);
    }
    acknowledged.sort_unstable();
    let stored = read_all(log.as_ref(), P0).await;
    let stored: Vec<_> = stored.iter().skip(1).map(|record| (record.offset, record.header.command_id.0 as u64)).collect();
    assert_eq!(stored, acknowledged);
    check_valid_except(log.as_ref(), P0, &[]).await;
}

async fn what_is_acknowledged_is_readable(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    for id in 1..=50 {
        let offset = append(&writer, [id]).await;
        assert!(log.bounds(P0).await.expect("bounds").contains(&offset));
        let read = log.read(P0, offset, NO_LIMITS).await.expect("a read at what was acknowledged");
        assert_eq!(ids(&read), [id]);
        assert_eq!(log.read(P0, offset + 1, NO_LIMITS).await.expect("a read at the end"), []);
    }
}

async fn a_second_writer_supersedes_the_first(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let first = own(&log, P0).await;
    append(&first, [1]).await;
    let second = own(&log, P0).await;
    assert_eq!((second.epoch(), second.start()), (2, 3));
    assert_ne!(first.writer(), second.writer());
    let late = soon(first.append(vec![record(2, 10)])).await;
    assert!(matches!(late, Err(LogError::Superseded { partition: P0 })), "{late:?}");
    append(&second, [3]).await;
    let late = soon(first.append(vec![record(4, 10)])).await;
    assert!(matches!(late, Err(LogError::Superseded { partition: P0 })), "{late:?}");

    let mut state = Validity::default();
    let all = read_all(log.as_ref(), P0).await;
    let valid: Vec<_> = all.into_iter().filter(|record| state.admit(&record.header) == Verdict::Valid).collect();
    assert_eq!(ids(&valid), [1, 3]);
    assert_eq!((state.epoch, state.writer, state.sequence), (2, second.writer(), 2));
}

async fn partitions_are_independent(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let (zero, one) = (own(&log, P0).await, own(&log, P1).await);
    append(&zero, [10, 11]).await;
    append(&one, [20]).await;
    append(&zero, [12]).await;
    assert_eq!(ids(&read_all(log.as_ref(), P0).await), [10, 11, 12]);
    assert_eq!(ids(&read_all(log.as_ref(), P1).await), [20]);
}

async fn reads_stay_within_their_limits(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    soon(writer.append((1..=100).map(|id| record(id, 1_000)).collect())).await.expect("the append succeeds");
    let count = async |from, records, bytes| log.read(P0, from, ReadLimits { records, bytes }).await.expect("a read within bounds").len();
    assert_eq!(count(0, 10, usize::MAX).await, 10);
    assert_eq!(count(95, 10, usize::MAX).await, 6);
    assert_eq!(count(1, usize::MAX, 3 * 1_096).await, 3);
    assert_eq!(count(1, usize::MAX, 4 * 1_096 - 1).await, 3);
    assert_eq!(count(1, usize::MAX, 1).await, 1, "a read brings one record whatever the limits");
    assert_eq!(count(1, 0, 0).await, 1);
    assert_eq!(count(101, 0, 0).await, 0);
    assert_eq!(count(0, usize::MAX, usize::MAX).await, 101);
}

async fn waiting_ends_when_the_record_is_there(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    soon(log.wait_for(P0, 0)).await.expect("what is there needs no waiting");
    let waiting = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.wait_for(P0, 2).await.map(|()| log) })
    };
    append(&writer, [1]).await;
    assert!(timeout(A_MOMENT, log.wait_for(P0, 2)).await.is_err(), "it waits for an offset that is not there");
    assert!(timeout(A_MOMENT, log.wait_for(P1, 0)).await.is_err(), "other partitions do not wake it");
    append(&writer, [2]).await;
    let log = soon(waiting).await.expect("no panic").expect("the wait succeeds");
    assert_eq!(ids(&log.read(P0, 2, NO_LIMITS).await.expect("what was waited for is readable")), [2]);
}

async fn too_large_is_refused_whole(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    let largest = RECORD_BYTES_MAX - 96;
    let refused = soon(writer.append(vec![record(1, 10), record(2, largest + 1)])).await;
    assert!(matches!(refused, Err(LogError::TooLarge { limit: RECORD_BYTES_MAX, .. })), "{refused:?}");
    soon(writer.append(vec![record(3, largest)])).await.expect("the largest record fits");
    let all = read_all(log.as_ref(), P0).await;
    assert_eq!(ids(&all), [3]);
    assert_eq!(all.last().map(|stored| stored.body.clone()), Some(record(3, largest).body));
}

async fn what_does_not_exist_is_out_of_range(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let nowhere = PartitionId(LAYOUT.partitions);
    let is_out = |result: Result<(), LogError>| assert!(matches!(result, Err(LogError::OutOfRange { .. })), "{result:?}");
    is_out(log.read(nowhere, 0, NO_LIMITS).await.map(drop));
    is_out(log.bounds(nowhere).await.map(drop));
    is_out(log.open_writer(nowhere, "here:1").await.map(drop));
    is_out(log.wait_for(nowhere, 0).await);
    assert_eq!(log.read(P0, 0, NO_LIMITS).await.expect("the end of an empty log"), []);
    is_out(log.read(P0, 1, NO_LIMITS).await.map(drop));
}

async fn a_reopened_log_goes_on(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    for round in 0..4_u64 {
        let log = open(&again).await;
        assert_eq!(log.bounds(P0).await.expect("bounds"), 0..round * 3);
        let writer = own(&log, P0).await;
        assert_eq!((u64::from(writer.epoch()), writer.start()), (round + 1, round * 3 + 1));
        assert_eq!(append(&writer, [round * 2, round * 2 + 1]).await, round * 3 + 1);
        assert_eq!(ids(&read_all(log.as_ref(), P0).await), (0..round * 2 + 2).collect::<Vec<_>>());
        check_valid_except(log.as_ref(), P0, &[]).await;
        log.close().await.expect("the log closes");
    }
}

async fn a_closed_log_takes_nothing(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let writer = own(&log, P0).await;
    let pending: Vec<_> = (1..=20).map(|id| writer.append(vec![record(id, 10)])).collect();
    let waiting = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.wait_for(P0, 1_000).await })
    };
    tokio::task::yield_now().await;
    soon(log.close()).await.expect("the log closes");
    for offset in soon(join_all(pending)).await {
        offset.expect("what was in line before the close is written");
    }
    assert!(soon(waiting).await.expect("no panic").is_err(), "a wait ends when its record will never come");
    assert!(soon(writer.append(vec![record(21, 10)])).await.is_err());
    assert!(soon(log.open_writer(P0, "here:2")).await.is_err());
    assert_eq!(ids(&read_all(log.as_ref(), P0).await), (1..=20).collect::<Vec<_>>());
    soon(log.close()).await.expect("closing twice is no error");
}
