//! Inspection over a log in memory.

use infra::log::LogLayout;
use infra::log::memory::MemoryLog;
use infra::views::memory::MemoryViews;
use schemas::events::{CredentialsSet, FollowConfirmed, MarkerMoved};
use schemas::ids::RelationId;
use schemas::log::{CommandId, NewRecord, TraceContext, body as bodies};

use super::asked::{position, time_ms};
use super::*;

const ANA: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

async fn log() -> Arc<dyn EventLog> {
    let log = MemoryLog::new(LogLayout { generation: 1, partitions: 2 });
    let credentials = CredentialsSet { account: ANA, email: vec![9, 9].into(), password: vec![8].into(), confirmed: true };
    let follow = FollowConfirmed { account: ANA, target: BOB, relation: RelationId(1 << 60) };
    let moved = |last_read| MarkerMoved { account: BOB, timeline: "home".into(), last_read, version: 1 };
    let records: [(u16, u64, Vec<Event>); 4] = [
        (0, 1_000, vec![credentials.into(), follow.into()]),
        (1, 500, vec![moved(1).into()]),
        (1, 2_000, vec![moved(2).into()]),
        (0, 3_000, vec![]),
    ];
    for (partition, time_ms, events) in records {
        append(&*log, partition, time_ms, events).await;
    }
    log
}

/// Appends as a writer of its own, so that the records of a partition stand at odd offsets.
async fn append(log: &dyn EventLog, partition: u16, time_ms: u64, events: Vec<Event>) {
    let writer = log.open_writer(PartitionId(partition), "a test").await.unwrap();
    let body = if events.is_empty() { vec![7].into() } else { bodies::encode(&events).unwrap() };
    let (command_id, trace) = (CommandId(u128::from(time_ms)), TraceContext::default());
    let record = NewRecord { command_id, actor: ANA, time_ms, causation: CommandId(0), trace, body };
    writer.append(vec![record]).await.unwrap();
}

async fn check(filter: Filter, expected: &[(&str, &str)]) {
    let mut out = Vec::new();
    let written = inspect(&log().await, filter, &mut out).await.unwrap();
    let lines: Vec<Value> = out.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let seen: Vec<_> = lines.iter().map(|line| (line["position"].as_str().unwrap(), line["type"].as_str().unwrap())).collect();
    assert_eq!((written, seen), (expected.len() as u64, expected.to_vec()));
}

#[tokio::test]
async fn events_come_in_the_order_of_time_and_are_chosen() {
    let all = [
        ("1.1.1", "MarkerMoved"),
        ("1.0.1", "CredentialsSet"),
        ("1.0.1", "FollowConfirmed"),
        ("1.1.3", "MarkerMoved"),
        ("1.0.3", "undecodable"),
    ];
    check(Filter::default(), &all).await;
    check(Filter { limit: Some(2), ..Filter::default() }, &all[..2]).await;
    check(Filter { account: Some(BOB), ..Filter::default() }, &[all[0], all[2], all[3]]).await;
    check(Filter { kind: Some("MarkerMoved".into()), ..Filter::default() }, &[all[0], all[3]]).await;
    check(Filter { since_ms: Some(1_000), until_ms: Some(3_000), ..Filter::default() }, &all[1..4]).await;
    check(Filter { from: Some(position("1.1.2").unwrap()), ..Filter::default() }, &[all[3]]).await;
}

#[tokio::test]
async fn lines_keep_digits_and_no_secrets() {
    let mut out = Vec::new();
    inspect(&log().await, Filter { limit: Some(3), ..Filter::default() }, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#""relation":"1152921504606846976""#), "{text}");
    assert!(text.contains(r#""email":"(sealed)""#) && text.contains(r#""time":"1970-01-01T00:00:01.000Z""#), "{text}");
}

#[test]
fn positions_and_times_are_read() {
    assert_eq!(position("1.3.1729").unwrap(), Position { generation: 1, partition: PartitionId(3), offset: 1_729 });
    assert!(position("1.3").is_err() && position("a.b.c").is_err());
    assert_eq!((time_ms("1970-01-01T00:00:02Z").unwrap(), time_ms("17").unwrap()), (2_000, 17));
    assert!(time_ms("yesterday").is_err());
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_what_can() {
    let check = async |asked: Asked, expected: &str| {
        let refused = asked.filter(&MemoryViews::new()).await.and_then(|filter| Inspection::new(&log_of(2), filter)).err();
        let told = refused.map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(told.contains(expected), "{asked:?}: {told}");
    };
    let text = |text: &str| Some(text.to_owned());
    check(Asked { kind: text("PostPublised"), ..Asked::default() }, "expected one of `AccountRegistered`").await;
    check(Asked { account: text("nobody"), ..Asked::default() }, "no account goes by nobody").await;
    check(Asked { from: text("1.9.0"), ..Asked::default() }, "the log has 2").await;
    check(Asked { from: text("7.0.0"), ..Asked::default() }, "the log is generation 1").await;
    check(Asked { kind: text("PostPublished"), account: text("17"), ..Asked::default() }, "").await;
}

fn log_of(partitions: u16) -> Arc<dyn EventLog> {
    MemoryLog::new(LogLayout { generation: 1, partitions })
}

#[tokio::test]
async fn at_the_end_an_inspection_waits_for_more() {
    let log = log().await;
    let mut inspection = Inspection::new(&log, Filter { kind: Some("MarkerMoved".into()), ..Filter::default() }).unwrap();
    while inspection.next().await.unwrap().is_some() {}
    let later = async {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        append(&*log, 1, 100, vec![MarkerMoved { account: BOB, timeline: "home".into(), last_read: 9, version: 3 }.into()]).await;
    };
    let (waited, ()) = tokio::join!(inspection.wait(), later);
    waited.unwrap();
    // The first thing to come may be the new writer's own record.
    let line = loop {
        match inspection.next().await.unwrap() {
            Some(line) => break line,
            None => inspection.wait().await.unwrap(),
        }
    };
    assert_eq!(line["event"]["version"], 3);
}
