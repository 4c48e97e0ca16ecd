//! Home timelines on CQL, for a cluster: projectors push to readers who read, queries read what was pushed; pulled is the rest.
//!
//! All of it is derived from the views and lives for days only. Nothing is lost, doubled or kept too long: docs/decisions/0010 says why.

mod block;
mod deliver;
mod page;
mod seat;
mod shared;
mod sit;
mod tables;
mod together;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use schemas::AccountId;

use self::seat::Seat;
use self::shared::SharedState;
use self::tables::Tables;
use self::together::Together;
use super::ring::Policy;
use super::{Delivery, Entry, Stretch, TimelineError, TimelineOp, TimelineSource, Timelines};
use crate::clock::Clock;
use crate::cql::{self, CqlClient};

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Audience rows and blocks outlive the seats that need them by this: far more than clocks disagree.
const MARGIN_S: i32 = 24 * 3_600;

/// What operators and tests choose about timelines on CQL.
#[derive(Debug, Clone, Copy)]
pub struct CqlTimelineOptions {
    /// Readers above which an author's posts are pulled; zero: nothing is pushed at all.
    pub pull_above: u64,
    /// Ids that differ in this many low bits only share a window; 38 bits are 70 minutes.
    pub window_bits: u32,
    /// Entries that a new seat is filled with.
    pub fill_entries: usize,
    /// How old what processes share may be when something is decided by it.
    pub shared_age: Duration,
    /// How long a seat is used, in milliseconds.
    pub seat_life_ms: u64,
}

impl Default for CqlTimelineOptions {
    fn default() -> Self {
        Self { pull_above: 10_000, window_bits: 38, fill_entries: 256, shared_age: Duration::from_secs(1), seat_life_ms: 3 * DAY_MS }
    }
}

impl CqlTimelineOptions {
    /// The options of a policy: what the ring engine decides by rates is decided by the size of the audience here.
    pub fn of(policy: Policy) -> Self {
        let usual = Self::default();
        let pull_above = match policy {
            Policy::PushAll => u64::MAX,
            Policy::PullAll => 0,
            Policy::Threshold { followers } => followers,
            Policy::Adaptive => usual.pull_above,
        };
        Self { pull_above, ..usual }
    }

    /// Seconds that a seat's row is kept.
    fn life_s(&self) -> i32 {
        i32::try_from(self.seat_life_ms / 1_000).unwrap_or(i32::MAX).clamp(1, TTL_S_MAX)
    }

    /// Seconds that everything else is kept.
    fn rest_s(&self) -> i32 {
        self.life_s() + MARGIN_S
    }
}

/// Servers take no longer times to live than 20 years; a year is more than any seat's life.
const TTL_S_MAX: i32 = 366 * 24 * 3_600;

/// Home timelines in a keyspace.
pub struct CqlTimelines {
    tables: Tables,
    source: Arc<dyn TimelineSource>,
    clock: Clock,
    options: CqlTimelineOptions,
    shared: SharedState,
    together: Together,
    /// Readers for whom this process is making or extending a seat; others who read for them meanwhile pull.
    sitting: Mutex<FxHashSet<AccountId>>,
}

/// A reader's turn at sitting down.
struct Turn<'a>(&'a Mutex<FxHashSet<AccountId>>, AccountId);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

impl CqlTimelines {
    /// Opens timelines over a source; fatal where the schema is older than this build.
    pub async fn open(
        client: Arc<CqlClient>,
        source: Arc<dyn TimelineSource>,
        clock: Clock,
        options: CqlTimelineOptions,
    ) -> Result<Self, TimelineError> {
        cql::check(&client).await?;
        let tables = Tables::prepare(client).await?;
        let shared = SharedState::new(options.shared_age);
        Ok(Self { tables, source, clock, options, shared, together: Together::default(), sitting: Mutex::default() })
    }

    /// The accounts whose lists make up the reader's home, in order.
    async fn authors(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        let mut authors = self.source.followees(reader).await?;
        authors.push(reader);
        authors.sort_unstable();
        authors.dedup();
        Ok(authors)
    }

    async fn seat(&self, reader: AccountId) -> Result<Option<Seat>, TimelineError> {
        Ok(self.tables.seat(reader).await?)
    }

    fn turn(&self, reader: AccountId) -> Option<Turn<'_>> {
        self.sitting.lock().insert(reader).then(|| Turn(&self.sitting, reader))
    }
}

#[async_trait]
impl Timelines for CqlTimelines {
    async fn apply(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        match self.options.pull_above {
            0 => Ok(()),
            _ => self.deliver_together(ops).await,
        }
    }

    async fn home(&self, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let crossed = stretch.above.zip(stretch.below).is_some_and(|(above, below)| above >= below);
        if stretch.limit == 0 || crossed {
            return Ok(Vec::new());
        }
        if self.options.pull_above == 0 {
            return self.pull(&self.authors(reader).await?, stretch).await;
        }
        // What is shared first: a seat may not count under an older reset than the one it is compared with.
        let shared = self.shared.recent(&self.tables).await?;
        let (authors, seat) = tokio::try_join!(self.authors(reader).boxed(), self.seat(reader).boxed())?;
        let held = seat.filter(|seat| seat.holds(shared.round, (self.clock)(), self.options.seat_life_ms));
        let is_whole = |author: &AccountId| shared.pulled.contains(author) || held.as_ref().is_some_and(|seat| seat.has(*author));
        let seat = match (held.as_ref(), authors.iter().all(is_whole)) {
            (Some(seat), true) => seat.clone(),
            (held, _) => {
                let Some(_turn) = self.turn(reader) else { return self.pull(&authors, stretch).await };
                match held {
                    Some(seat) => self.learn(reader, seat.clone(), &authors, &shared).boxed().await?,
                    None => self.sit(reader, &authors, &shared).boxed().await?,
                }
            }
        };
        self.page(reader, &seat, (&authors, &shared), stretch).boxed().await
    }

    async fn delivery(&self, reader: AccountId, author: AccountId) -> Result<Delivery, TimelineError> {
        let shared = self.shared.recent(&self.tables).await?;
        let seat = self.tables.seat(reader).await?;
        let held = seat.filter(|seat| seat.holds(shared.round, (self.clock)(), self.options.seat_life_ms));
        let is_pushed = held.is_some_and(|seat| seat.has(author)) && !shared.pulled.contains(&author);
        Ok(if is_pushed { Delivery::Push } else { Delivery::Pull })
    }

    async fn reset(&self) -> Result<(), TimelineError> {
        Ok(self.shared.reset(&self.tables, rand::random()).await?)
    }
}
