//! What the writer, the tail and the readers of one partition share.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use schemas::PartitionId;
use schemas::log::{Offset, Validity};
use tokio::sync::watch;

use crate::log::LogError;
use crate::log::recent::Recent;

/// How far a partition is, as far as this process knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The oldest offset kept.
    pub(super) start: Offset,
    /// The offset after the newest record that is known to be readable.
    pub(super) end: Offset,
    /// The offset after the newest record in the ring; only while `tailed`.
    pub(super) filled: Offset,
    /// Whether the tail follows this partition: then `end` moves by itself.
    pub(super) tailed: bool,
    /// Whether the log is closed.
    pub(super) closed: bool,
}

/// The state of the validity rule after the records before an offset: it never changes, so any of them is as true as the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) next: Offset,
    pub(super) state: Validity,
}

pub(super) struct Part {
    pub(super) id: PartitionId,
    pub(super) recent: RwLock<Recent>,
    pub(super) progress: watch::Sender<Progress>,
    /// Held while the tail of this partition starts.
    pub(super) starting: tokio::sync::Mutex<()>,
    /// The newest state of the rule that this process has seen.
    known: Mutex<Option<Known>>,
    recent_bytes: usize,
    /// When a reader last asked, in milliseconds since `since`.
    asked_ms: AtomicU64,
    waiting: AtomicUsize,
    since: Instant,
}

/// Counts one who waits for the end of a partition to move.
pub(super) struct Waiting<'a>(&'a Part);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.touch();
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Part {
    pub(super) fn new(id: PartitionId, recent_bytes: usize) -> Self {
        Self {
            id,
            recent: RwLock::new(Recent::new(recent_bytes)),
            progress: watch::Sender::default(),
            starting: tokio::sync::Mutex::default(),
            known: Mutex::default(),
            recent_bytes,
            asked_ms: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            since: Instant::now(),
        }
    }

    pub(super) fn out_of_range(&self, offset: Offset) -> LogError {
        LogError::OutOfRange { partition: self.id, offset }
    }

    /// Takes in what the cluster says of its offsets; ends never move back.
    pub(super) fn bounds_are(&self, bounds: &Range<Offset>) -> Range<Offset> {
        self.progress.send_if_modified(|progress| {
            let moved = progress.end < bounds.end;
            progress.start = progress.start.max(bounds.start);
            progress.end = progress.end.max(bounds.end);
            moved
        });
        let progress = self.progress.borrow();
        progress.start..progress.end
    }

    /// All before `end` is readable.
    pub(super) fn advance(&self, end: Offset) {
        self.progress.send_if_modified(|progress| {
            let moved = progress.end < end;
            progress.end = progress.end.max(end);
            moved
        });
    }

    /// From now on the tail fills the ring, from `end` on.
    pub(super) fn follow_from(&self, end: Offset) {
        *self.recent.write() = Recent::new(self.recent_bytes);
        self.progress.send_modify(|progress| {
            progress.filled = end;
            progress.end = progress.end.max(end);
            progress.tailed = true;
        });
    }

    /// The tail follows this partition no more: the ring would have a gap.
    pub(super) fn unfollow(&self) {
        self.progress.send_modify(|progress| progress.tailed = false);
        *self.recent.write() = Recent::new(self.recent_bytes);
    }

    /// Notes that a reader asks for what is new.
    pub(super) fn touch(&self) {
        self.asked_ms.store(self.now_ms(), Ordering::Release);
    }

    /// Notes that someone waits, until the answer is dropped.
    pub(super) fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(self)
    }

    /// For how long nobody has asked, in milliseconds.
    pub(super) fn idle_ms(&self) -> u64 {
        if self.waiting.load(Ordering::Acquire) > 0 { 0 } else { self.now_ms().saturating_sub(self.asked_ms.load(Ordering::Acquire)) }
    }

    pub(super) fn known(&self) -> Option<Known> {
        *self.known.lock()
    }

    pub(super) fn remember(&self, known: Known) {
        let mut newest = self.known.lock();
        if newest.is_none_or(|newest| newest.next < known.next) {
            *newest = Some(known);
        }
    }

    fn now_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }
}
