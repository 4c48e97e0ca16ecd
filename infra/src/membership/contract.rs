//! What every kind of group must do: one suite, run for each adapter on groups that nobody has joined.

#![allow(clippy::unwrap_used, reason = "test code that ships to other crates' tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use schemas::PartitionId;

use super::{Groups, Membership, Partitions};

/// How long a change may take: a group on servers waits for its members.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until(membership: &mut Membership, count: usize) -> Partitions {
    let reached = async {
        loop {
            let given = membership.now();
            if given.len() == count {
                return given;
            }
            membership.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{count} partitions are not given"))
}

/// Runs every rule; there are four partitions.
pub async fn run(groups: &dyn Groups) {
    let all: BTreeSet<PartitionId> = (0..4).map(PartitionId).collect();
    let mut first = groups.join("contract").await.unwrap();
    assert_eq!(*until(&mut first, 4).await, all, "who is alone has all");
    let mut other_work = groups.join("other").await.unwrap();
    assert_eq!(*until(&mut other_work, 4).await, all, "groups do not know of each other");
    let mut second = groups.join("contract").await.unwrap();
    let (kept, taken) = (until(&mut first, 2).await, until(&mut second, 2).await);
    assert_eq!(kept.union(&taken).copied().collect::<BTreeSet<_>>(), all, "{kept:?} {taken:?}");
    first.leave().await;
    assert_eq!(*until(&mut second, 4).await, all, "who leaves gives back");
    let mut third = groups.join("contract").await.unwrap();
    until(&mut third, 2).await;
    drop(second);
    assert_eq!(*until(&mut third, 4).await, all, "who is dropped leaves");
}
