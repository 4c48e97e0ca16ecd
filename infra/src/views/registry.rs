//! Which versions a view or the search index has: the pure rules of begin, promote and drop, and their bytes at rest. Adapters add storage.
//!
//! Numbers are never used twice, so `Version::Number` means the same rows for as long as it resolves.

use schemas::rows::View;

use super::{Version, Versions, ViewError};

const FORMAT: u8 = 1;
const FORMAT_BYTES: usize = 17;

/// Why versions cannot be changed or read as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VersionFault {
    /// It was dropped, or never begun.
    #[error("there is no version {0}")]
    Unknown(u32),
    /// It is the live one.
    #[error("version {0} serves: promote another one before dropping it")]
    Serves(u32),
    /// Four billion versions were begun.
    #[error("no version numbers are left")]
    Exhausted,
}

impl VersionFault {
    /// The same, as an error of the view store.
    pub(crate) fn of(self, view: View) -> ViewError {
        match self {
            Self::Unknown(number) => ViewError::NoVersion(view, number),
            fault => ViewError::Fatal(format!("view {}: {fault}", view.name())),
        }
    }
}

/// The versions of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registry {
    live: u32,
    building: Option<u32>,
    previous: Option<u32>,
    /// The number that the next version gets.
    next: u32,
}

impl Default for Registry {
    fn default() -> Self {
        Self { live: 1, building: None, previous: None, next: 2 }
    }
}

impl Registry {
    /// The registry of an adapter that keeps its versions elsewhere; `next` is the number that the next one would get.
    #[cfg(feature = "elastic")]
    pub(crate) fn of(versions: Versions, next: u32) -> Self {
        let Versions { live, building, previous } = versions;
        Self { live, building, previous, next }
    }

    /// What the port shows of it.
    pub(crate) fn versions(self) -> Versions {
        Versions { live: self.live, building: self.building, previous: self.previous }
    }

    /// The numbers that resolve.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u32> {
        [Some(self.live), self.building, self.previous].into_iter().flatten()
    }

    /// The number that a call means.
    pub(crate) fn resolve(self, version: Version) -> Result<u32, VersionFault> {
        match version {
            Version::Live => Ok(self.live),
            Version::Number(number) if self.numbers().any(|known| known == number) => Ok(number),
            Version::Number(number) => Err(VersionFault::Unknown(number)),
        }
    }

    /// Begins a version: the registry after it, and its number. An unfinished earlier one no longer resolves.
    pub(crate) fn begin(self) -> Result<(Self, u32), VersionFault> {
        let number = self.next;
        let next = number.checked_add(1).ok_or(VersionFault::Exhausted)?;
        Ok((Self { building: Some(number), next, ..self }, number))
    }

    /// Puts the version under construction in service; what was the previous one no longer resolves.
    pub(crate) fn promote(self) -> Result<Self, VersionFault> {
        let live = self.building.ok_or(VersionFault::Unknown(self.next))?;
        Ok(Self { live, building: None, previous: Some(self.live), ..self })
    }

    /// Drops a version that does not serve.
    pub(crate) fn drop_version(self, version: u32) -> Result<Self, VersionFault> {
        if version == self.live {
            return Err(VersionFault::Serves(version));
        }
        self.resolve(Version::Number(version))?;
        let keep = |number: Option<u32>| number.filter(|number| *number != version);
        Ok(Self { building: keep(self.building), previous: keep(self.previous), ..self })
    }

    /// Version 1, little-endian: format u8, live u32, building u32 (0 for none), previous u32 (0 for none), next u32. Persisted.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        for number in [self.live, self.building.unwrap_or(0), self.previous.unwrap_or(0), self.next] {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    /// Reads any format that was ever written; `None` for bytes that are none of ours.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let [FORMAT, numbers @ ..]: &[u8; FORMAT_BYTES] = bytes.try_into().ok()? else { return None };
        let (numbers, _) = numbers.as_chunks::<4>();
        let [live, building, previous, next] = *numbers else { return None };
        let some = |number: u32| (number != 0).then_some(number);
        Some(Self {
            live: some(u32::from_le_bytes(live))?,
            building: some(u32::from_le_bytes(building)),
            previous: some(u32::from_le_bytes(previous)),
            next: u32::from_le_bytes(next),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rebuild_swaps_and_keeps_one_version_back() {
        let (building, two) = Registry::default().begin().unwrap();
        assert_eq!((two, building.versions()), (2, Versions { live: 1, building: Some(2), previous: None }));
        let promoted = building.promote().unwrap();
        assert_eq!(promoted.versions(), Versions { live: 2, building: None, previous: Some(1) });
        let again = promoted.begin().unwrap().0.promote().unwrap();
        assert_eq!(again.versions(), Versions { live: 3, building: None, previous: Some(2) });
        assert!(again.resolve(Version::Number(1)).is_err());
    }

    #[test]
    fn numbers_are_never_used_twice() {
        let (begun, two) = Registry::default().begin().unwrap();
        let (_, three) = begun.drop_version(two).unwrap().begin().unwrap();
        let (restarted, four) = begun.begin().unwrap();
        assert_eq!((three, four), (3, 3));
        assert!(restarted.resolve(Version::Number(two)).is_err());
    }

    #[test]
    fn what_serves_cannot_be_dropped_and_nothing_cannot_be_promoted() {
        assert!(matches!(Registry::default().drop_version(1), Err(VersionFault::Serves(1))));
        assert!(matches!(Registry::default().drop_version(9), Err(VersionFault::Unknown(9))));
        assert!(matches!(Registry::default().promote(), Err(VersionFault::Unknown(2))));
    }

    #[test]
    fn version_1_reads_forever() {
        let registry = Registry { live: 7, building: Some(9), previous: None, next: 10 };
        assert_eq!(hex::encode(registry.encode()), include_str!("golden/registry.v1.hex").trim());
    }

    proptest! {
        #[test]
        fn registries_round_trip(live in 1..u32::MAX, building in proptest::option::of(1..u32::MAX), previous in proptest::option::of(1..u32::MAX), next in any::<u32>()) {
            let registry = Registry { live, building, previous, next };
            prop_assert_eq!(Registry::decode(&registry.encode()), Some(registry));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Registry::decode(&bytes);
        }
    }
}
