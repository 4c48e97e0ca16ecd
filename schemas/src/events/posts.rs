//! Posts and reblogs.

use serde::{Deserialize, Serialize};

use super::shared::{Mention, ReplyTo, Visibility};
use crate::ids::{AccountId, AppId, PostId};

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostPublished {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub account: AccountId,
    /// Who may see it.
    pub visibility: Visibility,
    /// As written.
    pub text: String,
    /// Content warning; empty for none.
    pub spoiler: String,
    /// Whether media are to be hidden at first.
    pub sensitive: bool,
    /// ISO 639 code.
    pub language: Option<String>,
    /// Who is mentioned, resolved when written.
    pub mentions: Vec<Mention>,
    /// Hashtags, normalised, each once.
    pub tags: Vec<String>,
    /// The post it answers.
    pub in_reply_to: Option<ReplyTo>,
    /// With which application; 0 for none.
    pub app: AppId,
}

/// A post has a new version; earlier ones are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostEdited {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub account: AccountId,
    /// As published.
    pub visibility: Visibility,
    /// As written.
    pub text: String,
    /// Content warning; empty for none.
    pub spoiler: String,
    /// Whether media are to be hidden at first.
    pub sensitive: bool,
    /// ISO 639 code.
    pub language: Option<String>,
    /// Who is mentioned, resolved when written.
    pub mentions: Vec<Mention>,
    /// Hashtags, normalised, each once.
    pub tags: Vec<String>,
}

/// A post is gone; carries what readers need to take it out of counts and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostDeleted {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub account: AccountId,
    /// As published.
    pub visibility: Visibility,
    /// The post it answered.
    pub in_reply_to: Option<ReplyTo>,
    /// Who was mentioned.
    pub mentions: Vec<Mention>,
    /// Its hashtags.
    pub tags: Vec<String>,
}

/// A post is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reblogged {
    /// The reblog, a post of its own.
    pub reblog: PostId,
    /// Who reblogs.
    pub account: AccountId,
    /// The original.
    pub post: PostId,
    /// The original's author.
    pub author: AccountId,
    /// Who may see the reblog.
    pub visibility: Visibility,
}

/// A reblog is taken back, by its maker or because the original is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreblogged {
    /// The reblog, a post of its own.
    pub reblog: PostId,
    /// Who reblogs.
    pub account: AccountId,
    /// The original.
    pub post: PostId,
    /// The original's author.
    pub author: AccountId,
    /// Who may see the reblog.
    pub visibility: Visibility,
}
