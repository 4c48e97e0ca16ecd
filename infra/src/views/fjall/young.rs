//! Rows that are surely not in the files: those of young posts of which nothing was written.
//!
//! What accounts do with posts, and what a post counts, is looked for more often than it is there, and most of it is about posts of the last
//! minutes. So the posts of all rows ever put are bounded by a number (`newest`, kept with the files), and rows of posts above such a bound
//! are noted in a filter from then on. A row of a post above the bound that is not noted was never put. Two filters take turns: when the
//! younger is full, it becomes the older, and what the former older one noted is looked for in the files again. No clock is asked, and ids need not grow.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;
use schemas::rows::{KeyPart, RowKey, Table, keys};

/// Rows that a filter notes.
const NOTED_MAX: usize = 1 << 20;
/// Bits for each of them: with [`PROBES`], one in some hundred others is taken for noted.
const BITS_PER_ROW: usize = 16;
/// Bits that a row sets, all in one word of [`WORD_BITS`].
const PROBES: u32 = 5;
const WORD_BITS: u32 = 64;
const PROBE_BITS: u32 = WORD_BITS.ilog2();

/// A row that is about a post.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfPost {
    post: u64,
    hash: u64,
}

impl OfPost {
    /// What the row of these parts is, if it is of a table that this is for.
    pub(super) fn new(table: Table, pk: &KeyPart, sk: &KeyPart) -> Option<Self> {
        let post = keys::post_of(table, pk, sk)?.0;
        Some(Self { post, hash: FxBuildHasher.hash_one((table as u8, pk.as_slice(), sk.as_slice())) })
    }

    /// The same, of a key.
    pub(super) fn of(key: &RowKey) -> Option<Self> {
        Self::new(key.table, &key.pk, &key.sk)
    }
}

/// A Bloom filter (Bloom 1970) whose bits for a row lie in one word; its memory is taken at the first row.
#[derive(Debug, Default)]
struct Filter {
    words: Vec<u64>,
    rows: usize,
}

impl Filter {
    fn place(hash: u64, words: usize) -> (usize, u64) {
        // The upper bits choose the word, the lower ones its bits.
        let word = ((u128::from(hash) * words as u128) >> u64::BITS) as usize;
        let mut mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bits = 0;
        for _ in 0..PROBES {
            bits |= 1 << (mixed & u64::from(WORD_BITS - 1));
            mixed >>= PROBE_BITS;
        }
        (word, bits)
    }

    fn note(&mut self, hash: u64, rows_max: usize) {
        if self.words.is_empty() {
            self.words = vec![0; (rows_max * BITS_PER_ROW).div_ceil(WORD_BITS as usize)];
        }
        let (word, bits) = Self::place(hash, self.words.len());
        if let Some(word) = self.words.get_mut(word) {
            *word |= bits;
        }
        self.rows += 1;
    }

    fn may_have(&self, hash: u64) -> bool {
        let (word, bits) = Self::place(hash, self.words.len());
        self.words.get(word).is_some_and(|word| word & bits == bits)
    }
}

/// What is known of the rows of one version of a view.
#[derive(Debug)]
pub(super) struct Young {
    rows_max: usize,
    /// No row ever put is of a post above.
    newest: u64,
    /// Rows of posts above the bound that were put since the filter was begun, the younger one first.
    younger: (u64, Filter),
    older: (u64, Filter),
}

impl Young {
    /// Knows nothing but that no row so far is of a post above `newest`.
    pub(super) fn new(newest: u64) -> Self {
        Self::with_room(newest, NOTED_MAX)
    }

    fn with_room(newest: u64, rows_max: usize) -> Self {
        Self { rows_max, newest, younger: (newest, Filter::default()), older: (newest, Filter::default()) }
    }

    /// The bound of all rows put so far.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// A row is put, or taken away.
    pub(super) fn put(&mut self, row: OfPost) {
        if row.post > self.older.0 {
            if self.younger.1.rows == self.rows_max {
                self.older = std::mem::replace(&mut self.younger, (self.newest, Filter::default()));
            }
            self.younger.1.note(row.hash, self.rows_max);
        }
        self.newest = self.newest.max(row.post);
    }

    /// Whether the row was surely never put.
    pub(super) fn rules_out(&self, row: OfPost) -> bool {
        row.post > self.older.0 && !self.younger.1.may_have(row.hash) && !self.older.1.may_have(row.hash)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use schemas::{AccountId, PostId};

    use super::*;

    fn row(account: u64, post: u64) -> OfPost {
        OfPost::of(&keys::interaction(AccountId(account), PostId(post))).unwrap()
    }

    #[test]
    fn only_rows_of_posts_are_noted() {
        assert!(OfPost::of(&keys::account(AccountId(1))).is_none());
        assert_eq!(row(7, 300).post, 300);
    }

    #[test]
    fn rows_of_young_posts_are_ruled_out_until_they_are_put() {
        let mut young = Young::new(100);
        assert!(!young.rules_out(row(1, 100)) && young.rules_out(row(1, 101)));
        young.put(row(1, 101));
        assert!(!young.rules_out(row(1, 101)) && young.rules_out(row(2, 101)));
        assert_eq!(young.newest(), 101);
    }

    #[test]
    fn few_others_are_taken_for_noted() {
        let mut young = Young::with_room(0, 10_000);
        (0..20_000).for_each(|n| young.put(row(n, n)));
        let looked_up = (0..20_000).filter(|n| !young.rules_out(row(*n, n + 1))).count();
        assert!(looked_up < 1_000, "{looked_up}");
    }

    proptest! {
        /// In whatever order posts come, and after whatever turns and restarts, a row that was put is never ruled out.
        #[test]
        fn what_was_put_is_never_ruled_out(steps in prop::collection::vec((0_u64..4, 0_u64..60, 0_u8..20), 0..300), room in 1_usize..20) {
            let (mut young, mut put) = (Young::with_room(0, room), BTreeSet::new());
            for (account, post, what) in steps {
                if what == 0 {
                    young = Young::with_room(young.newest(), room);
                }
                young.put(row(account, post));
                put.insert((account, post));
                for (account, post) in &put {
                    prop_assert!(!young.rules_out(row(*account, *post)), "{account} {post}");
                }
            }
        }
    }
}
