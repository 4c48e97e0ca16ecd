//! A seat: what is pushed to a reader who reads, down to where that is complete, and since when. Pure, with its bytes at rest.

use schemas::{AccountId, PostId, UnixMillis};

const FORMAT: u8 = 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    /// Names the seat: its audience rows and blocks bear it. Random.
    pub(super) epoch: i64,
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

    /// Version 1, little-endian: format u8, epoch i64, round i64, made u64, floor u64, then each author u64. Persisted.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend(self.epoch.to_le_bytes());
        bytes.extend(self.round.to_le_bytes());
        bytes.extend(self.made_ms.to_le_bytes());
        bytes.extend(self.floor.0.to_le_bytes());
        self.authors.iter().for_each(|author| bytes.extend(author.0.to_le_bytes()));
        bytes
    }

    /// Reads any version that was ever written; `None` for bytes that are none of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [FORMAT, rest @ ..] = bytes else { return None };
        let ([epoch, round, made, floor, authors @ ..], []) = rest.as_chunks::<8>() else { return None };
        Some(Self {
            epoch: i64::from_le_bytes(*epoch),
            round: i64::from_le_bytes(*round),
            made_ms: u64::from_le_bytes(*made),
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
        Seat { epoch: -2, round: 3, made_ms: 1_000, floor: PostId(258), authors: vec![AccountId(4), AccountId(9)] }
    }

    #[test]
    fn version_1_reads_forever() {
        assert_eq!(hex::encode(seat().encode()), include_str!("../golden/seat.v1.hex").trim());
        assert_eq!(Seat::decode(&seat().encode()), Some(seat()));
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
