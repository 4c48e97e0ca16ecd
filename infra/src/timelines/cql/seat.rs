//! A seat: what is pushed to a reader who reads, down to where that is complete, and since when. Pure, with its bytes at rest.

use schemas::{AccountId, PostId, UnixMillis};

/// Version 1 had an epoch in the place of the shelf, and its blocks in a table that is no longer read.
const FORMAT: u8 = 2;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    /// Where its blocks lie; its audience rows name it.
    pub(super) shelf: i64,
    /// The number of resets that it was made under.
    pub(super) round: i64,
    /// When it was made.
    pub(super) made_ms: UnixMillis,
    /// Above this post the blocks have everything of the authors.
    pub(super) floor: PostId,
    /// Whose posts are pushed, in order.
    pub(super) authors: Vec<AccountId>,
}

impl Seat {
    /// Whether it may be used.
    pub(super) fn holds(&self, round: i64, now_ms: UnixMillis, life_ms: u64) -> bool {
        self.round == round && now_ms < self.made_ms.saturating_add(life_ms)
    }

    /// Whether the author's posts are pushed to it.
    pub(super) fn has(&self, author: AccountId) -> bool {
        self.authors.binary_search(&author).is_ok()
    }

    /// Version 2, little-endian: format u8, shelf i64, round i64, made u64, floor u64, then each author u64. Persisted.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend(self.shelf.to_le_bytes());
        bytes.extend(self.round.to_le_bytes());
        bytes.extend(self.made_ms.to_le_bytes());
        bytes.extend(self.floor.0.to_le_bytes());
        self.authors.iter().for_each(|author| bytes.extend(author.0.to_le_bytes()));
        bytes
    }

    /// Reads any version that was ever written; `None` for bytes that are none of ours. A seat of version 1 was made at no time: it holds no
    /// more, and its reader gets a new one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [format @ (1 | FORMAT), rest @ ..] = bytes else { return None };
        let ([shelf, round, made, floor, authors @ ..], []) = rest.as_chunks::<8>() else { return None };
        Some(Self {
            shelf: i64::from_le_bytes(*shelf),
            round: i64::from_le_bytes(*round),
            made_ms: if *format == FORMAT { u64::from_le_bytes(*made) } else { 0 },
            floor: PostId(u64::from_le_bytes(*floor)),
            authors: authors.iter().map(|author| AccountId(u64::from_le_bytes(*author))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seat() -> Seat {
        Seat { shelf: -2, round: 3, made_ms: 1_000, floor: PostId(258), authors: vec![AccountId(4), AccountId(9)] }
    }

    #[test]
    fn every_version_reads_forever() {
        assert_eq!(hex::encode(seat().encode()), include_str!("../golden/seat.v2.hex").trim());
        assert_eq!(Seat::decode(&seat().encode()), Some(seat()));
        let old = Seat::decode(&hex::decode(include_str!("../golden/seat.v1.hex").trim()).unwrap()).unwrap();
        assert_eq!(old, Seat { made_ms: 0, ..seat() });
        assert!(!old.holds(3, 1_000, 500));
    }

    #[test]
    fn a_seat_holds_for_its_life_and_round() {
        assert!(seat().holds(3, 1_499, 500) && seat().has(AccountId(9)) && !seat().has(AccountId(5)));
        assert!(!seat().holds(3, 1_500, 500) && !seat().holds(4, 1_000, 500));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _ = Seat::decode(&bytes);
        }
    }
}
