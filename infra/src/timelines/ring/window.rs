//! A fixed window over the newest entries of a list: entries in id order in circular storage, and a floor above which nothing is missing.
//!
//! Rings and cached author lists are both windows. The storage belongs to the caller, so that rings may share slabs.
//!
//! Completeness: every entry with an id above [`floor`] that was pushed and not removed is in the window. A full window's floor is just
//! below its oldest entry, for that is all that overwriting could have lost; the stored floor remembers more only where entries go away
//! without being overwritten. So the common push touches the head and one slot, nothing else.

/// An entry at rest: 16 bytes. Ids start at one; zero stands for "before every post".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Slot {
    pub(super) post: u64,
    /// The interned author.
    pub(super) author: u32,
    pub(super) flags: u32,
}

/// Whether a ring takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// No reader owns it.
    #[default]
    Free,
    /// Subscribed or about to be, and being filled: takes deliveries, cannot be read.
    Loading,
    /// Complete above its floor.
    Ready,
    /// Subscribed, but takes no deliveries and holds nothing valid: it overran, its next read fills it again.
    Paused,
}

/// What a delivery must know of a window: 16 bytes, four to a cache line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    /// No entry is newer; stays when the newest one is removed.
    pub(super) high: u64,
    start: u16,
    len: u16,
    /// Deliveries since the last read.
    pub(super) unread: u16,
    /// The reader's class (`rates`).
    pub(super) class: u8,
    pub(super) state: State,
}

impl Head {
    /// A ring that is taken but holds nothing yet.
    pub(super) fn paused() -> Self {
        Self { state: State::Paused, ..Self::default() }
    }

    /// Forgets all entries.
    pub(super) fn clear(&mut self) {
        (self.high, self.start, self.len, self.unread) = (0, 0, 0, 0);
    }

    /// Says whether deliveries are written.
    #[inline]
    pub(super) fn receives(self) -> bool {
        matches!(self.state, State::Ready | State::Loading)
    }

    pub(super) fn len(self) -> usize {
        usize::from(self.len)
    }
}

/// Where the `nth` oldest entry lies. Storage lengths are powers of two.
fn at(head: &Head, slots: &[Slot], nth: usize) -> usize {
    (usize::from(head.start) + nth) & (slots.len() - 1)
}

fn nth(head: &Head, slots: &[Slot], n: usize) -> Slot {
    slots.get(at(head, slots, n)).copied().unwrap_or_default()
}

fn set(head: &Head, slots: &mut [Slot], n: usize, slot: Slot) {
    let place = at(head, slots, n);
    if let Some(old) = slots.get_mut(place) {
        *old = slot;
    }
}

/// Entries from the newest end that are compared one by one: late arrivals are late by little, and their neighbours are in cache.
const NEAR_END: usize = 24;

/// How many entries are older than the post, looked for from the newest end.
fn rank_near_end(head: &Head, slots: &[Slot], post: u64) -> usize {
    let len = head.len();
    for n in (len.saturating_sub(NEAR_END)..len).rev() {
        if nth(head, slots, n).post < post {
            return n + 1;
        }
    }
    if len <= NEAR_END { 0 } else { rank(head, slots, post) }
}

