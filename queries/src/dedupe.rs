//! Thins out reblogs in a home timeline: a reblog is hidden where the original, or another *shown* reblog of it, is among the 40 shown
//! entries just older than it.
//!
//! The rule speaks of a feed built from its oldest entry up. A page cannot start there, so this evaluates a window, oldest entry first,
//! in three values. What lies below the window is unknown: it may hold anything.
//!
//! - A post is shown. A reblog is *hidden* if, walking down from it, a shown entry of the same original comes while at most 39 entries
//!   that could be shown lie between: it is near enough whatever the unknown ones turn out to be.
//! - It is *shown* if 40 entries that are surely shown go by (or the feed ends) without any entry of the same original that could be
//!   shown and near enough.
//! - Else it is *unknown*, and the caller looks again with a longer window.
//!
//! By induction from the window's lower end, every definite verdict is that of the whole feed, so pages do not depend on where they start.
//! At the feed's true end nothing is unknown, so the search ends. Usually a window reaching some 40 entries below the page decides all:
//! only a run of many reblogs of one post is longer.

use schemas::PostId;

/// Shown entries below a reblog among which its original counts as just seen: Mastodon's `REBLOG_FALLOFF`.
pub(crate) const FALLOFF: usize = 40;

/// An entry of a feed, as thinning out sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) post: PostId,
    /// For a reblog, what it wraps.
    pub(crate) reblog_of: Option<PostId>,
}

impl Item {
    fn original(self) -> PostId {
        self.reblog_of.unwrap_or(self.post)
    }
}

/// Whether the feed shows an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Shown,
    Hidden,
    /// It depends on entries below the window.
    Unknown,
}

/// Judges a window of a feed, newest entry first; `complete` says that the feed ends below it. One verdict per item, in order.
pub(crate) fn judge(window: &[Item], complete: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(window.len());
    // Entries below the present one that are not surely hidden, oldest first.
    let mut below: Vec<(PostId, bool)> = Vec::with_capacity(window.len());
    for item in window.iter().rev() {
        let verdict = if item.reblog_of.is_some() { judge_reblog(item.original(), &below, complete) } else { Verdict::Shown };
        if verdict != Verdict::Hidden {
            below.push((item.original(), verdict == Verdict::Shown));
        }
        verdicts.push(verdict);
    }
    verdicts.reverse();
    verdicts
}

fn judge_reblog(original: PostId, below: &[(PostId, bool)], complete: bool) -> Verdict {
    let (mut surely_between, mut maybe_hidden) = (0, false);
    for (between, (other, shown)) in below.iter().rev().enumerate() {
        if *other == original {
            if *shown && between < FALLOFF {
                return Verdict::Hidden;
            }
            maybe_hidden = true;
        }
        surely_between += usize::from(*shown);
        if surely_between >= FALLOFF {
            return if maybe_hidden { Verdict::Unknown } else { Verdict::Shown };
        }
        if maybe_hidden && between >= FALLOFF {
            return Verdict::Unknown;
        }
    }
    if complete && !maybe_hidden { Verdict::Shown } else { Verdict::Unknown }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as it is told: the feed built from its oldest entry up. Newest first in and out.
    fn naive(feed: &[Item]) -> Vec<bool> {
        let mut built: Vec<Item> = Vec::new();
        let mut shown: Vec<bool> = Vec::new();
        for item in feed.iter().rev() {
            let seen = built.iter().rev().take(FALLOFF).any(|other| other.original() == item.original());
            let keep = item.reblog_of.is_none() || !seen;
            if keep {
                built.push(*item);
            }
            shown.push(keep);
        }
        shown.reverse();
        shown
    }

    /// Newest first: `None` is a post, `Some(n)` a reblog of the post `n` (which may or may not be in the feed).
    fn feed(entries: &[Option<u64>]) -> Vec<Item> {
        let ids = (1..=entries.len() as u64).rev();
        entries.iter().zip(ids).map(|(of, id)| Item { post: PostId(id), reblog_of: of.map(PostId) }).collect()
    }

    fn check(entries: &[Option<u64>], expected: &[Verdict], complete: bool) {
        assert_eq!(judge(&feed(entries), complete), expected, "{entries:?}");
    }

    #[test]
    fn reblogs_of_what_was_just_seen_are_hidden() {
        use Verdict::{Hidden, Shown, Unknown};
        check(&[Some(1), None], &[Hidden, Shown], false);
        check(&[Some(9), None, Some(9)], &[Hidden, Shown, Shown], true);
        check(&[Some(9), None, Some(9)], &[Unknown, Shown, Unknown], false);
        check(&[Some(9), None], &[Unknown, Shown], false);
    }

    #[test]
    fn forty_shown_entries_later_it_shows_again() {
        let run = |between: usize| {
            let mut entries = vec![Some(99)];
            entries.extend(vec![None; between]);
            entries.push(Some(99));
            entries
        };
        assert_eq!(judge(&feed(&run(39)), true).first(), Some(&Verdict::Hidden));
        assert_eq!(judge(&feed(&run(40)), true).first(), Some(&Verdict::Shown));
        assert_eq!(judge(&feed(&run(40)), false).first(), Some(&Verdict::Shown));
    }

    fn entries() -> impl Strategy<Value = Vec<Option<u64>>> {
        // Few originals, so that runs of reblogs are long; some of them posts of the feed.
        let entry = prop_oneof![2 => Just(None), 3 => (1_u64..12).prop_map(Some), 1 => (1_u64..300).prop_map(Some)];
        proptest::collection::vec(entry, 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_complete_window_is_the_naive_feed(entries in entries()) {
            let feed = feed(&entries);
            let expected: Vec<Verdict> = naive(&feed).into_iter().map(|keep| if keep { Verdict::Shown } else { Verdict::Hidden }).collect();
            prop_assert_eq!(judge(&feed, true), expected);
        }

        #[test]
        fn whatever_lies_below_definite_verdicts_hold(entries in entries(), cut in 0_usize..300) {
            let feed = feed(&entries);
            let window = &feed[..cut.min(feed.len())];
            for ((verdict, keep), at) in judge(window, false).into_iter().zip(naive(&feed)).zip(0..) {
                let holds = match verdict { Verdict::Shown => keep, Verdict::Hidden => !keep, Verdict::Unknown => true };
                prop_assert!(holds, "entry {} of {:?}", at, entries);
            }
        }
    }
}
