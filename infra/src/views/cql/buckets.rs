//! How partitions that could grow without bound are cut: by the first bits of the sort key, which keeps its order.
//!
//! ```text
//! bucket -1   the directory: one row per bucket that was ever written to, its number (u32 BE) as sort key
//! bucket 0    all rows of a key, in tables that have bounds of their own
//! bucket n    rows whose sort keys begin with n, in the other tables
//! ```
//!
//! Persisted: the bits of a table never change while it has rows.

use schemas::rows::{KeyPart, Table};

/// The bucket of the directory.
pub(super) const DIRECTORY: i32 = -1;
/// The bucket of tables that have one.
const ONLY: i32 = 0;
/// Bits of a snowflake that make ranges of 50 days; of text, two characters.
const BITS: u32 = 16;
/// Bits that make ranges of three days.
const FINE_BITS: u32 = 20;

/// By how many bits the rows of a key are cut; none where other bounds hold.
fn bits(table: Table) -> Option<u32> {
    match table {
        Table::Follower | Table::FollowerList | Table::RequestList | Table::BlockedBy => Some(BITS),
        Table::Reply | Table::Interaction | Table::FavouriteList | Table::BookmarkList => Some(BITS),
        Table::FavouritedBy | Table::RebloggedBy | Table::Mention => Some(BITS),
        Table::AuthorList | Table::Directory | Table::TagName => Some(BITS),
        Table::PublicList => Some(FINE_BITS),
        _ => None,
    }
}

/// Whether a key's rows stand in several buckets.
pub(super) fn is_cut(table: Table) -> bool {
    bits(table).is_some()
}

/// The bucket of a row.
pub(super) fn bucket_of(table: Table, sk: &[u8]) -> i32 {
    let Some(bits) = bits(table) else { return ONLY };
    let mut first = [0; 4];
    first.iter_mut().zip(sk).for_each(|(to, from)| *to = *from);
    // At most 20 bits are left: the number fits.
    (u32::from_be_bytes(first) >> (u32::BITS - bits)) as i32
}

/// The sort key of a bucket in the directory.
pub(super) fn directory_key(bucket: i32) -> [u8; 4] {
    bucket.to_be_bytes()
}

/// The bucket that a row of the directory names.
pub(super) fn named(sk: &[u8]) -> Option<i32> {
    sk.try_into().ok().map(i32::from_be_bytes)
}

/// The buckets that a scan may find rows in, first and last.
pub(super) fn reach(table: Table, above: Option<&KeyPart>, below: Option<&KeyPart>) -> (i32, i32) {
    (above.map_or(0, |sk| bucket_of(table, sk)), below.map_or(i32::MAX, |sk| bucket_of(table, sk)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::rows::keys;

    use super::*;

    #[test]
    fn ids_of_fifty_days_share_a_bucket() {
        let id = |ms: u64| keys::id(ms << 16);
        let first = bucket_of(Table::AuthorList, &id(0x19_0000_0000_u64));
        assert_eq!(bucket_of(Table::AuthorList, &id(0x19_ffff_ffff_u64)), first);
        assert_eq!(bucket_of(Table::AuthorList, &id(0x1a_0000_0000_u64)), first + 1);
        assert_eq!(bucket_of(Table::FolloweeList, &id(u64::MAX >> 16)), 0);
        assert_eq!(bucket_of(Table::TagName, &keys::text("a")), bucket_of(Table::TagName, b"a"));
    }

    proptest! {
        #[test]
        fn buckets_keep_the_order_of_sort_keys(one in proptest::collection::vec(any::<u8>(), 0..12), other in proptest::collection::vec(any::<u8>(), 0..12)) {
            for table in Table::ALL {
                prop_assert!(bucket_of(*table, &one).cmp(&bucket_of(*table, &other)) != one.cmp(&other).reverse() || one == other || bucket_of(*table, &one) == bucket_of(*table, &other));
                prop_assert!(bucket_of(*table, &one) > DIRECTORY);
                prop_assert_eq!(named(&directory_key(bucket_of(*table, &one))), Some(bucket_of(*table, &one)));
            }
        }
    }
}
