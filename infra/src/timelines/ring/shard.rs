//! A shard: the rings of its readers, who subscribes to whom among them, and what was not pushed.
//!
//! Everything here happens under the shard's lock and touches memory only. The protocol with the source, which must be read without the
//! lock, is in `load.rs`; walks over audiences are in `walk.rs`.

use rustc_hash::FxHashMap;

use super::notes::Notes;
use super::packed::PackedSet;
use super::rates::{CLASS_MAX, Costs};
use super::removals::Removals;
use super::returns::Returns;
use super::seat::Seat;
use super::slab::Slab;
use super::window::{self, Head, Range, Slot, State};

/// Seats looked at when one must give way: an approximation of the longest unread.
const VICTIMS_SAMPLED: usize = 16;

/// What all shards share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) slots: usize,
    pub(super) seats_max: usize,
    /// Whether rings that nobody reads are paused.
    pub(super) pauses: bool,
    pub(super) idle_after_ms: u64,
}

/// The right to fill one ring; each is given back through [`Shard::finish`] or [`Shard::abandon`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    pub(super) seat: u32,
    generation: u32,
    follows: u32,
    /// Whether the ring is empty, so that every author's list must be read and not only the new ones'.
    whole: bool,
    removals_before: usize,
}

/// How a read goes on.
pub(super) enum Plan {
    /// From the ring and what lies beside and below it.
    Page(Draft),
    /// The ring must be filled first, by this caller.
    Load(Ticket),
    /// Past the rings, from the lists: another caller is filling this one, or no ring can be had.
    Direct,
}

/// What a ring gives to a page.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The ring's part, in order.
    pub(super) slots: Vec<Slot>,
    /// The part of the stretch that the ring is complete for, but for posts that were not pushed.
    pub(super) covered: Range,
    /// Authors with such posts in it.
    pub(super) pulled: Vec<u32>,
    /// How many authors were looked at to find those.
    pub(super) looked_at: u32,
    /// Below the covered part: all followees, if the page may reach there.
    pub(super) below: Option<Vec<u32>>,
}

/// What [`Shard::enroll`] found out.
pub(super) struct Enrolled {
    /// Authors to subscribe to.
    pub(super) new: Vec<u32>,
    /// Authors whose lists the ring needs.
    pub(super) read: Vec<u32>,
    /// Only their entries above this.
    pub(super) above: u64,
}

/// Rings of the readers whose number falls to this shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) limits: Limits,
    pub(super) heads: Vec<Head>,
    pub(super) slab: Slab,
    pub(super) seats: Vec<Seat>,
    free: Vec<u32>,
    pub(super) seat_of: FxHashMap<u32, u32>,
    /// Per author: the seats subscribed.
    pub(super) lists: Vec<PackedSet>,
    /// Posts that some subscribed rings did not get. All others are in every ring that is ready.
    pub(super) notes: Notes,
    pub(super) removals: Removals,
    /// How readers come back.
    pub(super) returns: Returns,
    hand: usize,
    pub(super) edges: u64,
    pub(super) evictions: u64,
    pub(super) flips: u64,
}

impl Default for Range {
    fn default() -> Self {
        Self { above: 0, below: u64::MAX, ascending: false, limit: 0 }
    }
}

