//! The groups of owners and projectors: every partition is hinted to one member, and to another one when it leaves.

use infra::log::LogLayout;
use infra::log::kafka::{KafkaGroups, KafkaLog, KafkaOptions};
use infra::membership::contract;

use super::support::new_place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_shared_out_and_taken_over() {
    let (place, layout) = (new_place(), LogLayout { generation: 3, partitions: 4 });
    let _log = KafkaLog::open(KafkaOptions::new(place.clone(), layout)).await.expect("the log opens");
    contract::run(&KafkaGroups::new(place, layout.generation)).await;
}
