//! Sorted sets of small integers as delta-varints: follower lists of seats, and each reader's followees.
//!
//! ```text
//!   One  ─> [first][gap][gap]...                     up to 512 bytes: most lists
//!   Many ─> [(first, block), (first, block), ...]    each block as above: celebrities
//! ```
//!
//! A change rewrites one block of at most 512 bytes, which is as cheap as appending to a side buffer that must be merged later, and
//! leaves nothing to merge. A set is 16 bytes beside its blocks; an empty one allocates nothing.

/// A block that grows beyond this is split in two.
const BLOCK_BYTES_MAX: usize = 512;
/// What the allocator adds to a block, rounding included, on average: for the figures only.
const ALLOCATION_BYTES: usize = 16;

/// A sorted set of `u32`.
#[derive(Debug)]
pub(super) enum PackedSet {
    One(Box<[u8]>),
    #[expect(clippy::box_collection, reason = "keeps the set at 16 bytes, of which there is one per account and shard")]
    Many(Box<Vec<Block>>),
}

/// One of many blocks, never empty.
#[derive(Debug)]
pub(super) struct Block {
    first: u32,
    bytes: Box<[u8]>,
}

impl Default for PackedSet {
    fn default() -> Self {
        Self::One(Box::default())
    }
}

/// The values of one block, ascending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    bytes: &'a [u8],
    last: u32,
}

impl Iterator for Values<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let (&byte, mut rest) = self.bytes.split_first()?;
        let mut gap = u32::from(byte & 0x7f);
        let mut more = byte & 0x80 != 0;
        let mut shift = 7;
        while more {
            let (&byte, tail) = rest.split_first()?;
            gap |= u32::from(byte & 0x7f) << shift;
            more = byte & 0x80 != 0 && shift < 28;
            shift += 7;
            rest = tail;
        }
        self.bytes = rest;
        self.last += gap;
        Some(self.last)
    }
}

impl Values<'_> {
    /// Goes past values below `value`, a word of bytes at a time: all of them but the last few, and those with gaps of three bytes or more.
    #[inline]
    fn skip_below(&mut self, value: u32) {
        while let Some((word, _)) = self.bytes.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let goes_on = (word >> 7) & EACH_BYTE;
            let is_second = goes_on << 8;
            if goes_on & is_second != 0 {
                return;
            }
            // A gap that goes on behind the word is left to the next one.
            let is_cut = word >> 63;
            let payloads = word & (0x7f * EACH_BYTE) & (u64::MAX >> (8 * is_cut));
            let seconds = payloads & (is_second * 0xff);
            let gaps = sum_of_bytes(payloads ^ seconds) + (sum_of_bytes(seconds) << 7);
            let bytes = self.bytes.get(8 - is_cut as usize..).unwrap_or_default();
            match u32::try_from(u64::from(self.last) + gaps) {
                Ok(last) if last < value => (self.bytes, self.last) = (bytes, last),
                _ => return,
            }
        }
    }
}

/// One in each byte.
const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

/// The sum of eight bytes below 128.
fn sum_of_bytes(word: u64) -> u64 {
    const EACH_PAIR: u64 = 0x0001_0001_0001_0001;
    let pairs = (word & (0xff * EACH_PAIR)) + ((word >> 8) & (0xff * EACH_PAIR));
    pairs.wrapping_mul(EACH_PAIR) >> 48
}

fn values(bytes: &[u8]) -> Values<'_> {
    Values { bytes, last: 0 }
}

fn put(bytes: &mut Vec<u8>, mut gap: u32) {
    while gap >= 0x80 {
        bytes.push(gap as u8 | 0x80);
        gap >>= 7;
    }
    bytes.push(gap as u8);
}

/// Bytes that a gap takes.
fn width(gap: u32) -> usize {
    (u32::BITS - (gap | 1).leading_zeros()).div_ceil(7) as usize
}

/// Where a value stands, or would, in a block.
struct Spot<'a> {
    /// Everything before it.
    before: &'a [u8],
    /// The value before it; zero where there is none.
    last: u32,
    /// The first value that is not less, and the bytes behind it.
    next: Option<(u32, &'a [u8])>,
}

