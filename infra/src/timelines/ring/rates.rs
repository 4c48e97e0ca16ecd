//! Posting and reading rates as decayed log2 classes, and the integer inequality that chooses push or pull from two of them.
//!
//! A rate is a count that halves every [`HALF_LIFE_S`]; its class is the position of its highest bit, in 1/256 events. So with classes
//! `a` of the author and `c` of the reader, `r_p / r_c = 2^(a - c)`, and the rule of docs/architecture.md, push iff
//! `r_p·H <= r_c·(L + min(k, r_p / r_c)·E)`, depends on `a - c` alone: push iff `a - c <= margin`, with one margin for all edges.

/// How long until half of a rate is forgotten.
const HALF_LIFE_S: f32 = 24.0 * 3_600.0;
/// Events per unit of the lowest class.
const UNITS_PER_EVENT: f32 = 256.0;
/// A rate must leave its class by this factor before the class follows: classes do not flutter.
const HYSTERESIS: f32 = 2.0;
/// Classes are `0..=CLASS_MAX`.
pub(super) const CLASS_MAX: u8 = 40;
/// The differences of classes for which the inequality is worked out.
const MARGINS: std::ops::RangeInclusive<i32> = -16..=24;

/// What a delivery and a merge cost, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// H: one delivery into a ring.
    pub push_ns: u32,
    /// L: opening one author list at a read.
    pub open_ns: u32,
    /// E: merging one entry at a read.
    pub entry_ns: u32,
    /// F: filling a ring from nothing, per author whose list it takes.
    pub fill_ns: u32,
}

/// A decayed count of events.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rate {
    events: f32,
    at_s: u32,
}

impl Rate {
    /// The rate at a time, in events per half-life and a half.
    fn value(self, now_ms: u64) -> f32 {
        let elapsed_s = (now_ms / 1_000).saturating_sub(u64::from(self.at_s));
        if elapsed_s == 0 {
            return self.events;
        }
        self.events * (-(elapsed_s as f32) / HALF_LIFE_S).exp2()
    }

    /// Counts an event that stands for so many.
    pub(super) fn count(&mut self, now_ms: u64, events: u32) {
        self.events = self.value(now_ms) + events as f32;
        self.at_s = u32::try_from(now_ms / 1_000).unwrap_or(u32::MAX);
    }

    /// The usual time between two events as of the last one, in milliseconds: a steady rate of so many comes to that count. Few
    /// events make it shorter than it is, never much longer.
    pub(super) fn interval_ms(self) -> u64 {
        (HALF_LIFE_S * 1_000.0 * std::f32::consts::LOG2_E / (self.events + 0.5)) as u64
    }

    /// The class at a time, given the one that held so far.
    pub(super) fn class(self, now_ms: u64, held: u8) -> u8 {
        let value = self.value(now_ms);
        let band = class_of(value / HYSTERESIS)..=class_of(value * HYSTERESIS);
        if band.contains(&held) { held } else { class_of(value) }
    }
}

fn class_of(events: f32) -> u8 {
    let units = (events * UNITS_PER_EVENT) as u64;
    ((u64::BITS - units.leading_zeros()) as u8).min(CLASS_MAX)
}

/// The largest class difference, author less reader, at which an edge is pushed; below -16 nothing is.
pub(super) fn margin(costs: Costs, page: u32) -> i32 {
    let [push, open, entry] = [costs.push_ns, costs.open_ns, costs.entry_ns].map(f64::from);
    // Once it pays, it pays for all smaller differences as well.
    let pays = |difference: &i32| {
        let ratio = f64::from(*difference).exp2();
        ratio * push <= open + ratio.min(f64::from(page)) * entry
    };
    MARGINS.rev().find(pays).unwrap_or(MARGINS.start() - 1)
}

/// The lowest reader class that an author of a class is pushed to; above [`CLASS_MAX`] none is.
pub(super) fn lowest_pushed(author_class: u8, margin: i32) -> u8 {
    u8::try_from((i32::from(author_class) - margin).max(0)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600 * 1_000;

    #[test]
    fn the_margin_solves_the_inequality() {
        fn check(push_ns: u32, open_ns: u32, entry_ns: u32, wanted: i32) {
            let costs = Costs { push_ns, open_ns, entry_ns, fill_ns: 0 };
            assert_eq!(margin(costs, 40), wanted, "{costs:?}");
            // The same by the formula, for a reader of one read per unit.
            for difference in MARGINS {
                let ratio = f64::from(difference).exp2();
                let push = ratio * f64::from(push_ns) <= f64::from(open_ns) + ratio.min(40.0) * f64::from(entry_ns);
                assert_eq!(push, difference <= wanted, "{costs:?} at {difference}");
            }
        }
        check(30, 200, 30, 5);
        check(30, 200, 0, 2);
        check(30, 30, 0, 0);
        check(1_000, 10, 0, -7);
        check(0, 1, 0, 24);
        check(1_000_000, 1, 0, -17);
    }

    #[test]
    fn lowest_class_is_the_inequality_turned_round() {
        for author in 0..=CLASS_MAX {
            for margin in [-17, -3, 0, 5, 24] {
                let lowest = lowest_pushed(author, margin);
                for reader in 0..=CLASS_MAX {
                    assert_eq!(reader >= lowest, i32::from(author) - i32::from(reader) <= margin);
                }
            }
        }
    }

    #[test]
    fn rates_decay_and_classes_hold_at_the_edge() {
        let mut rate = Rate::default();
        for _ in 0..64 {
            rate.count(DAY_MS, 1);
        }
        let class = rate.class(DAY_MS, 0);
        assert_eq!(class, 15);
        assert_eq!(rate.class(4 * DAY_MS, class), class - 3);
        // A little below the edge: whoever held the class keeps it, whoever comes from below does not reach it.
        let almost = DAY_MS + DAY_MS / 8;
        assert_eq!((rate.class(almost, class), rate.class(almost, class - 1)), (class, class - 1));
        assert_eq!(Rate::default().class(DAY_MS, 0), 0);
    }
}
