//! What a writer does: the request that asks for it, and the command id that it must leave in the log.

use schemas::AccountId;
use schemas::log::CommandId;
use serde::{Deserialize, Serialize};

/// A write. Ids are as the API shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// A post; its text is the attempt's key.
    Post,
    /// A reply; likewise.
    Reply { to: String },
    /// A reblog of a post.
    Reblog { of: String },
    /// A favourite for a post.
    Favourite { of: String },
    /// The end of a post of one's own.
    Delete { post: String },
    /// A follow.
    Follow { whom: String },
    /// Its end.
    Unfollow { whom: String },
    /// A block.
    Block { whom: String },
    /// Its end.
    Unblock { whom: String },
}

/// An action that was sent. Its key is its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) writer: usize,
    pub(super) key: String,
    pub(super) action: Action,
}

/// What became of an attempt, as far as its writer knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Acknowledged, with the id of the entity that came back.
    Ok(String),
    /// Refused before anything was done.
    Refused,
    /// No answer, or one that leaves it open.
    Unknown,
    /// Left open for good: sent again, it was refused since what it is about was deleted meanwhile.
    Moot,
}

impl Action {
    /// The method and path of the request.
    pub(super) fn request(&self) -> (&'static str, String) {
        match self {
            Self::Post | Self::Reply { .. } => ("POST", "/api/v1/statuses".to_owned()),
            Self::Reblog { of } => ("POST", format!("/api/v1/statuses/{of}/reblog")),
            Self::Favourite { of } => ("POST", format!("/api/v1/statuses/{of}/favourite")),
            Self::Delete { post } => ("DELETE", format!("/api/v1/statuses/{post}")),
            Self::Follow { whom } => ("POST", format!("/api/v1/accounts/{whom}/follow")),
            Self::Unfollow { whom } => ("POST", format!("/api/v1/accounts/{whom}/unfollow")),
            Self::Block { whom } => ("POST", format!("/api/v1/accounts/{whom}/block")),
            Self::Unblock { whom } => ("POST", format!("/api/v1/accounts/{whom}/unblock")),
        }
    }

    /// The body of the request.
    pub(super) fn body(&self, key: &str) -> serde_json::Value {
        match self {
            Self::Post => serde_json::json!({ "status": key }),
            Self::Reply { to } => serde_json::json!({ "status": key, "in_reply_to_id": to }),
            _ => serde_json::json!({}),
        }
    }

    /// The post that the action needs, which its author may delete meanwhile.
    pub(super) fn needs(&self) -> Option<&str> {
        match self {
            Self::Reply { to } => Some(to),
            Self::Reblog { of } | Self::Favourite { of } => Some(of),
            _ => None,
        }
    }

    /// What tells one command of an account from others under the same idempotency key (`commands/src/http/`).
    fn scope(&self) -> String {
        match self {
            Self::Post | Self::Reply { .. } => "publish".to_owned(),
            Self::Reblog { of } => format!("reblog/{of}"),
            Self::Favourite { of } => format!("favourite/{of}"),
            Self::Delete { post } => format!("delete/{post}"),
            Self::Follow { whom } => format!("follow/{whom}"),
            Self::Unfollow { whom } => format!("unfollow/{whom}"),
            Self::Block { whom } => format!("block/{whom}"),
            Self::Unblock { whom } => format!("unblock/{whom}"),
        }
    }
}

impl Attempt {
    /// The id of its command, as `inspect` prints it.
    pub(super) fn command(&self, account: AccountId) -> String {
        format!("{:032x}", CommandId::from_key(account, &self.action.scope(), &self.key).0)
    }
}
