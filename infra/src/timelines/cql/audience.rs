//! Audiences as they were read a moment ago: authors who post again soon, as all do when a projector catches up, are not asked for again.
//!
//! Who sits down waits for as long as this keeps an audience, between entering the audiences and reading the lists: what was delivered by an
//! older audience is in the lists by then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use schemas::AccountId;

use super::shelf::Listener;

/// Listeners kept at the most, of all audiences; beyond it all are forgotten.
const LISTENERS_MAX: usize = 1 << 20;

/// See the module.
pub(super) struct Audiences {
    age_max: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    audiences: FxHashMap<AccountId, (Instant, Arc<[Listener]>)>,
    listeners: usize,
    /// When the oldest of them was read, or before that.
    since: Option<Instant>,
}

impl Audiences {
    /// Keeps nothing for longer than that; zero: nothing at all.
    pub(super) fn new(age_max: Duration) -> Self {
        Self { age_max, kept: Mutex::default() }
    }

    /// The author's audience, if it was read lately.
    pub(super) fn get(&self, author: AccountId, now: Instant) -> Option<Arc<[Listener]>> {
        let kept = self.kept.lock();
        let (read_at, audience) = kept.audiences.get(&author)?;
        (now.duration_since(*read_at) < self.age_max).then(|| audience.clone())
    }

    /// An author's audience; the read of it began at that time, or later.
    pub(super) fn put(&self, author: AccountId, read_at: Instant, audience: Arc<[Listener]>) {
        if self.age_max.is_zero() {
            return;
        }
        let mut kept = self.kept.lock();
        // Twice as old: what is still good is read again once, rather than each entry looked at now and then.
        let is_old = kept.since.is_some_and(|since| read_at.saturating_duration_since(since) > 2 * self.age_max);
        if is_old || kept.listeners + audience.len() > LISTENERS_MAX {
            *kept = Kept::default();
        }
        kept.since.get_or_insert(read_at);
        kept.listeners += audience.len();
        if let Some((_, before)) = kept.audiences.insert(author, (read_at, audience)) {
            kept.listeners -= before.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(1);

    fn audience(readers: u64) -> Arc<[Listener]> {
        (0..readers).map(|reader| Listener { shelf: 1, reader: AccountId(reader) }).collect()
    }

    #[test]
    fn an_audience_is_kept_for_its_time() {
        let (audiences, start) = (Audiences::new(AGE), Instant::now());
        audiences.put(AccountId(7), start, audience(3));
        assert_eq!(audiences.get(AccountId(7), start + AGE / 2).map(|found| found.len()), Some(3));
        assert!(audiences.get(AccountId(7), start + AGE).is_none() && audiences.get(AccountId(8), start).is_none());
        audiences.put(AccountId(7), start + AGE, audience(5));
        assert_eq!(audiences.get(AccountId(7), start + AGE).map(|found| found.len()), Some(5));
        assert_eq!(audiences.kept.lock().listeners, 5);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (audiences, start) = (Audiences::new(AGE), Instant::now());
        for author in 0..20 {
            audiences.put(AccountId(author), start, audience(LISTENERS_MAX as u64 / 8));
            assert!(audiences.kept.lock().listeners <= LISTENERS_MAX);
        }
        audiences.put(AccountId(99), start + 3 * AGE, audience(1));
        assert_eq!(audiences.kept.lock().audiences.len(), 1);
        let none = Audiences::new(Duration::ZERO);
        none.put(AccountId(7), start, audience(3));
        assert!(none.get(AccountId(7), start).is_none());
    }
}
