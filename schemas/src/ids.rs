//! Typed 64-bit ids, ordered by time, and the rule that maps an account to its partition.
//!
//! Layout, most significant bit first (docs/decisions/0002-id-layout.md); Mastodon clients rely on the upper part, for they
//! turn dates into ids by `ms << 16`:
//!
//! ```text
//!  63                              16 15         8 7          0
//! ┌──────────────────────────────────┬────────────┬────────────┐
//! │ milliseconds since 1970, 48 bits │ partition  │ counter    │
//! └──────────────────────────────────┴────────────┴────────────┘
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type UnixMillis = u64;

/// The largest number of partitions of a log generation: ids have eight bits for it.
pub const PARTITIONS_MAX: u16 = 256;

/// A partition of the current log generation, `0..partitions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a decimal number below 2^63")]
pub struct BadId;

/// What all ids share: 64 bits that sort by the time of their making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Snowflake(pub u64);

impl Snowflake {
    /// Puts an id together from its three parts.
    pub const fn new(ms: UnixMillis, partition: PartitionId, counter: u8) -> Self {
        Self((ms << 16) | ((partition.0 as u64 & 0xff) << 8) | counter as u64)
    }

    /// The smallest id of a millisecond: what a client computes to page by date.
    pub const fn floor_of(ms: UnixMillis) -> Self {
        Self(ms << 16)
    }

    /// When the id was made, in milliseconds since 1970.
    pub const fn ms(self) -> UnixMillis {
        self.0 >> 16
    }

    /// The partition that made the id.
    pub const fn partition(self) -> PartitionId {
        PartitionId(((self.0 >> 8) & 0xff) as u16)
    }
}

/// Declares an id newtype: decimal text outside, a transparent integer inside.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The id with its time, partition and counter readable.
            pub const fn snowflake(self) -> Snowflake {
                Snowflake(self.0)
            }
        }

        impl From<Snowflake> for $name {
            fn from(id: Snowflake) -> Self {
                Self(id.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // Avro's `long` is signed: ids above it do not exist.
                text.parse::<i64>().ok().and_then(|id| u64::try_from(id).ok()).map(Self).ok_or(BadId)
            }
        }
    };
}

id! {
    /// An account; also the key of its stream.
    AccountId
}
id! {
    /// A post or a reblog; names its author's partition.
    PostId
}
id! {
    /// An OAuth application; also the key of its stream.
    AppId
}
id! {
    /// One making of a relation (a follow, block, mute, favourite, bookmark, pin): its cursor in lists and, for follows, its name
    /// on both sides of the handshake.
    RelationId
}

impl AccountId {
    /// The partition of the account's stream in a generation of `partitions`.
    pub fn partition(self, partitions: u16) -> PartitionId {
        partition_of(self.0, partitions)
    }
}

impl AppId {
    /// The partition of the application's stream in a generation of `partitions`.
    pub fn partition(self, partitions: u16) -> PartitionId {
        partition_of(self.0, partitions)
    }
}

impl PostId {
    /// The partition of the author's stream: the id says it.
    pub const fn partition(self) -> PartitionId {
        self.snowflake().partition()
    }
}

/// Maps a 64-bit stream key to its partition: SplitMix64's finaliser, then a multiply-shift range reduction.
///
/// Source of the mixer: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014). Persisted: never change it
/// within a log generation.
pub fn partition_of(key: u64, partitions: u16) -> PartitionId {
    let mut x = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    PartitionId(((u128::from(x) * u128::from(partitions)) >> 64) as u16)
}

/// Maps a text key (a normalised handle) to its partition: FNV-1a 64, then [`partition_of`]. Persisted, like it.
pub fn partition_of_text(key: &str, partitions: u16) -> PartitionId {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    partition_of(hash, partitions)
}

/// Makes ids of one partition, strictly increasing, from the time it is told.
///
/// After 256 ids in a millisecond it runs ahead of the clock rather than wait or repeat; a clock that steps back does not take it back.
#[derive(Debug, Clone)]
pub struct IdMaker {
    partition: PartitionId,
    last: u64,
}

impl IdMaker {
    /// Starts after `last`, the newest id that this partition is known to have made (0 for none).
    pub fn after(partition: PartitionId, last: u64) -> Self {
        Self { partition, last }
    }

    /// The next id, at `now` or as little after it as uniqueness asks.
    pub fn next(&mut self, now: UnixMillis) -> Snowflake {
        let last = Snowflake(self.last);
        let id = if now > last.ms() {
            Snowflake::new(now, self.partition, 0)
        } else if self.last & 0xff < 0xff {
            Snowflake::new(last.ms(), self.partition, (self.last & 0xff) as u8 + 1)
        } else {
            Snowflake::new(last.ms() + 1, self.partition, 0)
        };
        self.last = id.0;
        id
    }

    /// Never makes ids at or below `seen` from here on.
    pub fn observe(&mut self, seen: Snowflake) {
        self.last = self.last.max(seen.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let id = Snowflake::new(1_700_000_000_123, PartitionId(200), 7);
        assert_eq!((id.ms(), id.partition(), id.0 & 0xff), (1_700_000_000_123, PartitionId(200), 7));
    }

    #[test]
    fn ids_increase_through_bursts_and_clock_steps() {
        let mut maker = IdMaker::after(PartitionId(3), 0);
        let mut last = Snowflake(0);
        for step in 0..2_000_u64 {
            let id = maker.next(1_000_000 + step / 700 - (step % 13));
            assert!(id > last, "{id:?} after {last:?}");
            assert_eq!(id.partition(), PartitionId(3));
            last = id;
        }
    }

    #[test]
    fn partitions_are_stable_and_even() {
        // Persisted: these values must never change.
        assert_eq!([1_u64, 2, 3, 1 << 40].map(|key| partition_of(key, 8).0), [4, 4, 0, 0]);
        let mut seen = [0_u32; 8];
        for key in 0..8_000 {
            seen[usize::from(partition_of(key, 8).0)] += 1;
        }
        assert!(seen.iter().all(|count| (900..1_100).contains(count)), "{seen:?}");
    }

    #[test]
    fn ids_beyond_avro_long_are_refused() {
        assert!("9223372036854775808".parse::<PostId>().is_err());
        assert_eq!("12".parse::<PostId>().ok(), Some(PostId(12)));
    }
}
