//! What was not pushed: by author the newest post that some subscribed ring did not get, and which readers may be those.
//!
//! A reader whose class reached all that the notes since a time asked for has got every post since, if the class was never lower in that
//! time. Where that cannot be told, the author's list is merged: one list more, never a post less. Before any author is looked at, the
//! newest notes by class say whether there is anything to find: of the posts that only slower readers did not get, others see nothing.

use rustc_hash::FxHashMap;
use schemas::Snowflake;

use super::rates::CLASS_MAX;

/// A note that grew for as long begins anew, so that what once was asked for is forgotten.
const ANEW_AFTER_MS: u64 = 24 * 3_600 * 1_000;

/// What is known of an author's posts that were not pushed to all.
#[derive(Debug, Clone, Copy)]
struct Note {
    newest: u64,
    /// `lowest` speaks of the posts above this one.
    since: u64,
    /// The highest class that one of those posts was pushed from.
    lowest: u8,
}

/// The notes of a shard.
#[derive(Debug)]
pub(super) struct Notes {
    of: FxHashMap<u32, Note>,
    high: u64,
    /// By the class that posts asked for, the newest of them; the last one asked for more than any class.
    asked: [u64; CLASS_MAX as usize + 2],
}

impl Default for Notes {
    fn default() -> Self {
        Self { of: FxHashMap::default(), high: 0, asked: [0; CLASS_MAX as usize + 2] }
    }
}

/// Whose page it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) class: u8,
    /// The class was never lower since this was the newest note,
    pub(super) since: u64,
    /// nor lower than this one, which is no higher,
    pub(super) class_before: u8,
    /// since this was.
    pub(super) since_before: u64,
}

impl Reader {
    /// The lowest class at which posts above `end` found the reader, as far as is known.
    fn lowest_since(self, end: u64) -> u8 {
        match end {
            end if end >= self.since => self.class,
            end if end >= self.since_before => self.class_before,
            _ => 0,
        }
    }
}

impl Notes {
    /// Notes a post that rings of classes below `lowest` did not get.
    pub(super) fn add(&mut self, author: u32, post: u64, lowest: u8) {
        self.high = self.high.max(post);
        if let Some(newest) = self.asked.get_mut(usize::from(lowest.min(CLASS_MAX + 1))) {
            *newest = post.max(*newest);
        }
        let note = self.of.entry(author).or_insert(Note { newest: post, since: post.saturating_sub(1), lowest });
        if post > note.newest && ms(post) > ms(note.since) + ANEW_AFTER_MS {
            *note = Note { newest: note.newest, since: note.newest, lowest };
        }
        note.newest = note.newest.max(post);
        note.lowest = note.lowest.max(lowest);
    }

    /// No note is of a newer post.
    pub(super) fn high(&self) -> u64 {
        self.high
    }

    /// Says whether the reader's ring may lack any post above `end`.
    pub(super) fn may_lack(&self, reader: Reader, end: u64) -> bool {
        let first = usize::from(reader.lowest_since(end)) + 1;
        self.high > end && self.asked.get(first..).is_some_and(|asked| asked.iter().any(|newest| *newest > end))
    }

    /// Says whether the reader's ring may lack a post of the author above `end`.
    pub(super) fn lacks(&self, reader: Reader, author: u32, end: u64) -> bool {
        let Some(note) = self.of.get(&author).filter(|note| note.newest > end) else { return false };
        end < note.since || reader.lowest_since(end) < note.lowest
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn ms(post: u64) -> u64 {
    Snowflake(post).ms()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steady(class: u8) -> Reader {
        Reader { class, since: 0, class_before: class, since_before: 0 }
    }

    #[derive(Debug, Clone)]
    enum Op {
        /// So much later, or out of turn, a post that asks for a class.
        Post(u64, bool, u8),
        /// The reader has another class from now on.
        Class(u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        let hours = prop_oneof![8 => 0..3_u64, 1 => 20..40_u64];
        prop_oneof![5 => (hours, any::<bool>(), 0..6_u8).prop_map(|(h, late, class)| Op::Post(h, late, class)), 2 => (0..6_u8).prop_map(Op::Class)]
    }

    proptest! {
        /// Whatever classes do: a post that the ring did not get is never left out.
        #[test]
        fn a_missed_post_is_always_told(ops in prop::collection::vec(op(), 0..60)) {
            let (mut notes, mut reader, mut hour, mut missed, mut all) = (Notes::default(), steady(0), 1, vec![], vec![]);
            for (n, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Class(class) if class > reader.class => {
                        reader = Reader { class, since: notes.high(), class_before: reader.class, since_before: reader.since };
                    }
                    Op::Class(class) => reader = Reader { class, class_before: class.min(reader.class_before), ..reader },
                    Op::Post(hours, late, lowest) => {
                        hour += hours;
                        let back = if late { 5.min(hour) } else { 0 };
                        let post = Snowflake::new((hour - back) * 3_600_000 + n as u64, schemas::PartitionId(0), 0).0;
                        // What is pushed to a class is no note of a shard that has none below; here there always is one.
                        notes.add(7, post, lowest);
                        all.push(post);
                        if reader.class < lowest {
                            missed.push(post);
                        }
                    }
                }
                for end in all.iter().flat_map(|post| [post.saturating_sub(1), *post]).chain([0]) {
                    if missed.iter().any(|post| *post > end) {
                        prop_assert!(notes.may_lack(reader, end) && notes.lacks(reader, 7, end));
                    }
                    if all.iter().all(|post| *post <= end) {
                        prop_assert!(!notes.may_lack(reader, end) && !notes.lacks(reader, 7, end));
                    }
                }
            }
            prop_assert!(!notes.lacks(reader, 8, 0));
        }
    }

    #[test]
    fn whoever_got_everything_merges_nothing() {
        let at = |hour: u64| Snowflake::new(hour * 3_600_000, schemas::PartitionId(0), 0).0;
        let mut notes = Notes::default();
        notes.add(1, at(1), 5);
        notes.add(1, at(2), 3);
        let lacks = |notes: &Notes, class, end| notes.lacks(steady(class), 1, end);
        assert_eq!([4, 5].map(|class| lacks(&notes, class, at(1))), [true, false]);
        // A reader of class 3 got the second one, and need not look at anybody for a page that ends above the first.
        assert_eq!([2, 3].map(|class| notes.may_lack(steady(class), at(1))), [true, false]);
        assert_eq!([4, 5].map(|class| notes.may_lack(steady(class), 0)), [true, false]);
        // One that rose from 2 to 3 after the first still was a 2 until then.
        let risen = Reader { class: 3, since: at(1), class_before: 2, since_before: 0 };
        assert_eq!([0, at(1)].map(|end| notes.lacks(risen, 1, end)), [true, true]);
        assert_eq!([0, at(1)].map(|end| notes.may_lack(risen, end)), [true, false]);
        // A day later the five is forgotten, for pages that end above the posts it was asked for.
        notes.add(1, at(30), 3);
        assert_eq!([2, 3, 4].map(|class| lacks(&notes, class, at(2))), [true, false, false]);
        assert!(lacks(&notes, 9, at(1)));
    }
}
