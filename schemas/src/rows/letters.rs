//! Rows of the dead letters view.

use serde::{Deserialize, Serialize};

use crate::log::CommandId;

/// A record that a view could not take. Source: the record's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterRow {
    /// Why: what the decoder or the projection met; for a record held back, the offset of the one before it that it waits for.
    pub cause: LetterCause,
    /// The command whose outcome the record is.
    pub command_id: CommandId,
    /// Accounts, posts and applications that the record touches: later records that touch one of them are held back too.
    pub touches: Vec<u64>,
}

/// Why a record is among the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LetterCause {
    /// Its body cannot be decoded.
    Undecodable(String),
    /// The projection panicked.
    Panicked(String),
    /// It touches what an earlier dead letter touches.
    Held,
}
