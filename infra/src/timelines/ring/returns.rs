//! How readers come back: after how many of their usual intervals, learned from all readers of a shard.
//!
//! The time since a read, in usual intervals of that reader, falls into one of a few spans, each twice as long as the one before. Of each
//! span is counted how many readers came back within it and how many let it pass. So nothing is assumed of how people read: nights,
//! sittings and those who leave for good are in the counts. A gap counts when it is over or has outgrown the span, never before, so that
//! readers who are still awaited do not look like readers who left.

/// Spans; the last has no end.
const SPANS: usize = 8;
/// A span's counts are halved when they reach this, so that old habits are forgotten.
const COUNTS_MAX: u32 = 4_096;
/// What stands in the counts before anybody was seen: readers who come by chance, at their rates.
const BY_CHANCE: [Span; SPANS] = [
    Span { came: 6, passed: 10 },
    Span { came: 6, passed: 10 },
    Span { came: 10, passed: 6 },
    Span { came: 14, passed: 2 },
    Span { came: 16, passed: 0 },
    Span { came: 16, passed: 0 },
    Span { came: 16, passed: 0 },
    Span { came: 16, passed: 0 },
];

#[derive(Debug, Clone, Copy)]
struct Span {
    came: u32,
    passed: u32,
}

/// The counts of a shard.
#[derive(Debug)]
pub(super) struct Returns {
    spans: [Span; SPANS],
}

impl Default for Returns {
    fn default() -> Self {
        Self { spans: BY_CHANCE }
    }
}

/// The span in which a reader is: up to half an interval, up to one, two, four and so on.
pub(super) fn span(gap_ms: u64, usual_ms: u64) -> u8 {
    let halves = gap_ms.saturating_mul(2) / usual_ms.max(1);
    halves.checked_ilog2().map_or(0, |log| (log + 1).min(SPANS as u32 - 1) as u8)
}

/// How long after a read a span begins, in milliseconds; beyond the last one none does.
pub(super) fn begins(span: u8, usual_ms: u64) -> u64 {
    match span {
        0 => 0,
        span if usize::from(span) < SPANS => usual_ms.saturating_mul(1 << span) / 4,
        _ => u64::MAX,
    }
}

/// How long a span is, in usual intervals.
pub(super) fn length(span: u8) -> f32 {
    match span {
        0 => 0.5,
        span => f32::from(span).exp2() / 4.0,
    }
}

impl Returns {
    /// A reader who was seen in span `seen` has not come back before this one.
    pub(super) fn awaited(&mut self, seen: &mut u8, span: u8) {
        for passed in *seen..span {
            self.count(passed, |counts| counts.passed += 1);
        }
        *seen = span.max(*seen);
    }

    /// A reader who was seen in span `seen` has come back within it.
    pub(super) fn came(&mut self, seen: &mut u8) {
        self.count(*seen, |counts| counts.came += 1);
        *seen = 0;
    }

    fn count(&mut self, span: u8, count: impl FnOnce(&mut Span)) {
        let Some(counts) = self.spans.get_mut(usize::from(span)) else { return };
        count(counts);
        if counts.came + counts.passed >= COUNTS_MAX {
            *counts = Span { came: counts.came / 2, passed: counts.passed / 2 };
        }
    }

    /// Of the readers who reach a span, the share that comes back within it.
    pub(super) fn share(&self, span: u8) -> f32 {
        self.spans.get(usize::from(span)).map_or(1.0, |counts| counts.came as f32 / (counts.came + counts.passed).max(1) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_double() {
        let spans = [0, 49, 50, 99, 100, 199, 200, 400, 799, 800, 1_600, 3_200, u64::MAX].map(|gap| span(gap, 100));
        assert_eq!(spans, [0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 7]);
        assert_eq!(span(5, 0), 4);
        for usual in [100, 4_000_000] {
            for next in 1..SPANS as u8 {
                let begins = begins(next, usual);
                assert_eq!([begins - 1, begins].map(|gap| span(gap, usual)), [next - 1, next]);
            }
        }
        let ends = (0..6).scan(0.0, |end, span| {
            *end += length(span);
            Some(*end)
        });
        assert_eq!(ends.collect::<Vec<_>>(), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]);
    }

    #[test]
    fn those_who_left_are_learned_from_those_who_passed() {
        let mut returns = Returns::default();
        let before = returns.share(4);
        assert!(before > 0.9);
        // A thousand readers leave: each passes every span once, however often it is looked at.
        for _ in 0..1_000 {
            let mut seen = 0;
            for span in [1, 1, 3, 3, 3, 5, 5] {
                returns.awaited(&mut seen, span);
            }
        }
        assert!(returns.share(4) < 0.05);
        assert!(returns.share(5) > 0.9, "none has passed the span that they are in");
        for _ in 0..3_000 {
            let mut seen = 0;
            returns.awaited(&mut seen, 4);
            returns.came(&mut seen);
            assert_eq!(seen, 0);
        }
        assert!(returns.share(4) > 0.7 && returns.share(4) <= 1.0);
        assert!(returns.share(0) < 0.1, "who comes late has passed what lies before");
    }
}
