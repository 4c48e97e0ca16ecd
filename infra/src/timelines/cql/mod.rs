//! Home timelines on CQL, for a cluster: projectors push to readers who read, queries read what was pushed; pulled is the rest.
//!
//! All of it is derived from the views and lives for days only. Nothing is lost, doubled or kept too long: docs/decisions/0010 says why.

mod audience;
mod block;
mod deliver;
mod page;
mod parcel;
mod seat;
mod shared;
mod shelf;
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

use self::audience::Audiences;
use self::seat::Seat;
use self::shared::{Shared, SharedState};
use self::shelf::Shelves;
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
    /// How old the audience of an author may be that posts are delivered to. Who sits down has a seat somewhat later than that; zero: at once.
    pub audience_age: Duration,
    /// How long a seat is used, in milliseconds.
    pub seat_life_ms: u64,
}

impl Default for CqlTimelineOptions {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { pull_above: 10_000, window_bits: 38, fill_entries: 256, shared_age: second, audience_age: second, seat_life_ms: 3 * DAY_MS }
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

    /// How long who sits down waits, from being in the audiences until the lists are read: longer than audiences are kept, by any clock.
    pub fn settling(&self) -> Duration {
        self.audience_age + self.audience_age / 2
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

/// Readers at most who sit down in the background; who comes beyond them reads without a seat.
const SITTING_MAX: usize = 4_096;

/// Home timelines in a keyspace.
pub struct CqlTimelines {
    core: Arc<Core>,
}

/// What reads, deliveries and those who sit down in the background share.
struct Core {
    tables: Tables,
    source: Arc<dyn TimelineSource>,
    clock: Clock,
    options: CqlTimelineOptions,
    shared: SharedState,
    audiences: Audiences,
    together: Together,
    shelves: Shelves,
    /// Readers for whom this process is making or extending a seat; others who read for them meanwhile pull.
    sitting: Mutex<FxHashSet<AccountId>>,
}

/// A reader's turn at sitting down.
struct Turn {
    core: Arc<Core>,
    reader: AccountId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.core.sitting.lock().remove(&self.reader);
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
        let core = Core {
            tables: Tables::prepare(client).await?,
            source,
            clock,
            options,
            shared: SharedState::new(options.shared_age),
            audiences: Audiences::new(options.audience_age),
            together: Together::default(),
            shelves: Shelves::default(),
            sitting: Mutex::default(),
        };
        Ok(Self { core: Arc::new(core) })
    }
}

impl Core {
    /// The accounts whose lists make up the reader's home, in order.
    async fn authors(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        let mut authors = self.source.followees(reader).await?;
        authors.push(reader);
        authors.sort_unstable();
        authors.dedup();
        Ok(authors)
    }

    /// A turn at sitting down for a reader, unless somebody has it or too many sit down.
    fn turn(self: &Arc<Self>, reader: AccountId) -> Option<Turn> {
        let mut sitting = self.sitting.lock();
        (sitting.len() < SITTING_MAX && sitting.insert(reader)).then(|| Turn { core: self.clone(), reader })
    }

    async fn home(self: &Arc<Self>, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        if self.options.pull_above == 0 {
            return self.pull(&self.authors(reader).await?, stretch).await;
        }
        // What is shared first: a seat may not count under an older reset than the one it is compared with.
        let shared = self.shared.recent(&self.tables).await?;
        let seat = async { Ok(self.tables.seat(reader).await?) };
        let (authors, seat) = tokio::try_join!(self.authors(reader).boxed(), seat.boxed())?;
        let mut held = seat.filter(|seat| seat.holds(shared.round, (self.clock)(), self.options.seat_life_ms));
        let is_whole = |author: &AccountId| shared.pulled.contains(author) || held.as_ref().is_some_and(|seat| seat.has(*author));
        if !(held.is_some() && authors.iter().all(is_whole)) {
            let Some(turn) = self.turn(reader) else { return self.pull(&authors, stretch).await };
            let seated = turn.take(held.clone(), authors.clone(), shared.clone());
            if self.options.audience_age.is_zero() {
                held = Some(seated.boxed().await?);
            } else {
                // This page is made without what the seat will have.
                tokio::spawn(async move {
                    if let Err(error) = seated.await {
                        tracing::debug!(%error, reader = reader.0, "a reader has not got a seat, the next read tries again");
                    }
                });
            }
        }
        match held {
            Some(seat) => self.page(reader, &seat, (&authors, &shared), stretch).boxed().await,
            None => self.pull(&authors, stretch).await,
        }
    }
}

impl Turn {
    /// Makes the reader a seat for these authors, or adds to the one that is held.
    async fn take(self, held: Option<Seat>, authors: Vec<AccountId>, shared: Arc<Shared>) -> Result<Seat, TimelineError> {
        match held {
            Some(seat) => self.core.learn(self.reader, seat, &authors, &shared).await,
            None => self.core.sit(self.reader, &authors, &shared).await,
        }
    }
}

#[async_trait]
impl Timelines for CqlTimelines {
    async fn apply(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        match self.core.options.pull_above {
            0 => Ok(()),
            _ => self.core.deliver_together(ops).await,
        }
    }

    async fn home(&self, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let crossed = stretch.above.zip(stretch.below).is_some_and(|(above, below)| above >= below);
        match stretch.limit == 0 || crossed {
            true => Ok(Vec::new()),
            false => self.core.home(reader, stretch).await,
        }
    }

    async fn delivery(&self, reader: AccountId, author: AccountId) -> Result<Delivery, TimelineError> {
        let core = &self.core;
        let shared = core.shared.recent(&core.tables).await?;
        let seat = core.tables.seat(reader).await?;
        let held = seat.filter(|seat| seat.holds(shared.round, (core.clock)(), core.options.seat_life_ms));
        let is_pushed = held.is_some_and(|seat| seat.has(author)) && !shared.pulled.contains(&author);
        Ok(if is_pushed { Delivery::Push } else { Delivery::Pull })
    }

    async fn reset(&self) -> Result<(), TimelineError> {
        Ok(self.core.shared.reset(&self.core.tables, rand::random()).await?)
    }
}
