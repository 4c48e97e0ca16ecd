//! Shelves: readers who sit down one after the other in a process lie side by side, so that what comes for them together is written together.

use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use schemas::AccountId;

/// Readers of a shelf at the most, which bounds a partition: what comes for so many within the life of their seats.
pub(super) const READERS_MAX: usize = 32;

/// Someone to whom posts are pushed: a reader, and the shelf on which what is pushed lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Listener {
    pub(super) shelf: i64,
    pub(super) reader: AccountId,
}

/// Gives new seats their shelves.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    present: Mutex<Option<Shelf>>,
}

#[derive(Debug)]
struct Shelf {
    name: i64,
    readers: FxHashSet<AccountId>,
}

impl Shelves {
    /// A place for a new seat of the reader: never one that an earlier seat of the same reader had. `fresh` makes the name of a new shelf.
    pub(super) fn place(&self, reader: AccountId, fresh: impl FnOnce() -> i64) -> Listener {
        let mut present = self.present.lock();
        let shelf = match present.take() {
            Some(shelf) if shelf.readers.len() < READERS_MAX && !shelf.readers.contains(&reader) => shelf,
            _ => Shelf { name: fresh(), readers: FxHashSet::default() },
        };
        let shelf = present.insert(shelf);
        shelf.readers.insert(reader);
        Listener { shelf: shelf.name, reader }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_fills_up_and_has_nobody_twice() {
        let (shelves, mut names) = (Shelves::default(), 0..);
        let mut place = |reader: u64| shelves.place(AccountId(reader), || names.next().unwrap()).shelf;
        let many = READERS_MAX as u64;
        assert!((0..many).all(|reader| place(reader) == 0));
        assert_eq!((place(many), place(many + 1), place(many)), (1, 1, 2));
        assert_eq!(place(many + 1), 2);
    }
}
