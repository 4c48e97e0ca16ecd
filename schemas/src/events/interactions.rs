//! What an account does with a post: favourite, bookmark, pin, mute its thread.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, PostId, RelationId};

/// The account favours a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Favourited {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// It no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfavourited {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// The account keeps a post for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmarked {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// It no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unbookmarked {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// The account shows its own post first on its profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// It no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpinned {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
    /// Names this making of the relation.
    pub relation: RelationId,
}

/// No notifications of the thread that holds the post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationMuted {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
}

/// Notifications again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationUnmuted {
    /// Who.
    pub account: AccountId,
    /// Which post.
    pub post: PostId,
}
