//! How far a search may go: in place as far as a caller's thread can spare, or as far as it takes on a thread that may wait.

use std::cell::Cell;
use std::io;

use ::tantivy::TantivyError;

/// Steps of a search in place: about as long as a view store's scan in place takes.
const IN_PLACE_STEPS: u64 = 8_192;
/// What looking into a segment counts, in steps: its dictionary, and the first blocks of postings.
pub(super) const SEGMENT_STEPS: u64 = 64;

/// Why a search ended before it was done.
#[derive(Debug)]
pub(super) enum Halt {
    /// It has to go farther than it may.
    TooFar,
    /// The index failed.
    Failed(TantivyError),
}

impl From<TantivyError> for Halt {
    fn from(error: TantivyError) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The steps that a search has left; one is a document that it looks at.
pub(super) struct Walk {
    left: Cell<u64>,
}

impl Walk {
    /// For a caller that must not wait.
    pub(super) fn in_place() -> Self {
        Self { left: Cell::new(IN_PLACE_STEPS) }
    }

    /// For a thread of its own.
    pub(super) fn unbounded() -> Self {
        Self { left: Cell::new(u64::MAX) }
    }

    /// Before what takes an unknown number of steps.
    pub(super) fn go_anywhere(&self) -> Result<(), Halt> {
        if self.left.get() > IN_PLACE_STEPS { Ok(()) } else { Err(Halt::TooFar) }
    }

    /// Goes on by some steps, if they are left.
    pub(super) fn go(&self, steps: u64) -> Result<(), Halt> {
        self.left.set(self.left.get().checked_sub(steps).ok_or(Halt::TooFar)?);
        Ok(())
    }
}
