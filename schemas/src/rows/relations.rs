//! Rows of the relations view.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, RelationId, UnixMillis};

/// A follow as the follower keeps it. Source: the follower's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolloweeRow {
    /// The follow.
    pub relation: RelationId,
    /// Whether the target has admitted it; else it is a request.
    pub confirmed: bool,
    /// Whether reblogs are wanted.
    pub reblogs: bool,
    /// Whether each post is to be notified.
    pub notify: bool,
    /// Only these, if any.
    pub languages: Vec<String>,
}

/// A follow as the followed keeps it. Source: the followed's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerRow {
    /// The follow.
    pub relation: RelationId,
    /// Whether it is admitted; else it waits for an answer.
    pub accepted: bool,
}

/// The other side, in a list of relations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// The other account.
    pub account: AccountId,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationRow {
    /// This making of it.
    pub relation: RelationId,
}

/// A mute. Source: the muting account's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteRow {
    /// This making of it.
    pub relation: RelationId,
    /// Whether notifications are unwanted too.
    pub notifications: bool,
    /// When it ends by itself; 0 for never.
    pub expires_ms: UnixMillis,
}

/// A private note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRow {
    /// The note.
    pub text: String,
}
