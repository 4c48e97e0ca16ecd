//! Blocks, mutes and private notes.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, RelationId, UnixMillis};

/// Neither sees the other from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Who acts.
    pub account: AccountId,
    /// On whom.
    pub target: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// The block is over; former follows stay ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unblocked {
    /// Who acts.
    pub account: AccountId,
    /// On whom.
    pub target: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// The account does not want to see the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muted {
    /// Who acts.
    pub account: AccountId,
    /// On whom.
    pub target: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
    /// Whether its notifications are unwanted too.
    pub notifications: bool,
    /// When it ends by itself; 0 for never.
    pub expires_ms: UnixMillis,
}

/// The mute is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmuted {
    /// Who acts.
    pub account: AccountId,
    /// On whom.
    pub target: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// The account's private note on another; empty removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteSet {
    /// Who notes.
    pub account: AccountId,
    /// On whom.
    pub target: AccountId,
    /// The note.
    pub text: String,
}
