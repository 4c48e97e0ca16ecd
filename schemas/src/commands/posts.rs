//! Commands on posts.

use serde::{Deserialize, Serialize};

use crate::events::{Mention, ReplyTo, Visibility};
use crate::ids::{AccountId, AppId, PostId};

/// What a post says; mentions and tags are resolved at the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Content {
    /// As written.
    pub text: String,
    /// Content warning; empty for none.
    pub spoiler: String,
    /// Whether media are to be hidden at first.
    pub sensitive: bool,
    /// ISO 639 code.
    pub language: Option<String>,
    /// Who is mentioned.
    pub mentions: Vec<Mention>,
    /// Hashtags, normalised, each once.
    pub tags: Vec<String>,
}

/// Publishes a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishPost {
    /// The author.
    pub account: AccountId,
    /// What it says.
    pub content: Content,
    /// Who may see it.
    pub visibility: Visibility,
    /// The post it answers, seen by the author.
    pub in_reply_to: Option<ReplyTo>,
    /// With which application; 0 for none.
    pub app: AppId,
}

/// Gives a post a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditPost {
    /// The author.
    pub account: AccountId,
    /// The post.
    pub post: PostId,
    /// What it says now.
    pub content: Content,
}

/// Deletes a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletePost {
    /// The author.
    pub account: AccountId,
    /// The post.
    pub post: PostId,
}

/// Reblogs a post that the account sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reblog {
    /// The account.
    pub account: AccountId,
    /// The original.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
    /// Who may see the reblog.
    pub visibility: Visibility,
}

/// Takes a reblog back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreblog {
    /// The account.
    pub account: AccountId,
    /// The original.
    pub post: PostId,
}

/// Does something with a post that the account sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPost {
    /// The account.
    pub account: AccountId,
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
}
