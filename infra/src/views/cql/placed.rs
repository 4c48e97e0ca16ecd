//! Which versions a view has and in which of its three tables each lies: pure, and its bytes at rest.

use super::super::Version;
use super::super::registry::{Registry, VersionFault};

/// Tables of each view.
pub(super) const TABLES: usize = 3;
const FORMAT: u8 = 1;

/// The versions of a view with their tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) registry: Registry,
    /// The version in each table; 0 for none.
    tables: [u32; TABLES],
    /// Counts the changes.
    pub(super) revision: u64,
}

/// What a change of versions leaves to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Moves {
    /// Versions that are no more.
    pub(super) dropped: Vec<u32>,
    /// Tables to empty.
    pub(super) emptied: Vec<usize>,
}

impl Default for Placed {
    fn default() -> Self {
        Self { registry: Registry::default(), tables: [1, 0, 0], revision: 0 }
    }
}

impl Placed {
    /// The number that a call means, and its table.
    pub(super) fn resolve(&self, version: Version) -> Result<(u32, usize), VersionFault> {
        let number = self.registry.resolve(version)?;
        let table = self.tables.iter().position(|held| *held == number);
        table.map(|table| (number, table)).ok_or(VersionFault::Unknown(number))
    }

    /// The state after a change of the registry: versions that are no more give up their tables, new ones get one.
    pub(super) fn changed(self, registry: Registry) -> (Self, Moves) {
        let (mut tables, mut moves) = (self.tables, Moves::default());
        let known = |number: u32| registry.numbers().any(|known| known == number);
        for (index, held) in tables.iter_mut().enumerate() {
            if *held != 0 && !known(*held) {
                moves.dropped.push(std::mem::take(held));
                moves.emptied.push(index);
            }
        }
        for number in registry.numbers() {
            if tables.contains(&number) {
                continue;
            }
            let free = tables.iter().position(|held| *held == 0).expect("a view has three versions at the most");
            if let Some(held) = tables.get_mut(free) {
                *held = number;
            }
            // Also one that was given up long ago: a straggler may have written to it since.
            if !moves.emptied.contains(&free) {
                moves.emptied.push(free);
            }
        }
        (Self { registry, tables, revision: self.revision + 1 }, moves)
    }

    /// Version 1: format u8, revision u64 LE, tables 3 x u32 LE, then the registry's own bytes. Persisted.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend(self.revision.to_le_bytes());
        self.tables.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend(self.registry.encode());
        bytes
    }

    /// Reads any version that was ever written; `None` for bytes that are none of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [FORMAT, rest @ ..] = bytes else { return None };
        let (revision, rest) = rest.split_first_chunk::<8>()?;
        let (tables, registry) = rest.split_first_chunk::<12>()?;
        let (tables, _) = tables.as_chunks::<4>();
        let [a, b, c] = *tables else { return None };
        Some(Self {
            registry: Registry::decode(registry)?,
            tables: [a, b, c].map(u32::from_le_bytes),
            revision: u64::from_le_bytes(*revision),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rebuild_moves_through_the_tables() {
        let placed = Placed::default();
        let (building, moves) = placed.changed(placed.registry.begin().unwrap().0);
        assert_eq!((building.tables, moves), ([1, 2, 0], Moves { dropped: vec![], emptied: vec![1] }));
        let (promoted, moves) = building.changed(building.registry.promote().unwrap());
        assert_eq!((promoted.tables, moves), ([1, 2, 0], Moves::default()));
        assert_eq!(promoted.resolve(Version::Live).unwrap(), (2, 1));
        let (again, _) = promoted.changed(promoted.registry.begin().unwrap().0);
        assert_eq!(again.tables, [1, 2, 3]);
        let (swapped, moves) = again.changed(again.registry.promote().unwrap());
        assert_eq!((swapped.tables, moves), ([0, 2, 3], Moves { dropped: vec![1], emptied: vec![0] }));
        let (anew, moves) = swapped.changed(swapped.registry.begin().unwrap().0);
        assert_eq!((anew.tables, moves), ([4, 2, 3], Moves { dropped: vec![], emptied: vec![0] }));
        let (restarted, moves) = anew.changed(anew.registry.begin().unwrap().0);
        assert_eq!((restarted.tables, moves), ([5, 2, 3], Moves { dropped: vec![4], emptied: vec![0] }));
    }

    #[test]
    fn version_1_reads_forever() {
        let placed = Placed { registry: Registry::default().begin().unwrap().0, tables: [1, 2, 0], revision: 258 };
        assert_eq!(hex::encode(placed.encode()), include_str!("../golden/placed.v1.hex").trim());
    }

    proptest! {
        #[test]
        fn states_round_trip(tables in any::<[u32; 3]>(), revision in any::<u64>()) {
            let placed = Placed { registry: Registry::default(), tables, revision };
            prop_assert_eq!(Placed::decode(&placed.encode()), Some(placed));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Placed::decode(&bytes);
        }
    }
}
