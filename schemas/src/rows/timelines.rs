//! Rows of the timelines view.

use serde::{Deserialize, Serialize};

use crate::events::Visibility;
use crate::ids::{AccountId, PostId};
use crate::log::Offset;

/// An entry of an author, public or tag timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// Who posted or reblogged.
    pub author: AccountId,
    /// See [`entry_flags`].
    pub flags: u32,
}

/// What an entry's flags say without its post: enough to skip it. Persisted.
pub mod entry_flags {
    use super::{PostId, Visibility};

    /// A reblog.
    pub const REBLOG: u32 = 1;
    /// An answer to somebody else.
    pub const REPLY: u32 = 1 << 1;
    /// An answer to oneself.
    pub const SELF_REPLY: u32 = 1 << 2;
    /// Has media.
    pub const MEDIA: u32 = 1 << 3;
    const VISIBILITY_SHIFT: u32 = 4;
    const HINT_SHIFT: u32 = 16;

    /// The bits of a visibility.
    pub const fn of_visibility(visibility: Visibility) -> u32 {
        (visibility as u32) << VISIBILITY_SHIFT
    }

    /// The visibility in the bits.
    pub const fn visibility(flags: u32) -> Visibility {
        match (flags >> VISIBILITY_SHIFT) & 3 {
            0 => Visibility::Public,
            1 => Visibility::Unlisted,
            2 => Visibility::Private,
            _ => Visibility::Direct,
        }
    }

    /// What a reblog's entry tells of its original: 15 mixed bits of the id and a one, so that most others are told apart without a look
    /// at the reblog. The mix is Fibonacci hashing: the id times 2^64 over the golden ratio, its upper bits.
    pub const fn hint_of(original: PostId) -> u16 {
        (original.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16 | 1
    }

    /// The bits of a reblog's original.
    pub const fn of_original(original: PostId) -> u32 {
        (hint_of(original) as u32) << HINT_SHIFT
    }

    /// The hint in the bits; 0 where there is none: not a reblog, or written before there were hints.
    pub const fn hint(flags: u32) -> u16 {
        (flags >> HINT_SHIFT) as u16
    }
}

/// The tags of a post. Source: its author's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsRow {
    /// Normalised.
    pub tags: Vec<String>,
}

/// A source partition's share of a tag's use on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct TagUseRow {
    /// Posts.
    pub uses: u64,
    /// Accounts, each counted once per partition and day while it stays among the last seen.
    pub accounts: u64,
    /// The accounts last seen, for the count above; bounded.
    pub recent: Vec<AccountId>,
    /// The last offset counted, plus 1.
    pub last: Offset,
}
