//! Notices on Kafka against a real broker: the port's contract, and what must be told as missed.
//!
//! Compiled only with the features `kafka` and `contract`, and then `ROOST_TEST_KAFKA=host:port` must name a broker: without it every test
//! here fails. `cargo xtask cluster up` starts one and says how to set the variable; then
//! `cargo test -p infra --features kafka,contract --test notices_kafka`. Topics are made with random names and left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use infra::log::LogError;
use infra::log::kafka::KafkaUrl;
use infra::notices::contract::{self, Join};
use infra::notices::kafka::KafkaNotices;
use infra::notices::{Heard, Notice, Notices, encode};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use schemas::PartitionId;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

fn broker() -> String {
    std::env::var("ROOST_TEST_KAFKA").expect("ROOST_TEST_KAFKA=host:port names the broker of these tests: see this file's head")
}

/// A place where nothing is.
fn new_place() -> KafkaUrl {
    let text = format!("kafka://{}/test-{:016x}?rf=1", broker(), rand::random::<u64>());
    text.parse().expect("the variable is host:port")
}

async fn open(place: &KafkaUrl) -> Arc<dyn Notices> {
    Arc::new(KafkaNotices::open(place, true).await.expect("the feed opens"))
}

fn notice(next: u64) -> Notice {
    Notice { slots: Some(vec![7]), next: vec![(PartitionId(0), next)] }
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker());
    config
}

/// Publishes bytes that no build of ours does.
fn inject(place: &KafkaUrl, bytes: &[u8]) {
    let producer: BaseProducer = client().create().expect("a producer");
    let topic = format!("{}.notices", place.prefix);
    producer.send(BaseRecord::<(), [u8]>::to(&topic).payload(bytes)).map_err(|(error, _)| error).expect("there is room");
    producer.flush(Duration::from_secs(10)).expect("it is delivered");
}

fn fresh() -> Join {
    let place = new_place();
    Arc::new(move || {
        let place = place.clone();
        async move { open(&place).await }.boxed()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    contract::check(&fresh).await;
}

#[tokio::test]
async fn what_is_no_notice_was_missed() {
    let place = new_place();
    let feed = open(&place).await;
    let mut heard = feed.subscribe().await.expect("a place");
    feed.publish(notice(1)).await.expect("it is published");
    for bytes in [&b""[..], b"\x02\x00\x00\x00", &[encode(&notice(2)), vec![0]].concat()] {
        inject(&place, bytes);
    }
    feed.publish(notice(3)).await.expect("it is published");
    for expected in [Heard::Notice(notice(1)), Heard::Missed, Heard::Missed, Heard::Missed, Heard::Notice(notice(3))] {
        assert_eq!(timeout(PATIENCE, heard.hear()).await.expect("in time").expect("the feed serves"), expected);
    }
}

/// The topic made anew under a follower: its offset is no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_gone_is_told() {
    let place = new_place();
    let feed = open(&place).await;
    for next in 0..20 {
        feed.publish(notice(next)).await.expect("it is published");
    }
    let mut heard = feed.subscribe().await.expect("a place");
    let admin: AdminClient<DefaultClientContext> = client().create().expect("a client");
    let topic = format!("{}.notices", place.prefix);
    let asked = AdminOptions::new().operation_timeout(Some(PATIENCE));
    admin.delete_topics(&[&topic], &asked).await.expect("the topic is removed");
    let since = Instant::now();
    loop {
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        match admin.create_topics([&new], &asked).await.expect("the cluster answers").as_slice() {
            [Ok(_)] => break,
            refused => assert!(since.elapsed() < PATIENCE, "{refused:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = timeout(PATIENCE, heard.hear()).await.expect("in time");
    assert!(matches!(told, Ok(Heard::Missed) | Err(_)), "{told:?}");
    let after = timeout(PATIENCE, heard.hear()).await.expect("in time");
    assert!(after.is_err(), "a place that is lost stays lost: {after:?}");
}

#[tokio::test]
async fn a_feed_that_is_not_to_be_made_must_be_there() {
    let place = new_place();
    let absent = KafkaNotices::open(&place, false).await.err();
    assert!(matches!(absent, Some(LogError::Fatal(_))), "{absent:?}");
    drop(open(&place).await);
    KafkaNotices::open(&place, false).await.expect("now it is there");
}

/// Prints how long a notice takes; a number to look at, not one to fail on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_does_not_wait_for_company() {
    let place = new_place();
    let (feed, other) = (open(&place).await, open(&place).await);
    let mut heard = other.subscribe().await.expect("a place");
    let mut took = Vec::new();
    for next in 0..300 {
        let since = Instant::now();
        let (published, told) = tokio::join!(feed.publish(notice(next)), timeout(PATIENCE, heard.hear()));
        published.expect("it is published");
        assert_eq!(told.expect("in time").expect("the feed serves"), Heard::Notice(notice(next)));
        took.push(since.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    println!("publish to hear: median {:?}, p99 {:?}", at(50), at(99));
}
