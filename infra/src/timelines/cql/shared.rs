//! What all processes share about timelines: the authors who are pulled, and the number of the last reset. Read from time to time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use rustc_hash::{FxHashMap, FxHashSet};
use schemas::AccountId;

use super::tables::{Tables, id};
use crate::cql::CqlFailure;

const RESET: i8 = 0;
const PULLED: i8 = 1;

/// What is shared, as of some time.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Names the last reset; random.
    pub(super) round: i64,
    /// Authors whose posts are no longer pushed to everybody.
    pub(super) pulled: FxHashSet<AccountId>,
}

/// See the module.
pub(super) struct SharedState {
    /// How old it may be when something is decided by it.
    age_max: Duration,
    seen: RwLock<Option<(Instant, Arc<Shared>)>>,
    /// When this process first knew of a pulled author.
    known: Mutex<FxHashMap<AccountId, Instant>>,
}

impl SharedState {
    pub(super) fn new(age_max: Duration) -> Self {
        Self { age_max, seen: RwLock::default(), known: Mutex::default() }
    }

    pub(super) async fn recent(&self, tables: &Tables) -> Result<Arc<Shared>, CqlFailure> {
        if let Some((at, shared)) = &*self.seen.read()
            && at.elapsed() < self.age_max
        {
            return Ok(shared.clone());
        }
        let at = Instant::now();
        let mut shared = Shared::default();
        for (kind, id, value) in tables.shared().await? {
            match kind {
                RESET => shared.round = value,
                // Ids are below 2^63.
                PULLED => drop(shared.pulled.insert(AccountId(id as u64))),
                // Of a newer build.
                _ => {}
            }
        }
        let known_since = Instant::now();
        let mut known = self.known.lock();
        for author in &shared.pulled {
            known.entry(*author).or_insert(known_since);
        }
        drop(known);
        let shared = Arc::new(shared);
        *self.seen.write() = Some((at, shared.clone()));
        Ok(shared)
    }

    /// Whether every process goes by the author's being pulled: then nothing need be pushed.
    pub(super) fn is_settled(&self, author: AccountId) -> bool {
        self.known.lock().get(&author).is_some_and(|since| since.elapsed() >= self.age_max * 2)
    }

    /// Has the author pulled from now on.
    pub(super) async fn pull(&self, tables: &Tables, author: AccountId) -> Result<(), CqlFailure> {
        tables.put_shared(PULLED, id(author), 0).await?;
        tracing::info!(author = author.0, "an author's audience is above the limit: its posts are pulled from now on");
        self.known.lock().entry(author).or_insert_with(Instant::now);
        *self.seen.write() = None;
        Ok(())
    }

    /// Ends all seats.
    pub(super) async fn reset(&self, tables: &Tables, round: i64) -> Result<(), CqlFailure> {
        tables.put_shared(RESET, 0, round).await?;
        *self.seen.write() = None;
        Ok(())
    }
}
