//! What a command answers: a receipt, a rejection (the caller's fault) or an error (ours).

use serde::{Deserialize, Serialize};

use crate::log::PositionToken;

/// What was done, and where the log says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// The positions of the record and of its follow-ups on other partitions: what a read must have passed to see all of it. For a
    /// command that changed nothing, the end of its partition.
    pub positions: PositionToken,
    /// The id that the command made (a post, a reblog, a relation, an account), or that stood already; 0 for none.
    pub id: u64,
    /// Whether this is the answer of an earlier call with the same command id.
    pub repeated: bool,
}

/// Why a command is refused: the caller's fault, and final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// What it acts on is not there.
    #[error("record not found")]
    NotFound,
    /// The actor may not do this.
    #[error("this action is not allowed")]
    NotAllowed,
    /// Following, muting or blocking oneself.
    #[error("this cannot be done to oneself")]
    OnOneself,
    /// Over the follow cap.
    #[error("you cannot follow more than {limit} accounts")]
    FollowCap {
        /// The cap.
        limit: u32,
    },
    /// Over the number of pinned posts.
    #[error("you have already pinned the maximum number of posts ({limit})")]
    PinCap {
        /// The cap.
        limit: u32,
    },
    /// Somebody has it, or has claimed it.
    #[error("handle has already been taken")]
    HandleTaken,
    /// A value is out of its limits.
    #[error("{field} {problem}")]
    Invalid {
        /// The parameter, as clients name it.
        field: String,
        /// What is wrong, to be read after the name.
        problem: String,
    },
    /// The authorization code is spent, expired, or another application's.
    #[error("the authorization code is invalid, expired or spent")]
    BadCode,
    /// The marker moved since it was read.
    #[error("conflict during update, please try again")]
    Conflict,
}

/// Why a command has no receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CommandError {
    /// The caller's fault, and final.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The queue is full: nothing was done; retry after a second.
    #[error("over capacity, retry later")]
    Overloaded,
    /// Nothing counts; the same command id may be sent again.
    #[error("not done, retry with the same command id: {0}")]
    Retry(String),
    /// It may count; the same command id, sent again, tells.
    #[error("outcome unknown, retry with the same command id: {0}")]
    Unknown(String),
    /// Our fault.
    #[error("write side failed: {0}")]
    Failed(String),
}