fn find(bytes: &[u8], value: u32) -> Spot<'_> {
    let mut walk = values(bytes);
    loop {
        walk.skip_below(value);
        let (rest, last) = (walk.bytes.len(), walk.last);
        let next = walk.next().filter(|next| *next >= value).map(|next| (next, walk.bytes));
        if next.is_some() || rest == 0 {
            let before = bytes.split_at_checked(bytes.len() - rest).map_or(bytes, |(before, _)| before);
            return Spot { before, last, next };
        }
    }
}

/// The block with the value in it; `None` where it is already.
fn with(bytes: &[u8], value: u32) -> Option<Box<[u8]>> {
    let spot = find(bytes, value);
    let gap = value - spot.last;
    let (behind, rest) = match spot.next {
        Some((next, _)) if next == value => return None,
        Some((next, rest)) => (Some(next - value), rest),
        None => (None, [].as_slice()),
    };
    Some(splice(spot.before, [Some(gap), behind], rest))
}

/// The block without the value; `None` where it is not there.
fn without(bytes: &[u8], value: u32) -> Option<Box<[u8]>> {
    let spot = find(bytes, value);
    let (_, rest) = spot.next.filter(|(found, _)| *found == value)?;
    let mut after = Values { bytes: rest, last: value };
    let over = after.next().map(|next| next - spot.last);
    Some(splice(spot.before, [None, over], after.bytes))
}

/// Bytes with gaps between them, allocated once and exactly.
fn splice(before: &[u8], gaps: [Option<u32>; 2], after: &[u8]) -> Box<[u8]> {
    let widths: usize = gaps.iter().flatten().map(|gap| width(*gap)).sum();
    let mut new = Vec::with_capacity(before.len() + widths + after.len());
    new.extend_from_slice(before);
    for gap in gaps.into_iter().flatten() {
        put(&mut new, gap);
    }
    new.extend_from_slice(after);
    new.into_boxed_slice()
}

fn pack(sorted: impl Iterator<Item = u32>) -> Box<[u8]> {
    let (mut bytes, mut last) = (Vec::new(), 0);
    for value in sorted {
        put(&mut bytes, value - last);
        last = value;
    }
    bytes.into_boxed_slice()
}

/// Both halves of a block that has grown too large.
fn halves(bytes: &[u8]) -> [Block; 2] {
    let all: Vec<u32> = values(bytes).collect();
    let (low, high) = all.split_at(all.len() / 2);
    [low, high].map(|half| Block { first: half.first().copied().unwrap_or_default(), bytes: pack(half.iter().copied()) })
}

impl PackedSet {
    /// Packs values that ascend.
    pub(super) fn from_sorted(sorted: &[u32]) -> Self {
        // A quarter of the bytes in values: gaps take four bytes at the most in all but the first place.
        let mut blocks: Vec<Block> = Vec::new();
        for part in sorted.chunks(BLOCK_BYTES_MAX / 4) {
            blocks.push(Block { first: part.first().copied().unwrap_or_default(), bytes: pack(part.iter().copied()) });
        }
        let mut set = Self::Many(Box::new(blocks));
        set.settle();
        set
    }

    /// Adds a value; says whether it is new.
    pub(super) fn insert(&mut self, value: u32) -> bool {
        match self {
            Self::One(bytes) => {
                let Some(new) = with(bytes, value) else { return false };
                *self = if new.len() > BLOCK_BYTES_MAX { Self::Many(Box::new(halves(&new).into())) } else { Self::One(new) };
            }
            Self::Many(blocks) => {
                let at = blocks.partition_point(|block| block.first <= value).saturating_sub(1);
                let Some(block) = blocks.get_mut(at) else { return false };
                let Some(new) = with(&block.bytes, value) else { return false };
                if new.len() > BLOCK_BYTES_MAX {
                    blocks.splice(at..=at, halves(&new));
                } else {
                    *block = Block { first: block.first.min(value), bytes: new };
                }
            }
        }
        true
    }

    /// Takes a value out; says whether it was there.
    pub(super) fn remove(&mut self, value: u32) -> bool {
        match self {
            Self::One(bytes) => {
                let Some(new) = without(bytes, value) else { return false };
                *bytes = new;
            }
            Self::Many(blocks) => {
                let at = blocks.partition_point(|block| block.first <= value).saturating_sub(1);
                let Some(block) = blocks.get_mut(at) else { return false };
                let Some(new) = without(&block.bytes, value) else { return false };
                match values(&new).next() {
                    Some(first) => *block = Block { first, bytes: new },
                    None => drop(blocks.remove(at)),
                }
                join(blocks, at);
                self.settle();
            }
        }
        true
    }

