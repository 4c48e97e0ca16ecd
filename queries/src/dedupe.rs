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
//! - Entries that were not looked up may be hidden by the rules of the home timeline, and a reblog among them wraps something that only a
//!   hint is known of. They count as entries that could be shown, and never as surely shown.
//!
//! By induction from the window's lower end, every definite verdict is that of the whole feed, so pages do not depend on where they start.
//! At the feed's true end nothing is unknown, so the search ends. Usually a window reaching some 40 entries below the page decides all:
//! only a run of many reblogs of one post is longer.

use schemas::PostId;
use schemas::rows::entry_flags;

/// Shown entries below a reblog among which its original counts as just seen: Mastodon's `REBLOG_FALLOFF`.
pub(crate) const FALLOFF: usize = 40;

/// An entry of a feed, as thinning out sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// What it shows: the post itself or, for a reblog, what it wraps.
    pub(crate) original: Original,
    pub(crate) is_reblog: bool,
    /// Whether the rules of the home timeline show it, reblogs not thinned out yet; if not, that is not known.
    pub(crate) sure: bool,
}

/// What an entry shows, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Original {
    Is(PostId),
    /// A post of this hint ([`entry_flags::hint_of`]): the reblog was not looked up.
    Hinted(u16),
}

impl Original {
    fn may_be(self, post: PostId) -> bool {
        match self {
            Self::Is(known) => known == post,
            Self::Hinted(hint) => hint == entry_flags::hint_of(post),
        }
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

/// Judges a window of a feed, newest entry first; `complete` says that the feed ends below it. One verdict per item, in order. Of entries
/// that were not looked up, the verdict is unknown at best.
pub(crate) fn judge(window: &[Item], complete: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(window.len());
    // Entries below the present one that are not surely hidden, oldest first.
    let mut below: Vec<(Original, bool)> = Vec::with_capacity(window.len());
    for item in window.iter().rev() {
        let verdict = match (item.is_reblog, item.original) {
            (false, _) => Verdict::Shown,
            (true, Original::Is(original)) => judge_reblog(original, &below, complete),
            (true, Original::Hinted(_)) => Verdict::Unknown,
        };
        let verdict = if verdict == Verdict::Shown && !item.sure { Verdict::Unknown } else { verdict };
        if verdict != Verdict::Hidden {
            below.push((item.original, verdict == Verdict::Shown));
        }
        verdicts.push(verdict);
    }
    verdicts.reverse();
    verdicts
}

fn judge_reblog(original: PostId, below: &[(Original, bool)], complete: bool) -> Verdict {
    let (mut surely_between, mut maybe_hidden) = (0, false);
    for (between, (other, shown)) in below.iter().rev().enumerate() {
        if other.may_be(original) {
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
            let seen = built.iter().rev().take(FALLOFF).any(|other| other.original == item.original);
            let keep = !item.is_reblog || !seen;
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
        let item =
            |(of, id): (&Option<u64>, u64)| Item { original: Original::Is(PostId(of.unwrap_or(id))), is_reblog: of.is_some(), sure: true };
        entries.iter().zip(ids).map(item).collect()
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

        /// Some entries are hidden by the rules of the home timeline, and below a page some are not looked up: then nobody knows which.
        #[test]
        fn definite_verdicts_hold_whatever_was_not_looked_up(
            entries in entries(),
            hidden in proptest::collection::vec(proptest::bool::weighted(0.1), 300),
            light in proptest::collection::vec(proptest::bool::weighted(0.6), 300),
            page in 0_usize..80,
        ) {
            let feed = feed(&entries);
            let shown: Vec<Item> = feed.iter().zip(&hidden).filter(|(_, hidden)| !**hidden).map(|(item, _)| *item).collect();
            let mut kept = naive(&shown).into_iter();
            let (mut window, mut expected) = (Vec::new(), Vec::new());
            for (at, ((item, hidden), light)) in feed.iter().zip(&hidden).zip(&light).enumerate() {
                let keep = !hidden && kept.next().expect("one for each that is shown");
                let original = match item.original {
                    Original::Is(post) if item.is_reblog && *light => Original::Hinted(entry_flags::hint_of(post)),
                    known => known,
                };
                if at >= page && *light {
                    window.push(Item { original, sure: false, ..*item });
                } else if *hidden {
                    continue;
                } else {
                    window.push(*item);
                }
                expected.push(keep);
            }
            for (verdict, keep) in judge(&window, true).into_iter().zip(expected) {
                let holds = match verdict { Verdict::Shown => keep, Verdict::Hidden => !keep, Verdict::Unknown => true };
                prop_assert!(holds, "{:?}", window);
            }
        }
    }
}