impl Shard {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            heads: Vec::new(),
            slab: Slab::new(limits.slots),
            seats: Vec::new(),
            free: Vec::new(),
            seat_of: FxHashMap::default(),
            lists: Vec::new(),
            notes: Notes::default(),
            removals: Removals::default(),
            returns: Returns::default(),
            hand: 0,
            edges: 0,
            evictions: 0,
            flips: 0,
        }
    }

    /// Begins a read. A reader without a ring gets one, at the cost of the longest unread where there are too many.
    pub(super) fn begin(&mut self, reader: u32, range: Range, now_ms: u64) -> Plan {
        let known = self.seat_of.get(&reader).copied();
        let Some(seat) = known.or_else(|| self.claim(reader, now_ms)) else { return Plan::Direct };
        let (Some(head), Some(record)) = (self.heads.get_mut(seat as usize), self.seats.get_mut(seat as usize)) else {
            return Plan::Direct;
        };
        if head.state == State::Loading {
            return Plan::Direct;
        }
        head.unread = 0;
        if range.below == u64::MAX {
            let class = record.reads(head.class, self.notes.high(), &mut self.returns, now_ms);
            self.flips += u64::from(class != head.class);
            head.class = class;
        }
        // A page further down is no read of its own, but who turns to it is there.
        record.read_at_ms = now_ms;
        if head.state == State::Ready && record.follows == record.synced {
            return self.peek(reader, range);
        }
        let whole = head.state != State::Ready;
        if whole {
            head.clear();
            record.floor = 0;
        }
        head.state = State::Loading;
        let removals_before = self.removals.begin_fill();
        Plan::Load(Ticket { seat, generation: record.generation, follows: record.follows, whole, removals_before })
    }

    /// Reads a ring that was just filled, without counting a read.
    pub(super) fn peek(&self, reader: u32, range: Range) -> Plan {
        let Some(seat) = self.seat_of.get(&reader).copied() else { return Plan::Direct };
        let (Some(head), Some(record), Some(ring)) = (self.heads.get(seat as usize), self.seats.get(seat as usize), self.slab.ring(seat))
        else {
            return Plan::Direct;
        };
        if head.state != State::Ready {
            return Plan::Direct;
        }
        Plan::Page(draft(head, ring, record, &self.notes, range))
    }

    /// The class of a reader whose ring takes deliveries.
    pub(super) fn class(&self, reader: u32) -> Option<u8> {
        let seat = self.seat_of.get(&reader)?;
        self.heads.get(*seat as usize).filter(|head| head.receives()).map(|head| head.class)
    }

    /// A seat for a reader who has none; `None` where all are taken by rings that are being filled.
    fn claim(&mut self, reader: u32, now_ms: u64) -> Option<u32> {
        if self.free.is_empty() && self.seats.len() >= self.limits.seats_max {
            let victim = self.victim()?;
            self.evict(victim);
        }
        let seat = self.free.pop().unwrap_or_else(|| {
            let seat = u32::try_from(self.seats.len()).expect("fewer rings than 2^32 fit a machine's memory");
            self.slab.reserve(seat);
            self.seats.push(Seat::default());
            self.heads.push(Head::default());
            seat
        });
        let record = self.seats.get_mut(seat as usize)?;
        let generation = record.generation.wrapping_add(1);
        *record = Seat::new(reader, generation, now_ms);
        *self.heads.get_mut(seat as usize)? = Head::paused();
        self.seat_of.insert(reader, seat);
        Some(seat)
    }

    fn evictable(&self, seat: usize) -> Option<&Seat> {
        let state = self.heads.get(seat)?.state;
        matches!(state, State::Ready | State::Paused).then(|| self.seats.get(seat))?
    }

    /// The longest unread of some seats, each call looking at the next ones.
    fn victim(&mut self) -> Option<u32> {
        let count = self.seats.len();
        let looked_at = (0..count.min(VICTIMS_SAMPLED)).map(|n| (self.hand + n) % count);
        let victim = looked_at.filter_map(|seat| Some((self.evictable(seat)?.read_at_ms, seat))).min();
        self.hand = (self.hand + VICTIMS_SAMPLED) % count.max(1);
        victim.and_then(|(_, seat)| u32::try_from(seat).ok())
    }

    /// Takes a ring from its reader.
    pub(super) fn evict(&mut self, seat: u32) {
        let (Some(record), Some(head)) = (self.seats.get_mut(seat as usize), self.heads.get_mut(seat as usize)) else { return };
        if head.state == State::Free {
            return;
        }
        *head = Head::default();
        record.generation = record.generation.wrapping_add(1);
        self.seat_of.remove(&record.reader);
        let authors = std::mem::take(&mut record.authors);
        for author in authors.iter() {
            if let Some(list) = self.lists.get_mut(author as usize) {
                self.edges -= u64::from(list.remove(seat));
            }
        }
        self.free.push(seat);
        self.evictions += 1;
    }

    /// Looks at `count` seats: evicts readers who have not read for long, and pauses rings where that has become the cheaper way.
    pub(super) fn sweep(&mut self, now_ms: u64, count: usize, costs: Costs) {
        for _ in 0..count.min(self.seats.len()) {
            self.hand = (self.hand + 1) % self.seats.len().max(1);
            let (Some(head), Some(seat)) = (self.heads.get_mut(self.hand), self.seats.get_mut(self.hand)) else { continue };
            if !matches!(head.state, State::Ready | State::Paused) {
                continue;
            }
            let number = u32::try_from(self.hand).unwrap_or(u32::MAX);
            if seat.read_at_ms.saturating_add(self.limits.idle_after_ms) < now_ms {
                self.evict(number);
            } else if self.limits.pauses
                && seat.is_awaited(&mut self.returns, now_ms)
                && head.state == State::Ready
                && self.slab.ring(number).is_some_and(|ring| seat.overran(head, ring, costs, &self.returns, now_ms))
            {
                head.state = State::Paused;
            }
        }
    }

    /// Forgets every ring, those being filled included: their tickets become void.
    pub(super) fn clear(&mut self) {
        for seat in 0..self.seats.len() {
            self.evict(u32::try_from(seat).unwrap_or(u32::MAX));
        }
        self.notes.clear();
    }

    /// A reader's follows have changed: the next read looks them up.
    pub(super) fn follows_changed(&mut self, reader: u32) {
        if let Some(seat) = self.seat_of.get(&reader).and_then(|seat| self.seats.get_mut(*seat as usize)) {
            seat.follows = seat.follows.wrapping_add(1);
        }
    }

    fn holds(&self, ticket: Ticket) -> bool {
        let same = self.seats.get(ticket.seat as usize).is_some_and(|seat| seat.generation == ticket.generation);
        same && self.heads.get(ticket.seat as usize).is_some_and(|head| head.state == State::Loading)
    }

    /// Takes the reader's followees, sorted: leaves those that are gone, sweeping their entries, and says which are new.
    pub(super) fn enroll(&mut self, ticket: Ticket, wanted: &[u32]) -> Option<Enrolled> {
        if !self.holds(ticket) {
            return None;
        }
        let (head, record) = (self.heads.get_mut(ticket.seat as usize)?, self.seats.get_mut(ticket.seat as usize)?);
        let ring = self.slab.ring_mut(ticket.seat)?;
        let held: Vec<u32> = record.authors.iter().collect();
        let new: Vec<u32> = wanted.iter().copied().filter(|author| held.binary_search(author).is_err()).collect();
        let gone: Vec<u32> = held.into_iter().filter(|author| wanted.binary_search(author).is_err()).collect();
        for author in &gone {
            if let Some(list) = self.lists.get_mut(*author as usize) {
                self.edges -= u64::from(list.remove(ticket.seat));
            }
        }
        if !gone.is_empty() {
            window::retain(head, ring, &mut record.floor, |slot| gone.binary_search(&slot.author).is_err());
        }
        record.authors = PackedSet::from_sorted(wanted);
        record.authors_count = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        let above = window::floor(head, ring, record.floor);
        Some(if ticket.whole { Enrolled { new, read: wanted.to_vec(), above: 0 } } else { Enrolled { read: new.clone(), new, above } })
    }

    /// Subscribes the ring to authors: from here on it takes their posts.
    pub(super) fn subscribe(&mut self, ticket: Ticket, authors: &[u32]) -> bool {
        if !self.holds(ticket) {
            return false;
        }
        for author in authors {
            let author = *author as usize;
            if self.lists.len() <= author {
                self.lists.resize_with(author + 1, PackedSet::default);
            }
            if let Some(list) = self.lists.get_mut(author) {
                self.edges += u64::from(list.insert(ticket.seat));
            }
        }
        true
    }

    /// Enters what the lists gave, newest first, and opens the ring to reads. `floor`: what the lists may have more of lies at or below.
    pub(super) fn finish(&mut self, ticket: Ticket, read: &[Slot], floor: u64) -> bool {
        if !self.holds(ticket) || self.removals.lost() {
            self.abandon(ticket);
            return false;
        }
        let removed = self.removals.since(ticket.removals_before);
        let (Some(head), Some(record), Some(ring)) =
            (self.heads.get_mut(ticket.seat as usize), self.seats.get_mut(ticket.seat as usize), self.slab.ring_mut(ticket.seat))
        else {
            return false;
        };
        record.floor = record.floor.max(floor);
        for slot in read.iter().rev() {
            if !removed.contains(&slot.post) && !window::contains(head, ring, slot.post) {
                window::insert(head, ring, record.floor, *slot);
            }
        }
        record.synced = ticket.follows;
        head.state = State::Ready;
        self.removals.end_fill();
        true
    }

    /// Gives a ticket back unused: the reader starts anew at the next read.
    pub(super) fn abandon(&mut self, ticket: Ticket) {
        if self.holds(ticket) {
            self.evict(ticket.seat);
        }
        self.removals.end_fill();
    }

    /// Adds the readers of each class.
    pub(super) fn count_classes(&self, counts: &mut [u32; CLASS_MAX as usize + 1]) {
        for head in self.heads.iter().filter(|head| head.state != State::Free) {
            if let Some(count) = counts.get_mut(usize::from(head.class)) {
                *count += 1;
            }
        }
    }

    /// Rings in use.
    pub(super) fn rings(&self) -> usize {
        self.seat_of.len()
    }

    /// Bytes of rings, with everything kept per reader but the followees.
    pub(super) fn ring_bytes(&self) -> usize {
        let records = self.seats.capacity() * size_of::<Seat>() + self.heads.capacity() * size_of::<Head>();
        records + self.slab.bytes() + self.seat_of.capacity() * 8 / 7 * (size_of::<(u32, u32)>() + 1)
    }

    /// Bytes of edges, both ways: lists of subscribers by author and of followees by reader.
    pub(super) fn edge_bytes(&self) -> usize {
        let lists: usize = self.lists.iter().map(PackedSet::heap_bytes).sum();
        let authors: usize = self.seats.iter().map(|seat| seat.authors.heap_bytes()).sum();
        lists + authors + self.lists.capacity() * size_of::<PackedSet>()
    }
}

/// What a ready ring gives to a page. Descending pages go on below the floor; ascending ones that begin there leave the ring out.
fn draft(head: &Head, ring: &[Slot], record: &Seat, notes: &Notes, range: Range) -> Draft {
    let (floor, authors) = (window::floor(head, ring, record.floor), &record.authors);
    if range.ascending && range.above < floor {
        let covered = Range { above: range.below, ..range };
        return Draft { covered, below: Some(authors.iter().collect()), ..Draft::default() };
    }
    let covered = Range { above: range.above.max(floor), ..range };
    let slots = window::read(head, ring, covered);
    let full = slots.len() >= range.limit;
    // Of a full newest-first page only what is newer than its end can change it.
    let end = slots.last().filter(|_| full && !range.ascending).map_or(covered.above, |last| last.post);
    let reader = record.as_reader(head.class);
    let looks = notes.may_lack(reader, end);
    let pulled = if looks { authors.iter().filter(|author| notes.lacks(reader, *author, end)).collect() } else { Vec::new() };
    let looked_at = if looks { record.authors_count } else { 0 };
    let below = (!full && !range.ascending && floor > range.above).then(|| authors.iter().collect());
    Draft { slots, covered, pulled, looked_at, below }
}
