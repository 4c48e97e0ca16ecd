//! Writers that go on after another one came, and what their records do to the one in force.

use infra::log::LogError;
use infra::log::contract::{check_valid_except, read_all, record};
use schemas::log::{CommandId, RecordHeader, RecordKind, TraceContext, WriterId};

use super::support::{P0, append_each, inject, new_place, open, own};

/// A command of a writer that nobody knows any more.
fn late() -> RecordHeader {
    RecordHeader {
        kind: RecordKind::Command,
        epoch: 0,
        writer: WriterId(99),
        sequence: 1,
        command_id: CommandId(1_000_000),
        actor: schemas::AccountId(1),
        time_ms: 1,
        causation: CommandId(0),
        trace: TraceContext::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_in_another_process_is_told_that_it_is_one() {
    let place = new_place();
    let (one, other) = (open(&place).await, open(&place).await);
    let zombie = own(&one).await;
    append_each(&zombie, 1..4).await;
    let owner = own(&other).await;
    assert_eq!((owner.epoch(), owner.start()), (2, 5));
    append_each(&owner, 10..12).await;
    let calls: Vec<_> = (20..60).map(|id| zombie.append(vec![record(id, 100), record(id + 100, 100)])).collect();
    for late in futures_util::future::join_all(calls).await {
        assert!(matches!(late, Err(LogError::Superseded { partition: P0 })), "{late:?}");
    }
    let after = append_each(&owner, 12..14).await;
    let all = read_all(other.as_ref(), P0).await;
    let void: Vec<u64> = all.iter().filter(|stored| stored.header.epoch == 1 && stored.offset > 4).map(|stored| stored.offset).collect();
    assert!(!void.is_empty(), "the zombie's records are in the log");
    assert!(after.iter().all(|offset| !void.contains(offset)));
    check_valid_except(other.as_ref(), P0, &void).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_read_back_and_the_owner_goes_on() {
    let place = new_place();
    let log = open(&place).await;
    let writer = own(&log).await;
    assert_eq!(append_each(&writer, 1..4).await, [1, 2, 3]);
    inject(&place, &late());
    assert_eq!(append_each(&writer, 4..7).await, [5, 6, 7], "acknowledged where it stands");
    inject(&place, &RecordHeader { kind: RecordKind::WriterStarted, epoch: 1, ..late() });
    inject(&place, &RecordHeader { epoch: 1, writer: writer.writer(), sequence: 6, ..late() });
    assert_eq!(append_each(&writer, 7..9).await, [10, 11], "also behind a lost race and a repetition");
    check_valid_except(log.as_ref(), P0, &[4, 8, 9]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_within_one_call_is_unknown_and_the_records_count() {
    let place = new_place();
    let log = open(&place).await;
    let writer = own(&log).await;
    // A large call takes several requests; another producer gets in between sooner or later.
    let noise = std::thread::spawn({
        let place = place.clone();
        move || (0..5).for_each(|_| inject(&place, &late()))
    });
    let mut unknown = 0;
    for round in 0..200_u64 {
        if noise.is_finished() {
            break;
        }
        let records = (0..3_000).map(|id| record(round * 10_000 + id, 500)).collect();
        match writer.append(records).await {
            Ok(_) => {}
            Err(LogError::Unknown { partition: P0 }) => {
                unknown += 1;
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    noise.join().expect("the other producer delivers");
    if unknown > 0 {
        let after = writer.append(vec![record(1, 10)]).await;
        assert!(matches!(after, Err(LogError::Unknown { .. })), "a finished writer takes nothing: {after:?}");
    }
    let all = read_all(log.as_ref(), P0).await;
    let void: Vec<u64> = all.iter().filter(|stored| stored.header.epoch == 0).map(|stored| stored.offset).collect();
    check_valid_except(log.as_ref(), P0, &void).await;
    let next = own(&log).await;
    append_each(&next, 1..3).await;
}
