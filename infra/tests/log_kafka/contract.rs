//! The contract of the port, as every adapter keeps it.

use std::sync::Arc;

use futures_util::FutureExt;
use infra::log::contract::{self, OpenAgain};
use infra::log::kafka::{BadKafkaUrl, KafkaLog, KafkaOptions, KafkaUrl};
use infra::log::{EventLog, LogError, LogImport, LogLayout};

use super::support::{LAYOUT, broker, new_place, open};

fn fresh(layout: LogLayout) -> OpenAgain {
    let place = new_place();
    Arc::new(move || {
        let options = KafkaOptions::new(place.clone(), layout);
        async move { Ok(KafkaLog::open(options).await? as Arc<dyn EventLog>) }.boxed()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    contract::check(&fresh).await;
}

fn fresh_to_import(layout: LogLayout) -> contract::import::OpenAgain {
    let place = new_place();
    Arc::new(move || {
        let options = KafkaOptions::new(place.clone(), layout);
        async move { Ok(KafkaLog::open(options).await? as Arc<dyn LogImport>) }.boxed()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_of_imports() {
    contract::import::check(&fresh_to_import).await;
}

#[tokio::test]
async fn the_layout_is_that_of_the_newest_topic() {
    let place = new_place();
    assert_eq!(KafkaLog::layout_of(&place).await.expect("the cluster answers"), None);
    drop(open(&place).await);
    let newer = LogLayout { generation: 12, partitions: 3 };
    drop(KafkaLog::open(KafkaOptions::new(place.clone(), newer)).await.expect("the log opens"));
    assert_eq!(KafkaLog::layout_of(&place).await.expect("the cluster answers"), Some(newer));
    let other = LogLayout { partitions: 5, ..LAYOUT };
    let refused = KafkaLog::open(KafkaOptions::new(place.clone(), other)).await.err();
    assert!(matches!(refused, Some(LogError::Fatal(_))), "{refused:?}");
    let absent = KafkaOptions { create: false, ..KafkaOptions::new(new_place(), LAYOUT) };
    assert!(matches!(KafkaLog::open(absent).await.err(), Some(LogError::Fatal(_))));
}

#[tokio::test]
async fn a_property_that_librdkafka_does_not_know_is_refused() {
    let place: Result<KafkaUrl, BadKafkaUrl> = format!("kafka://{}/p?no.such.property=1", broker()).parse();
    let refused = KafkaLog::open(KafkaOptions::new(place.expect("its name has dots"), LAYOUT)).await.err();
    assert!(matches!(refused, Some(LogError::Fatal(_))), "{refused:?}");
}
