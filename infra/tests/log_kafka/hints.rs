//! Hints: left, believed when they are true, and not missed when they are not.

use std::time::Duration;

use infra::log::contract::check_valid_except;
use infra::log::kafka::KafkaUrl;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::support::{P0, append_each, new_place, open, own};

fn group(place: &KafkaUrl) -> (BaseConsumer, String) {
    let topic = format!("{}.log.g1", place.prefix);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", place.brokers.join(",")).set("group.id", format!("{topic}.hints"));
    (config.create().expect("a consumer"), topic)
}

fn hint(place: &KafkaUrl) -> (Offset, String) {
    let (consumer, topic) = group(place);
    let mut list = TopicPartitionList::new();
    list.add_partition(&topic, 0);
    let committed = consumer.committed_offsets(list, Duration::from_secs(10)).expect("the group answers");
    let elements = committed.elements();
    (elements[0].offset(), elements[0].metadata().to_owned())
}

fn leave(place: &KafkaUrl, at: i64, text: &str) {
    let (consumer, topic) = group(place);
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(&topic, 0);
    element.set_offset(Offset::Offset(at)).expect("an offset");
    element.set_metadata(text);
    consumer.commit(&list, CommitMode::Sync).expect("the group takes it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_leaves_a_hint_and_a_false_one_does_no_harm() {
    let place = new_place();
    let log = open(&place).await;
    let writer = own(&log).await;
    append_each(&writer, 1..101).await;
    log.close().await.expect("the log closes");
    assert_eq!(hint(&place), (Offset::Offset(101), format!("v1 1 {} 100", writer.writer().0)));

    let false_hints = [(101, "v1 1 7 100"), (50, "v1 1 0 9"), (9_999, "v1 9 9 9"), (101, "nonsense")];
    for (round, (at, text)) in (2_u32..).zip(false_hints) {
        leave(&place, at, text);
        let log = open(&place).await;
        let writer = own(&log).await;
        assert_eq!(writer.epoch(), round, "with the hint {text} at {at}");
        append_each(&writer, 200..203).await;
        check_valid_except(log.as_ref(), P0, &[]).await;
        log.close().await.expect("the log closes");
    }
}
