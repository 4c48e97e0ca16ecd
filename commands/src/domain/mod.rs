//! The rules. Deciding is a function of a command and the decision state; what happened changes that state; neither does I/O.
//!
//! One file per concept holds, side by side: which keys a command reads, what it decides, how its events change the state, and the specs.

mod accounts;
mod answer;
mod blocks;
mod dispatch;
mod follows;
mod handles;
mod identity;
mod interactions;
pub mod limits;
mod posts;
mod settings;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod spec;

pub use answer::answered;
pub use dispatch::{decide, evolve, keys_of, reads};
pub use limits::Limits;

use schemas::commands::Rejection;
use schemas::events::Event;
use schemas::ids::IdMaker;
use schemas::{AccountId, PostId, RelationId, UnixMillis};

use crate::state::{AccountState, Digest, State};

/// What deciding may use beside the state: all that varies enters here.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// The writer's clock, milliseconds since 1970.
    pub now_ms: UnixMillis,
    /// Makes ids of the writer's partition.
    pub ids: &'a mut IdMaker,
    /// What the operator allows.
    pub limits: &'a Limits,
}

impl Ctx<'_> {
    fn relation(&mut self) -> RelationId {
        self.ids.next(self.now_ms).into()
    }

    fn post(&mut self) -> PostId {
        self.ids.next(self.now_ms).into()
    }
}

/// What is to happen; no events if everything is as the command wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The events, of one record.
    pub events: Vec<Event>,
    /// The id that the command made, or that stood already; 0 for none.
    pub id: u64,
}

/// What deciding gives.
pub type Decided = Result<Decision, Rejection>;

fn unchanged(id: u64) -> Decided {
    Ok(Decision { events: Vec::new(), id })
}

fn one(id: u64, event: impl Into<Event>) -> Decided {
    Ok(Decision { events: vec![event.into()], id })
}

/// The account that acts, which must exist.
fn actor(state: &State, account: AccountId) -> Result<&AccountState, Rejection> {
    state.account(account).ok_or(Rejection::NotFound)
}

/// A SHA-256 hash of 32 bytes; other lengths name nothing.
fn digest(hash: &[u8]) -> Option<Digest> {
    hash.try_into().ok()
}
