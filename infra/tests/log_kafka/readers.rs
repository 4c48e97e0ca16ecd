//! Readers: several at once at different places, behind and at the end, and none of them sees another log.

use std::sync::Arc;

use infra::log::contract::record;
use infra::log::{EventLog, ReadLimits};

use super::support::{P0, append_each, new_place, open, own};

/// Reads on from `from` until `until`, in bites of `records`, waiting at the end like a projection loop.
async fn follow(log: Arc<dyn EventLog>, from: u64, until: u64, records: usize) {
    let mut next = from;
    while next < until {
        let read = log.read(P0, next, ReadLimits { records, bytes: 1 << 20 }).await.expect("a read within bounds");
        if read.is_empty() {
            log.wait_for(P0, next).await.expect("more comes");
        }
        for stored in read {
            assert_eq!(stored.offset, next);
            if next > 0 {
                assert_eq!(stored.body, record(next, 300).body, "the body at {next}");
                assert_eq!(stored.header.command_id.0, u128::from(next));
            }
            next += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_at_different_places_all_see_the_same_log() {
    let place = new_place();
    let log = open(&place).await;
    let other: Arc<dyn EventLog> = open(&place).await;
    let writer = own(&log).await;
    append_each(&writer, 1..20_001).await;
    let starts = [(0, 7), (0, 1_000), (500, 333), (19_990, 50), (12_345, 4_096), (1, 10_000)];
    let mut readers: Vec<_> = starts.into_iter().map(|(from, records)| tokio::spawn(follow(log.clone(), from, 25_001, records))).collect();
    readers.extend([0, 20_001].map(|from| tokio::spawn(follow(other.clone(), from, 25_001, 512))));
    for start in (20_001..25_001).step_by(100) {
        append_each(&writer, start..start + 100).await;
    }
    for reader in readers {
        reader.await.expect("no reader fails");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_jumps_reads_what_stands_there() {
    let place = new_place();
    let log = open(&place).await;
    let writer = own(&log).await;
    append_each(&writer, 1..3_001).await;
    for step in 0..60_u64 {
        let from = 1 + step.wrapping_mul(7_919) % 2_900;
        follow(log.clone(), from, from + 40, 13).await;
    }
}
