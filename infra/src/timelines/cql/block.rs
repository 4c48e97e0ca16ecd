//! Blocks: the entries that one delivery brought to one reader in one window of ids, and their bytes at rest. Pure.

use schemas::{AccountId, PostId};
use sha2::{Digest, Sha256};

use crate::timelines::Entry;

/// Entries of a block at the most.
pub(super) const ENTRIES_MAX: usize = 512;
const FORMAT: u8 = 2;
const ENTRY_BYTES: usize = 20;
/// The bit of a post's id that says that the entry takes it away: ids are below 2^63.
const REMOVED: u64 = 1 << 63;
/// The bit of the flags that said so in version 1, where it overwrote a bit of the hint of a reblog's original.
const REMOVED_V1: u32 = 1 << 31;
/// The flags of which version 1 can be believed: those below the hint.
const FLAGS_V1: u32 = 0xFFFF;

/// Something delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) entry: Entry,
    /// Whether the post is taken away.
    pub(super) removed: bool,
}

/// The window of ids that a post falls into.
pub(super) fn window_of(post: PostId, bits: u32) -> i64 {
    // Ids are below 2^63.
    (post.0 >> bits) as i64
}

/// Version 2, little-endian: format u8, then per entry post u64 (the highest bit: taken away), author u64, flags u32. Persisted.
pub(super) fn encode(items: impl ExactSizeIterator<Item = Item>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + items.len() * ENTRY_BYTES);
    bytes.push(FORMAT);
    for item in items {
        let post = item.entry.post.0 & !REMOVED | if item.removed { REMOVED } else { 0 };
        bytes.extend(post.to_le_bytes());
        bytes.extend(item.entry.author.0.to_le_bytes());
        bytes.extend(item.entry.flags.to_le_bytes());
    }
    bytes
}

/// Reads any version that was ever written; `None` for bytes that are none of ours.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Item>> {
    let [format @ (1 | FORMAT), rest @ ..] = bytes else { return None };
    let (entries, []) = rest.as_chunks::<ENTRY_BYTES>() else { return None };
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        let (post, rest) = entry.split_first_chunk::<8>()?;
        let (author, flags) = rest.split_first_chunk::<8>()?;
        let (post, flags) = (u64::from_le_bytes(*post), u32::from_le_bytes(flags.try_into().ok()?));
        let (removed, flags) = match *format {
            1 => (flags & REMOVED_V1 != 0, flags & FLAGS_V1),
            _ => (post & REMOVED != 0, flags),
        };
        let entry = Entry { post: PostId(post & !REMOVED), author: AccountId(u64::from_le_bytes(*author)), flags };
        items.push(Item { entry, removed });
    }
    Some(items)
}

/// Names a block by its bytes, so that the same delivery repeated is the same row. Never negative.
pub(super) fn digest(bytes: &[u8]) -> i64 {
    let hash = Sha256::digest(bytes);
    let first = hash.first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first));
    (first >> 1) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(post: u64, removed: bool) -> Item {
        Item { entry: Entry { post: PostId(post), author: AccountId(7), flags: 5 }, removed }
    }

    #[test]
    fn every_version_reads_forever() {
        let items = vec![item(258, false), item(3, true)];
        let bytes = encode(items.iter().copied());
        assert_eq!(hex::encode(&bytes), include_str!("../golden/block.v2.hex").trim());
        assert_eq!(decode(&bytes), Some(items.clone()));
        assert_eq!(decode(&hex::decode(include_str!("../golden/block.v1.hex").trim()).unwrap()), Some(items));
        assert_eq!(decode(&bytes[..30]), None);
        assert_eq!(digest(&bytes), digest(&bytes.clone()));
    }

    proptest! {
        #[test]
        fn blocks_round_trip(items in proptest::collection::vec((0..REMOVED, any::<u64>(), any::<u32>(), any::<bool>()), 0..40)) {
            let item = |(post, author, flags, removed)| Item { entry: Entry { post: PostId(post), author: AccountId(author), flags }, removed };
            let items: Vec<Item> = items.into_iter().map(item).collect();
            prop_assert_eq!(decode(&encode(items.iter().copied())), Some(items));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _ = decode(&bytes);
            prop_assert!(digest(&bytes) >= 0);
        }
    }
}