/// How many entries are older than the post.
fn rank(head: &Head, slots: &[Slot], post: u64) -> usize {
    let (mut low, mut high) = (0, head.len());
    while low < high {
        let middle = low.midpoint(high);
        if nth(head, slots, middle).post < post {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Writes an entry that is newer than all; false where it is not, then [`insert`] must place it.
#[inline]
pub(super) fn append(head: &mut Head, slots: &mut [Slot], slot: Slot) -> bool {
    if slot.post <= head.high {
        return false;
    }
    let full = head.len() == slots.len();
    set(head, slots, head.len(), slot);
    if full {
        head.start = at(head, slots, 1) as u16;
    } else {
        head.len += 1;
    }
    head.high = slot.post;
    true
}

/// Places an entry that may be late: in id order, once; one that is there takes the new flags. What the floor covers is dropped.
pub(super) fn insert(head: &mut Head, slots: &mut [Slot], floor: u64, slot: Slot) {
    if slot.post <= floor || append(head, slots, slot) {
        return;
    }
    let mut rank = rank_near_end(head, slots, slot.post);
    if rank < head.len() && nth(head, slots, rank).post == slot.post {
        set(head, slots, rank, slot);
        return;
    }
    if head.len() == slots.len() {
        if rank == 0 {
            return;
        }
        head.start = at(head, slots, 1) as u16;
        head.len -= 1;
        rank -= 1;
    }
    for n in (rank..head.len()).rev() {
        set(head, slots, n + 1, nth(head, slots, n));
    }
    set(head, slots, rank, slot);
    head.len += 1;
}

/// The oldest entry's post; 0 where there is none.
pub(super) fn oldest(head: &Head, slots: &[Slot]) -> u64 {
    if head.len() == 0 { 0 } else { nth(head, slots, 0).post }
}

/// The id above which nothing is missing, given what is stored of it.
pub(super) fn floor(head: &Head, slots: &[Slot], stored: u64) -> u64 {
    if head.len() == slots.len() { stored.max(nth(head, slots, 0).post.saturating_sub(1)) } else { stored }
}

/// Says whether the post is in the window.
pub(super) fn contains(head: &Head, slots: &[Slot], post: u64) -> bool {
    let rank = rank(head, slots, post);
    rank < head.len() && nth(head, slots, rank).post == post
}

/// Takes entries out, keeping the stored floor true.
pub(super) fn retain(head: &mut Head, slots: &mut [Slot], stored: &mut u64, keep: impl Fn(Slot) -> bool) {
    *stored = floor(head, slots, *stored);
    let mut kept = 0;
    for n in 0..head.len() {
        let slot = nth(head, slots, n);
        if keep(slot) {
            set(head, slots, kept, slot);
            kept += 1;
        }
    }
    head.len = kept as u16;
}

/// Takes one post out, keeping the stored floor true.
pub(super) fn remove(head: &mut Head, slots: &mut [Slot], stored: &mut u64, post: u64) {
    if !contains(head, slots, post) {
        return;
    }
    *stored = floor(head, slots, *stored);
    for n in rank(head, slots, post)..head.len() - 1 {
        set(head, slots, n, nth(head, slots, n + 1));
    }
    head.len -= 1;
}

/// Ids between two exclusive bounds, as many as `limit` from one end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) above: u64,
    pub(super) below: u64,
    pub(super) ascending: bool,
    pub(super) limit: usize,
}

/// The entries of a range, in its order.
pub(super) fn read(head: &Head, slots: &[Slot], range: Range) -> Vec<Slot> {
    let first = rank(head, slots, range.above.saturating_add(1));
    let end = rank(head, slots, range.below).max(first);
    let count = (end - first).min(range.limit);
    let mut found = Vec::with_capacity(count);
    for n in 0..count {
        found.push(nth(head, slots, if range.ascending { first + n } else { end - 1 - n }));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const SLOTS: usize = 8;

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u64, u32),
        Remove(u64),
        RetainNotAuthor(u32),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (1..60_u64, 0..4_u32).prop_map(|(post, author)| Op::Insert(post, author)),
            2 => (1..60_u64).prop_map(Op::Remove),
            1 => (0..4_u32).prop_map(Op::RetainNotAuthor),
        ]
    }

    proptest! {
        /// Above its floor a window holds what a map holds; it is sorted, and its floor rises only where it must or may.
        #[test]
        fn equals_a_map_above_the_floor(ops in prop::collection::vec(op(), 0..200)) {
            let (mut head, mut slots, mut stored) = (Head::default(), vec![Slot::default(); SLOTS], 0);
            let mut model = BTreeMap::new();
            for op in ops {
                let before = floor(&head, &slots, stored);
                match op {
                    Op::Insert(post, author) => {
                        let slot = Slot { post, author, flags: author };
                        insert(&mut head, &mut slots, before, slot);
                        model.insert(post, slot);
                    }
                    Op::Remove(post) => {
                        remove(&mut head, &mut slots, &mut stored, post);
                        model.remove(&post);
                    }
                    Op::RetainNotAuthor(author) => {
                        retain(&mut head, &mut slots, &mut stored, |slot| slot.author != author);
                        model.retain(|_, slot: &mut Slot| slot.author != author);
                    }
                }
                let floor = floor(&head, &slots, stored);
                prop_assert!(floor >= before);
                let all = Range { above: floor, below: u64::MAX, ascending: true, limit: usize::MAX };
                let wanted: Vec<Slot> = model.range(floor + 1..).map(|(_, slot)| *slot).collect();
                prop_assert_eq!(read(&head, &slots, all), wanted.clone());
                let page = Range { above: floor.max(10), below: 50, ascending: false, limit: 3 };
                let wanted: Vec<Slot> = wanted.into_iter().rev().filter(|slot| slot.post > page.above && slot.post < 50).take(3).collect();
                prop_assert_eq!(read(&head, &slots, page), wanted);
            }
        }
    }

    #[test]
    fn sizes_are_what_the_memory_targets_rest_on() {
        assert_eq!((size_of::<Slot>(), size_of::<Head>()), (16, 16));
    }

    #[test]
    fn a_window_that_never_overflowed_keeps_floor_zero() {
        let (mut head, mut slots) = (Head::default(), vec![Slot::default(); SLOTS]);
        for post in 1..SLOTS as u64 {
            insert(&mut head, &mut slots, 0, Slot { post, ..Slot::default() });
        }
        assert_eq!(floor(&head, &slots, 0), 0);
        insert(&mut head, &mut slots, 0, Slot { post: 90, ..Slot::default() });
        insert(&mut head, &mut slots, 0, Slot { post: 80, ..Slot::default() });
        assert_eq!((floor(&head, &slots, 0), head.len()), (1, SLOTS));
    }
}