    /// Goes back to one block where one is left.
    fn settle(&mut self) {
        if let Self::Many(blocks) = self
            && blocks.len() < 2
        {
            *self = Self::One(blocks.pop().map(|block| block.bytes).unwrap_or_default());
        }
    }

    /// The blocks that may hold values from `from` on, in order; the first may begin with lower ones.
    pub(super) fn blocks_from(&self, from: u32) -> impl Iterator<Item = Values<'_>> {
        let (one, many): (&[u8], &[Block]) = match self {
            Self::One(bytes) => (bytes, &[]),
            Self::Many(blocks) => {
                let at = blocks.partition_point(|block| block.first <= from).saturating_sub(1);
                (&[], blocks.get(at..).unwrap_or_default())
            }
        };
        let many = many.iter().map(|block| values(&block.bytes));
        std::iter::once(values(one)).filter(|one| !one.bytes.is_empty()).chain(many)
    }

    /// All values, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.blocks_from(0).flatten()
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::One(bytes) if bytes.is_empty())
    }

    /// Bytes held beside the set itself, the allocator's share included.
    pub(super) fn heap_bytes(&self) -> usize {
        let block = |bytes: &[u8]| if bytes.is_empty() { 0 } else { bytes.len() + ALLOCATION_BYTES };
        match self {
            Self::One(bytes) => block(bytes),
            Self::Many(blocks) => {
                let index = size_of::<Vec<Block>>() + blocks.capacity() * size_of::<Block>() + 2 * ALLOCATION_BYTES;
                index + blocks.iter().map(|each| block(&each.bytes)).sum::<usize>()
            }
        }
    }
}

/// Joins a block with the one behind it where both together fill half a block.
fn join(blocks: &mut Vec<Block>, at: usize) {
    let (Some(one), Some(other)) = (blocks.get(at), blocks.get(at + 1)) else { return };
    if one.bytes.len() + other.bytes.len() <= BLOCK_BYTES_MAX / 2 {
        let joined = Block { first: one.first, bytes: pack(values(&one.bytes).chain(values(&other.bytes))) };
        blocks.splice(at..=at + 1, [joined]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(set: &PackedSet, model: &BTreeSet<u32>) {
        assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
        assert_eq!(set.is_empty(), model.is_empty());
    }

    proptest! {
        #[test]
        fn equals_a_set(ops in prop::collection::vec((any::<bool>(), prop_oneof![0..40_u32, 0..3_000_u32, any::<u32>()]), 0..300)) {
            let (mut set, mut model) = (PackedSet::default(), BTreeSet::new());
            for (add, value) in ops {
                if add {
                    prop_assert_eq!(set.insert(value), model.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), model.remove(&value));
                }
                check(&set, &model);
            }
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn large_sets_split_join_and_walk_from_anywhere(
            seed in any::<u32>(),
            from in 0..70_000_u32,
            // Gaps of a byte, of one or two, of two or three.
            span in prop::sample::select(vec![70_000_u32, 500_000, 60_000_000]),
        ) {
            let all: BTreeSet<u32> = (0..4_000_u32).map(|n| n.wrapping_mul(seed | 1) % span).collect();
            let (mut set, mut model) = (PackedSet::default(), BTreeSet::new());
            for value in &all {
                set.insert(*value);
                model.insert(*value);
            }
            check(&set, &model);
            let packed = PackedSet::from_sorted(&all.iter().copied().collect::<Vec<_>>());
            check(&packed, &model);
            let walked: Vec<u32> = set.blocks_from(from).flatten().filter(|value| *value >= from).collect();
            prop_assert_eq!(walked, model.range(from..).copied().collect::<Vec<_>>());
            for value in all.iter().filter(|value| *value % 11 != 0) {
                prop_assert!(set.remove(*value));
                model.remove(value);
            }
            check(&set, &model);
            for value in all {
                set.remove(value);
            }
            check(&set, &BTreeSet::new());
            prop_assert_eq!(set.heap_bytes(), 0);
        }
    }

    #[test]
    fn a_set_is_two_words() {
        assert_eq!(size_of::<PackedSet>(), 16);
    }
}
