//! Closing: what was put in line is written, and nothing after it.

use infra::log::contract::{check_valid_except, read_all, record};

use super::support::{P0, new_place, open, own};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_is_in_line() {
    let place = new_place();
    let log = open(&place).await;
    let writer = own(&log).await;
    let pending: Vec<_> = (1..=20_000).map(|id| writer.append(vec![record(id, 200)])).collect();
    log.close().await.expect("the log closes");
    for (offset, at) in futures_util::future::join_all(pending).await.into_iter().zip(1..) {
        assert_eq!(offset.expect("what was in line is written"), at);
    }
    assert!(writer.append(vec![record(1, 1)]).await.is_err());
    drop((writer, log));
    let again = open(&place).await;
    assert_eq!(read_all(again.as_ref(), P0).await.len(), 20_001);
    check_valid_except(again.as_ref(), P0, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_dropped_still_answers() {
    let log = open(&new_place()).await;
    let writer = own(&log).await;
    let pending: Vec<_> = (1..=500).map(|id| writer.append(vec![record(id, 200)])).collect();
    drop(writer);
    for offset in futures_util::future::join_all(pending).await {
        offset.expect("who waits keeps the producer alive");
    }
    assert_eq!(own(&log).await.start(), 502);
}
