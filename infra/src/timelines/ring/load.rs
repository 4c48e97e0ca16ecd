//! Reads, and the filling of rings that they begin.
//!
//! Filling keeps the order that rule 4 of docs/architecture.md asks for: the ring is subscribed to its authors *before* their lists are
//! read, while a post is in its author's list *before* it is delivered. So of a post and a fill at the same time at least one sees the
//! other: either the list read holds the post, or its delivery comes after the subscription. Ids make it one where both do.

use std::time::Instant;

use parking_lot::Mutex;
use schemas::AccountId;

use super::super::{Entry, Stretch, TimelineError};
use super::RingTimelines;
use super::lists::{Keep, range};
use super::merge::{merge, zip};
use super::options::Policy;
use super::shard::{Draft, Plan, Shard, Ticket};
use super::window::{Range, Slot};

/// Authors subscribed to under one hold of the shard's lock.
const SUBSCRIBED_PER_HOLD: usize = 512;

impl RingTimelines {
    /// Reads a stretch of a home; see the port.
    pub(super) async fn read_home(&self, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let range = range(stretch);
        if range.limit == 0 {
            return Ok(Vec::new());
        }
        let slots = if self.options.policy == Policy::PullAll {
            self.read_lists(reader, range, Keep::Yes).await?
        } else {
            self.read_ring(reader, range).await?
        };
        Ok(self.accounts.entries(&slots))
    }

    /// Reads from the reader's ring, filling it first where it must be.
    async fn read_ring(&self, reader: AccountId, range: Range) -> Result<Vec<Slot>, TimelineError> {
        let number = self.accounts.number(reader);
        let now_ms = (self.clock)();
        self.sweep(now_ms);
        let shard = self.shard_of(number);
        let plan = shard.lock().begin(number, range, now_ms);
        let draft = match plan {
            Plan::Page(draft) => draft,
            Plan::Direct => return self.read_lists(reader, range, Keep::Again).await,
            Plan::Load(ticket) => {
                if self.fill(reader, number, ticket).await?
                    && let Plan::Page(draft) = shard.lock().peek(number, range)
                {
                    draft
                } else {
                    return self.read_lists(reader, range, Keep::No).await;
                }
            }
        };
        self.complete(draft, range).await
    }

    /// Adds to a ring's part of a page what was not pushed, and what lies below the ring.
    async fn complete(&self, draft: Draft, range: Range) -> Result<Vec<Slot>, TimelineError> {
        let Draft { mut slots, covered, pulled, looked_at, below } = draft;
        if !pulled.is_empty() {
            let began = self.chooser.measures().then(Instant::now);
            let merged = merge(&self.lists, &pulled, covered, Keep::Yes).await?;
            if let Some(began) = began {
                self.chooser.opened(pulled.len(), merged.len(), looked_at, began.elapsed());
            }
            self.meters.pulled(merged.len());
            slots = zip(slots, merged, range);
        }
        if let Some(authors) = below
            && slots.len() < range.limit
        {
            let rest = if range.ascending { range } else { Range { below: range.below.min(covered.above.saturating_add(1)), ..range } };
            let rest = Range { limit: range.limit - slots.len(), ..rest };
            slots.extend(merge(&self.lists, &authors, rest, Keep::No).await?);
        }
        Ok(slots)
    }

    /// Reads from the author lists alone.
    async fn read_lists(&self, reader: AccountId, range: Range, keep: Keep) -> Result<Vec<Slot>, TimelineError> {
        let authors = self.followees(reader).await?;
        let slots = merge(&self.lists, &authors, range, keep).await?;
        self.meters.pulled(slots.len());
        Ok(slots)
    }

    /// Whom the reader reads, the reader included: numbers, ascending.
    async fn followees(&self, reader: AccountId) -> Result<Vec<u32>, TimelineError> {
        let mut ids = self.source.followees(reader).await?;
        ids.push(reader);
        let mut authors = self.accounts.numbers(&ids);
        authors.sort_unstable();
        authors.dedup();
        Ok(authors)
    }

    /// Fills a ring; false where it was taken away meanwhile.
    async fn fill(&self, reader: AccountId, number: u32, ticket: Ticket) -> Result<bool, TimelineError> {
        let shard = self.shard_of(number);
        let mut guard = TicketGuard { shard, ticket: Some(ticket) };
        let began = self.chooser.measures().then(Instant::now);
        let wanted = self.followees(reader).await?;
        if self.chooser.counts_followers() {
            let uncounted = self.chooser.uncounted(&wanted);
            for (author, id) in uncounted.iter().zip(self.accounts.ids(&uncounted)) {
                self.chooser.counted(*author, self.source.followers_count(id).await?);
            }
        }
        let enrolled = shard.lock().enroll(ticket, &wanted);
        let Some(enrolled) = enrolled else { return Ok(false) };
        for authors in enrolled.new.chunks(SUBSCRIBED_PER_HOLD) {
            if !shard.lock().subscribe(ticket, authors) {
                return Ok(false);
            }
        }
        let all = Range { above: enrolled.above, limit: self.options.slots, ..Range::default() };
        let read = merge(&self.lists, &enrolled.read, all, Keep::Again).await?;
        let cut = read.last().filter(|_| read.len() == all.limit);
        let floor = cut.map_or(enrolled.above, |oldest| oldest.post.saturating_sub(1));
        self.meters.filled();
        guard.ticket = None;
        let filled = shard.lock().finish(ticket, &read, floor);
        // What counts is what a paused ring takes, which is subscribed already.
        if let Some(began) = began.filter(|_| enrolled.read.len() == wanted.len() && enrolled.new.is_empty()) {
            self.chooser.filled(enrolled.read.len(), began.elapsed());
        }
        Ok(filled)
    }
}

/// Gives a ticket back when its fill fails or is given up by its caller.
struct TicketGuard<'a> {
    shard: &'a Mutex<Shard>,
    ticket: Option<Ticket>,
}

impl Drop for TicketGuard<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shard.lock().abandon(ticket);
        }
    }
}
