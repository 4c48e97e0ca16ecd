//! Groups in memory: the members of this process share the partitions out evenly, each change moving as few as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use parking_lot::Mutex;
use schemas::PartitionId;
use tokio::sync::watch;

use super::{Giver, Groups, Membership, Partitions};
use crate::log::LogError;

/// See the module.
#[derive(Debug)]
pub struct MemoryGroups {
    partitions: BTreeSet<PartitionId>,
    groups: Mutex<BTreeMap<String, Arc<Mutex<Group>>>>,
}

#[derive(Debug, Default)]
struct Group {
    partitions: BTreeSet<PartitionId>,
    members: BTreeMap<u64, watch::Sender<Partitions>>,
    joined: u64,
}

#[derive(Debug)]
struct Member {
    group: Weak<Mutex<Group>>,
    number: u64,
}

impl MemoryGroups {
    /// Groups over the partitions of a log.
    pub fn new(partitions: impl IntoIterator<Item = PartitionId>) -> Arc<Self> {
        Arc::new(Self { partitions: partitions.into_iter().collect(), groups: Mutex::default() })
    }
}

impl Group {
    /// Takes from those who have more than their share, and gives what nobody has.
    fn share_out(&mut self) {
        let count = self.members.len();
        if count == 0 {
            return;
        }
        let (share, over) = (self.partitions.len() / count, self.partitions.len() % count);
        let mut free = self.partitions.clone();
        let mut kept: Vec<BTreeSet<PartitionId>> = Vec::with_capacity(count);
        for (place, member) in self.members.values().enumerate() {
            let own: BTreeSet<_> = member.borrow().iter().copied().take(share + usize::from(place < over)).collect();
            free.retain(|partition| !own.contains(partition));
            kept.push(own);
        }
        let mut free = free.into_iter();
        for (place, (own, member)) in kept.iter_mut().zip(self.members.values()).enumerate() {
            let missing = (share + usize::from(place < over)).saturating_sub(own.len());
            own.extend(free.by_ref().take(missing));
            let own = Arc::new(std::mem::take(own));
            member.send_if_modified(|known| {
                let changed = *known != own;
                *known = own;
                changed
            });
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(member) = self.members.remove(&number) {
            member.send_replace(Partitions::default());
            self.share_out();
        }
    }
}

#[async_trait]
impl Groups for MemoryGroups {
    async fn join(&self, group: &str) -> Result<Membership, LogError> {
        let fresh = || Arc::new(Mutex::new(Group { partitions: self.partitions.clone(), ..Group::default() }));
        let group = self.groups.lock().entry(group.to_owned()).or_insert_with(fresh).clone();
        let (given, number) = {
            let mut group = group.lock();
            group.joined += 1;
            let (number, sender) = (group.joined, watch::Sender::new(Partitions::default()));
            let given = sender.subscribe();
            group.members.insert(number, sender);
            group.share_out();
            (given, number)
        };
        Ok(Membership::of(given, Arc::new(Member { group: Arc::downgrade(&group), number })))
    }
}

#[async_trait]
impl Giver for Member {
    async fn leave(&self) {
        self.gone();
    }
}

impl Member {
    fn gone(&self) {
        if let Some(group) = self.group.upgrade() {
            group.lock().remove(self.number);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.gone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        super::super::contract::run(&*MemoryGroups::new((0..4).map(PartitionId))).await;
    }

    #[tokio::test]
    async fn what_there_is_is_shared_out_evenly() {
        let groups = MemoryGroups::new((0..5).map(PartitionId));
        let mut first = groups.join("owners").await.unwrap();
        let before = first.now();
        let mut second = groups.join("owners").await.unwrap();
        let (of_first, of_second) = (first.now(), second.now());
        assert_eq!((of_first.len(), of_second.len()), (3, 2));
        assert!(of_first.is_subset(&before), "what stays is not moved");
    }
}
