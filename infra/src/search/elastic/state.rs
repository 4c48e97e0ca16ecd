//! What one process knows of the index: versions as last read, how far partitions were applied, which checkpoints are still to be written.

use std::collections::BTreeMap;
use std::time::Instant;

use schemas::PartitionId;
use schemas::rows::Checkpoint;

use crate::search::SearchError;
use crate::views::registry::Registry;
use crate::views::{Version, Versions};

/// No version has this number.
const NO_VERSION: u32 = 0;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct State {
    versions: Option<Versions>,
    applied: BTreeMap<(u32, PartitionId), Checkpoint>,
    /// The live version whose checkpoint the writer of a partition went on from.
    followed: BTreeMap<PartitionId, u32>,
    pending: BTreeMap<u32, Pending>,
}

/// Checkpoints of one version that are to be written.
#[derive(Debug, Clone)]
struct Pending {
    checkpoints: BTreeMap<PartitionId, Checkpoint>,
    due: Instant,
}

impl State {
    pub(super) fn versions(&self) -> Option<Versions> {
        self.versions
    }

    pub(super) fn set_versions(&mut self, versions: Option<Versions>) {
        self.versions = versions;
    }

    /// The number that a call means, as far as is known.
    pub(super) fn resolve(&self, version: Version) -> Option<u32> {
        Registry::of(self.versions?, 0).resolve(version).ok()
    }

    /// The number that a write means. A writer to the live version must have read its checkpoint there, or be new.
    pub(super) fn target(&mut self, version: Version, partition: PartitionId) -> Result<Option<u32>, SearchError> {
        let number = self.resolve(version);
        if let (Version::Live, Some(live)) = (version, number) {
            let followed = *self.followed.entry(partition).or_insert(live);
            if followed != live {
                return Err(SearchError::Rewound(partition));
            }
        }
        Ok(number)
    }

    pub(super) fn applied(&self, number: u32, partition: PartitionId) -> Option<Checkpoint> {
        self.applied.get(&(number, partition)).copied()
    }

    /// Notes what a partition's documents are durable up to; says whether the committer has a new time to wait for.
    pub(super) fn note_applied(&mut self, number: u32, partition: PartitionId, at: Checkpoint, due: Instant) -> bool {
        self.applied.insert((number, partition), at);
        let is_new = !self.pending.contains_key(&number);
        let pending = self.pending.entry(number).or_insert_with(|| Pending { checkpoints: BTreeMap::new(), due });
        pending.checkpoints.insert(partition, at);
        is_new
    }

    /// Notes the checkpoint that a partition's writer was told.
    pub(super) fn note_read(&mut self, version: Version, number: u32, partition: PartitionId, at: Option<Checkpoint>) {
        match at {
            Some(at) => drop(self.applied.insert((number, partition), at)),
            None => drop(self.applied.remove(&(number, partition))),
        }
        if version == Version::Live {
            self.followed.insert(partition, number);
        }
    }

    pub(super) fn is_pending(&self, number: u32, partition: PartitionId) -> bool {
        self.pending.get(&number).is_some_and(|pending| pending.checkpoints.contains_key(&partition))
    }

    pub(super) fn pending_numbers(&self) -> Vec<u32> {
        self.pending.keys().copied().collect()
    }

    pub(super) fn pending(&self, number: u32) -> Vec<(PartitionId, Checkpoint)> {
        let Some(pending) = self.pending.get(&number) else { return Vec::new() };
        pending.checkpoints.iter().map(|(partition, at)| (*partition, *at)).collect()
    }

    /// What to commit next, and when.
    pub(super) fn next_due(&self) -> Option<(u32, Instant)> {
        self.pending.iter().map(|(number, pending)| (*number, pending.due)).min_by_key(|(_, due)| *due)
    }

    /// Takes out what was written, unless it moved on meanwhile: then it is due at `due`.
    pub(super) fn committed(&mut self, number: u32, written: &[(PartitionId, Checkpoint)], due: Instant) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        for (partition, at) in written {
            if pending.checkpoints.get(partition) == Some(at) {
                pending.checkpoints.remove(partition);
            }
        }
        pending.due = due;
        if pending.checkpoints.is_empty() {
            self.pending.remove(&number);
        }
    }

    /// Tries again later.
    pub(super) fn postpone(&mut self, number: u32, due: Instant) {
        if let Some(pending) = self.pending.get_mut(&number) {
            pending.due = due;
        }
    }

    /// An index is gone, or no longer what it was: nobody goes on in it without reading its checkpoint.
    pub(super) fn forget(&mut self, number: u32) {
        self.versions = None;
        self.pending.remove(&number);
        self.applied.retain(|(of, _), _| *of != number);
        for followed in self.followed.values_mut().filter(|followed| **followed == number) {
            *followed = NO_VERSION;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const P: PartitionId = PartitionId(3);

    fn at(next: u64) -> Checkpoint {
        Checkpoint { generation: 1, next, ..Checkpoint::default() }
    }

    fn live(number: u32) -> State {
        State { versions: Some(Versions { live: number, building: None, previous: None }), ..State::default() }
    }

    #[test]
    fn a_writer_of_the_live_version_follows_a_promotion_by_reading_its_checkpoint() {
        let mut state = live(1);
        assert_eq!(state.target(Version::Live, P).unwrap(), Some(1));
        state.set_versions(Some(Versions { live: 2, building: None, previous: Some(1) }));
        for _ in 0..2 {
            assert!(matches!(state.target(Version::Live, P), Err(SearchError::Rewound(P))));
        }
        assert_eq!(state.target(Version::Number(2), P).unwrap(), Some(2), "who names a number means it");
        state.note_read(Version::Live, 2, P, Some(at(7)));
        assert_eq!(state.target(Version::Live, P).unwrap(), Some(2));
        assert_eq!(state.applied(2, P), Some(at(7)));
    }

    #[test]
    fn an_index_that_is_gone_is_forgotten() {
        let mut state = live(1);
        assert_eq!(state.target(Version::Live, P).unwrap(), Some(1));
        state.note_applied(1, P, at(5), Instant::now());
        state.forget(1);
        assert_eq!((state.applied(1, P), state.next_due(), state.target(Version::Live, P).unwrap()), (None, None, None));
        state.set_versions(live(1).versions);
        assert!(matches!(state.target(Version::Live, P), Err(SearchError::Rewound(P))), "the new index of the same number is another one");
    }

    #[test]
    fn what_moved_on_while_it_was_written_stays_pending() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut state = live(1);
        assert!(state.note_applied(1, P, at(5), now));
        let written = state.pending(1);
        assert!(!state.note_applied(1, P, at(6), later), "it waits already");
        state.committed(1, &written, later);
        assert_eq!((state.pending(1), state.next_due()), (vec![(P, at(6))], Some((1, later))));
        state.committed(1, &[(P, at(6))], later);
        assert_eq!((state.is_pending(1, P), state.next_due()), (false, None));
    }
}
