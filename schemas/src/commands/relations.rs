//! Commands on follows, blocks, mutes and notes.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, RelationId, UnixMillis};

/// Wishes to follow; on a follow that stands, changes only what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The account.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Whether its reblogs are wanted; unchanged (or yes) if not said.
    pub reblogs: Option<bool>,
    /// Whether each post is to be notified; unchanged (or no) if not said.
    pub notify: Option<bool>,
    /// Only these languages; unchanged (or all) if not said.
    pub languages: Option<Vec<String>>,
    /// Whether to ask anew although a wish stands: the reader saw that the target does not admit it.
    pub renew: bool,
}

/// Acts on another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnAccount {
    /// The account.
    pub account: AccountId,
    /// The other.
    pub target: AccountId,
}

/// A follow, told to the partition of the followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerFollow {
    /// The followed.
    pub account: AccountId,
    /// The follower.
    pub follower: AccountId,
    /// The follow.
    pub relation: RelationId,
}

/// An answer, told to the partition of the follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnFollow {
    /// The follower.
    pub account: AccountId,
    /// The followed.
    pub target: AccountId,
    /// The follow.
    pub relation: RelationId,
}

/// The followed acts on a follower or request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerOf {
    /// The followed.
    pub account: AccountId,
    /// The follower.
    pub follower: AccountId,
}

/// Mutes, or changes a mute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// The account.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Whether its notifications are unwanted too.
    pub notifications: bool,
    /// When it ends by itself; 0 for never.
    pub expires_ms: UnixMillis,
}

/// Notes something on another account; empty removes the note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetNote {
    /// The account.
    pub account: AccountId,
    /// On whom.
    pub target: AccountId,
    /// The note.
    pub text: String,
}
