//! The group of owners: every partition is hinted to one member, and to another one when it leaves.

use std::time::Duration;

use infra::log::LogLayout;
use infra::log::kafka::{KafkaLog, KafkaOptions, Owned, Ownership};
use schemas::PartitionId;
use tokio::sync::watch;
use tokio::time::timeout;

use super::support::new_place;

async fn until(owned: &mut watch::Receiver<Owned>, what: &str, holds: impl FnMut(&Owned) -> bool) -> Owned {
    let reached = timeout(Duration::from_secs(60), owned.wait_for(holds)).await;
    reached.unwrap_or_else(|_| panic!("{what} does not come")).expect("the member is there").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_shared_out_and_taken_over() {
    let (place, layout) = (new_place(), LogLayout { generation: 3, partitions: 4 });
    let _log = KafkaLog::open(KafkaOptions::new(place.clone(), layout)).await.expect("the log opens");
    let first = Ownership::join(&place, 3, "owners").await.expect("a member");
    let mut firsts = first.owned();
    until(&mut firsts, "all partitions", |owned| owned.len() == 4).await;
    let second = Ownership::join(&place, 3, "owners").await.expect("a member");
    let mut seconds = second.owned();
    let taken = until(&mut seconds, "half of the partitions", |owned| owned.len() == 2).await;
    let kept = until(&mut firsts, "the other half", |owned| owned.len() == 2).await;
    assert_eq!(kept.union(&taken).count(), 4, "{kept:?} {taken:?}");
    first.leave().await;
    let all: Owned = layout.partition_ids().collect::<std::collections::BTreeSet<PartitionId>>();
    assert_eq!(until(&mut seconds, "all partitions", |owned| owned.len() == 4).await, all);
}
