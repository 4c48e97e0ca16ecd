//! What is known of a hot reader beside the head of the ring: whom it reads, how often it comes, and whether its ring still pays.

use super::notes::Reader;
use super::packed::PackedSet;
use super::rates::{Costs, Rate};
use super::returns::{self, Returns};
use super::window::{self, Head, Slot};
use schemas::Snowflake;

/// Deliveries without a read beyond which a ring is paused whatever filling costs: half of what its head can count.
const UNREAD_MAX: u16 = 1 << 15;

/// How many times as cheap filling must be: neither rates nor costs are known well, and a ring that goes on taking posts costs little more.
const PAYS: f32 = 2.0;

/// A hot reader.
#[derive(Debug, Default)]
pub(super) struct Seat {
    pub(super) reader: u32,
    /// Rises with each change of owner: tickets of former ones are void.
    pub(super) generation: u32,
    /// The stored floor of the ring.
    pub(super) floor: u64,
    pub(super) read_at_ms: u64,
    reads: Rate,
    /// The newest note that there was when the class last rose, and when it rose before that.
    risen: u64,
    risen_before: u64,
    /// The class before it last rose.
    class_before: u8,
    /// The span of usual intervals in which the reader was last seen to be away, and when the next one begins.
    away: u8,
    away_until_ms: u64,
    /// How many `authors` are.
    pub(super) authors_count: u32,
    /// Rises with each change of the reader's follows.
    pub(super) follows: u32,
    /// The value of `follows` up to which `authors` is true.
    pub(super) synced: u32,
    /// All whom the seat may be subscribed to, its reader included.
    pub(super) authors: PackedSet,
}

impl Seat {
    pub(super) fn new(reader: u32, generation: u32, now_ms: u64) -> Self {
        Self { reader, generation, read_at_ms: now_ms, ..Self::default() }
    }

    /// The reader reads a newest page: its new class. `noted`: the newest note that there is.
    pub(super) fn reads(&mut self, class: u8, noted: u64, returns: &mut Returns, now_ms: u64) -> u8 {
        if self.reads != Rate::default() {
            self.is_awaited(returns, now_ms);
            returns.came(&mut self.away);
        }
        self.reads.count(now_ms, 1);
        self.read_at_ms = now_ms;
        self.away_until_ms = now_ms + returns::begins(1, self.reads.interval_ms());
        let new = self.reads.class(now_ms, class);
        if new > class {
            (self.risen_before, self.risen, self.class_before) = (self.risen, noted, class);
        }
        new
    }

    /// What notes must know of the reader.
    pub(super) fn as_reader(&self, class: u8) -> Reader {
        Reader { class, since: self.risen, class_before: self.class_before.min(class), since_before: self.risen_before }
    }

    /// Counts that the reader has not come back yet; says whether another span of its absence has begun.
    #[inline]
    pub(super) fn is_awaited(&mut self, returns: &mut Returns, now_ms: u64) -> bool {
        if now_ms < self.away_until_ms {
            return false;
        }
        let usual_ms = self.reads.interval_ms();
        let span = returns::span(now_ms.saturating_sub(self.read_at_ms), usual_ms);
        returns.awaited(&mut self.away, span);
        self.away_until_ms = self.read_at_ms.saturating_add(returns::begins(span.saturating_add(1), usual_ms));
        true
    }

    /// Says whether it is cheaper to fill the ring anew at the next read than to write to it until then.
    ///
    /// It is where the deliveries since the last read have already cost [`PAYS`] times what filling does: whatever is believed of readers,
    /// whoever comes back after that has cost no more than a small multiple of the cheaper way. And it is where those to come in this span
    /// of the reader's absence will cost as many times what filling does, times the share of readers who come back within the span.
    pub(super) fn overran(&self, head: &Head, ring: &[Slot], costs: Costs, returns: &Returns, now_ms: u64) -> bool {
        let push_ns = costs.push_ns as f32;
        let filling = PAYS * self.authors_count as f32 * costs.fill_ns as f32;
        if f32::from(head.unread) * push_ns >= filling || head.unread >= UNREAD_MAX {
            return true;
        }
        // What the ring holds came since its oldest post: a burst since the last read does not look like a habit.
        let held_ms = now_ms.saturating_sub(Snowflake(window::oldest(head, ring)).ms()).max(1);
        let usual = self.reads.interval_ms() as f32 / held_ms as f32 * head.len() as f32;
        let share = returns.share(self.away);
        // Who comes back takes part of the span's deliveries: half of them, in the middle.
        (1.0 - share / 2.0) * returns::length(self.away) * usual * push_ns > share * filling
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::PartitionId;

    const HOUR_MS: u64 = 3_600_000;
    const T0_MS: u64 = 1_700_000_000_000;
    const COSTS: Costs = Costs { push_ns: 25, open_ns: 300, entry_ns: 25, fill_ns: 500 };

    /// Whether the ring of somebody who followed a hundred and read every four hours for ten days is paused, `away_h` hours after the
    /// last read, where its 64 entries came at so many an hour.
    fn check(returns: &mut Returns, per_hour: f64, away_h: u64, wanted: bool) {
        let (mut seat, mut ring) = (Seat { authors_count: 100, ..Seat::new(1, 1, T0_MS) }, [Slot::default(); 64]);
        for read in 0..60 {
            seat.reads(0, 0, &mut Returns::default(), T0_MS + read * 4 * HOUR_MS);
        }
        let now_ms = seat.read_at_ms + away_h * HOUR_MS;
        let mut head = Head::default();
        for n in (0..64_u64).rev() {
            let post = Snowflake::new(now_ms - (n as f64 / per_hour * HOUR_MS as f64) as u64, PartitionId(0), n as u8).0;
            window::append(&mut head, &mut ring, Slot { post, author: 1, flags: 0 });
        }
        seat.is_awaited(returns, now_ms);
        head.unread = ((away_h as f64 * per_hour) as u16).min(1_000);
        assert_eq!(seat.overran(&head, &ring, COSTS, returns, now_ms), wanted, "{per_hour} an hour, away for {away_h} hours");
    }

    #[test]
    fn rings_are_paused_where_filling_is_cheaper() {
        // Filling takes 50 us: as much as 2,000 deliveries, which four hours bring at 500 an hour.
        let returns = &mut Returns::default();
        check(returns, 1.0, 1, false);
        check(returns, 1.0, 60, false);
        check(returns, 100.0, 1, false);
        check(returns, 2_000.0, 1, true);
        // Few come back after so long as to be away for eight intervals: so many deliveries are not to be had for nothing.
        for _ in 0..1_000 {
            returns.awaited(&mut 0, 7);
        }
        check(returns, 1.0, 1, false);
        check(returns, 1.0, 60, false);
        check(returns, 10.0, 60, true);
    }
}
