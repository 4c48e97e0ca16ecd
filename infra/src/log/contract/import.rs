//! The contract of [`LogImport`]: every log that can be copied into passes it, memory is the reference.

#![allow(clippy::indexing_slicing, reason = "test code that ships to other crates' tests")]

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use schemas::AccountId;
use schemas::log::{CommandId, RecordHeader, RecordKind, StoredRecord, TraceContext, Validity, WriterId};

use super::{LAYOUT, P0, P1, check_valid_except, read_all, record, soon};
use crate::log::{LogError, LogImport, LogLayout, RECORD_BYTES_MAX};

/// Opens one log: the first call finds it empty, later ones, each after the last one's handle was closed and dropped, as it was left.
pub type OpenAgain = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn LogImport>, LogError>> + Send + Sync>;

/// Makes a log that shares nothing with any made before.
pub type Fresh<'a> = &'a (dyn Fn(LogLayout) -> OpenAgain + Sync);

/// Runs the whole contract.
pub async fn check(fresh: Fresh<'_>) {
    records_come_back_as_they_were(fresh).await;
    what_does_not_continue_the_partition_is_refused_whole(fresh).await;
    a_writer_goes_on_behind_them(fresh).await;
    partitions_are_filled_side_by_side(fresh).await;
}

/// A header as any writer may have written it.
pub fn header(kind: RecordKind, epoch: u32, writer: u64, sequence: u64) -> RecordHeader {
    RecordHeader {
        kind,
        epoch,
        writer: WriterId(writer),
        sequence,
        command_id: CommandId((u128::from(sequence) << 70) | u128::from(writer)),
        actor: AccountId(writer ^ sequence),
        time_ms: 1_700_000_000_000 + sequence,
        causation: CommandId(u128::from(epoch)),
        trace: TraceContext { trace_id: u128::from(writer) << 64, span_id: sequence },
    }
}

/// A partition with two epochs, a zombie's late record, a start that lost its race and a repetition; void are offsets 4, 5 and 7.
fn history() -> Vec<StoredRecord> {
    let (start, command) = (RecordKind::WriterStarted, RecordKind::Command);
    let headers = [
        header(start, 1, 7, 0),
        header(command, 1, 7, 1),
        header(command, 1, 7, 2),
        header(start, 2, 8, 2),
        header(command, 1, 7, 3),
        header(start, 2, 9, 2),
        header(command, 2, 8, 3),
        header(command, 2, 8, 3),
        header(command, 2, 8, 4),
    ];
    let stored = |(offset, header): (u64, RecordHeader)| {
        let body = if offset == 2 { Bytes::new() } else { record(offset, 40 + 300 * offset as usize).body };
        StoredRecord { offset, header, body }
    };
    (0..).zip(headers).map(stored).collect()
}

const VOID: [u64; 3] = [4, 5, 7];

async fn open(again: &OpenAgain) -> Arc<dyn LogImport> {
    again().await.expect("the log opens")
}

async fn import(log: &Arc<dyn LogImport>, records: &[StoredRecord]) -> Result<(), LogError> {
    soon(log.import(P0, records.to_vec())).await
}

async fn records_come_back_as_they_were(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let history = history();
    for part in history.chunks(4) {
        import(&log, part).await.expect("they continue the partition");
    }
    import(&log, &[]).await.expect("nothing is easily taken");
    assert_eq!(read_all(log.as_ref(), P0).await, history);
    log.close().await.expect("the log closes");
    drop(log);
    let log = open(&again).await;
    assert_eq!(read_all(log.as_ref(), P0).await, history);
    check_valid_except(log.as_ref(), P0, &VOID).await;
    log.close().await.expect("the log closes");
}

async fn what_does_not_continue_the_partition_is_refused_whole(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let history = history();
    let refused = |answer: Result<(), LogError>, at: u64| {
        assert!(matches!(answer, Err(LogError::OutOfRange { partition: P0, offset }) if offset == at), "{answer:?} instead of {at}");
    };
    refused(import(&log, &history[1..]).await, 1);
    import(&log, &history[..2]).await.expect("they continue the partition");
    refused(import(&log, &history[..2]).await, 0);
    refused(import(&log, &[history[2].clone(), history[4].clone()]).await, 4);
    let mut large = history[2].clone();
    large.body = Bytes::from(vec![1; RECORD_BYTES_MAX]);
    assert!(matches!(import(&log, &[large]).await, Err(LogError::TooLarge { .. })));
    assert_eq!(read_all(log.as_ref(), P0).await, history[..2]);
    import(&log, &history[2..]).await.expect("they continue the partition");
    assert_eq!(read_all(log.as_ref(), P0).await, history);
    log.close().await.expect("the log closes");
}

async fn a_writer_goes_on_behind_them(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    for reopened in [false, true] {
        let log = open(&again).await;
        if reopened {
            let writer = log.open_writer(P0, "again").await.expect("a writer");
            assert_eq!((writer.epoch(), writer.start()), (4, 12));
        } else {
            import(&log, &history()).await.expect("they continue the partition");
            let writer = log.open_writer(P0, "here").await.expect("a writer");
            assert_eq!((writer.epoch(), writer.start()), (3, 10));
            assert_eq!(soon(writer.append(vec![record(1, 10)])).await.expect("the append succeeds"), 10);
        }
        check_valid_except(log.as_ref(), P0, &VOID).await;
        let mut state = Validity::default();
        for stored in read_all(log.as_ref(), P0).await {
            state.admit(&stored.header);
        }
        assert_eq!(state.sequence, 5);
        soon(log.close()).await.expect("the log closes");
    }
}

async fn partitions_are_filled_side_by_side(fresh: Fresh<'_>) {
    let again = fresh(LAYOUT);
    let log = open(&again).await;
    let history = history();
    let (one, other) = tokio::join!(log.import(P0, history.clone()), log.import(P1, history[..3].to_vec()));
    one.and(other).expect("both are taken");
    assert_eq!(read_all(log.as_ref(), P0).await, history);
    assert_eq!(read_all(log.as_ref(), P1).await, history[..3]);
    log.close().await.expect("the log closes");
}
