//! Follows: the wish on the follower's partition, the admission on the target's, named by one relation id.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, RelationId};

/// The account wishes to follow; the target's partition answers. On the follower's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowRequested {
    /// Who follows.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Names this follow on both sides.
    pub relation: RelationId,
    /// Whether its reblogs are wanted.
    pub reblogs: bool,
    /// Whether each post is to be notified.
    pub notify: bool,
    /// Only these languages, if any are named.
    pub languages: Vec<String>,
}

/// What of the target is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowOptionsChanged {
    /// Who follows.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Names this follow on both sides.
    pub relation: RelationId,
    /// Whether its reblogs are wanted.
    pub reblogs: bool,
    /// Whether each post is to be notified.
    pub notify: bool,
    /// Only these languages, if any are named.
    pub languages: Vec<String>,
}

/// The target has admitted the follower. On the follower's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowConfirmed {
    /// Who follows.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Names this follow on both sides.
    pub relation: RelationId,
}

/// The follow, or the wish for it, is over by the target's doing. On the follower's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowEnded {
    /// Who follows.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Names this follow on both sides.
    pub relation: RelationId,
}

/// The follow, or the wish for it, is over by the follower's doing. On the follower's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfollowed {
    /// Who follows.
    pub account: AccountId,
    /// Whom.
    pub target: AccountId,
    /// Names this follow on both sides.
    pub relation: RelationId,
}

/// A locked account has a request to answer. On the target's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowPending {
    /// Who is followed.
    pub account: AccountId,
    /// By whom.
    pub follower: AccountId,
    /// The follow.
    pub relation: RelationId,
}

/// The follower is admitted. On the target's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowAccepted {
    /// Who is followed.
    pub account: AccountId,
    /// By whom.
    pub follower: AccountId,
    /// The follow.
    pub relation: RelationId,
}

/// The request is turned down. On the target's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowRejected {
    /// Who is followed.
    pub account: AccountId,
    /// By whom.
    pub follower: AccountId,
    /// The follow.
    pub relation: RelationId,
}

/// A follower or request is gone: removed, blocked, or by its own unfollow. On the target's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerRemoved {
    /// Who is followed.
    pub account: AccountId,
    /// By whom.
    pub follower: AccountId,
    /// The follow.
    pub relation: RelationId,
}
