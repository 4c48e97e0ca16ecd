//! Rows of the statuses view.

use serde::{Deserialize, Serialize};

use crate::events::{Mention, ReplyTo, Visibility};
use crate::ids::{AccountId, AppId, PostId, RelationId, UnixMillis};
use crate::log::Offset;

/// A post or a reblog. Source: its author's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRow {
    /// Who posted or reblogged.
    pub author: AccountId,
    /// Who may see it.
    pub visibility: Visibility,
    /// For a reblog: the original and its author; the content is empty then.
    pub reblog_of: Option<ReplyTo>,
    /// What it says.
    pub content: ContentRow,
    /// What it answers.
    pub in_reply_to: Option<ReplyTo>,
    /// With which application; 0 for none.
    pub app: AppId,
    /// When it was published.
    pub created_ms: UnixMillis,
    /// When it was last edited; 0 for never.
    pub edited_ms: UnixMillis,
    /// Versions so far, from 1.
    pub versions: u64,
}

/// What a post says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ContentRow {
    /// As written.
    pub text: String,
    /// Content warning; empty for none.
    pub spoiler: String,
    /// Whether media are hidden at first.
    pub sensitive: bool,
    /// ISO 639 code.
    pub language: Option<String>,
    /// Who is mentioned.
    pub mentions: Vec<Mention>,
    /// Hashtags, normalised.
    pub tags: Vec<String>,
}

/// A version of a post. Source: its author's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEditRow {
    /// What it said.
    pub content: ContentRow,
    /// When this version was written.
    pub created_ms: UnixMillis,
}

/// A source partition's share of a post's counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct StatusCountRow {
    /// Open replies.
    pub replies: i64,
    /// Reblogs.
    pub reblogs: i64,
    /// Favourites.
    pub favourites: i64,
    /// The last offset counted, plus 1: replaying below changes nothing.
    pub last: Offset,
}

/// The author, in a list of posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorRow {
    /// Who posted.
    pub author: AccountId,
}

/// The post, in a list of relations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostRow {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: AccountId,
}

/// What an account did with a post. Source: the account's partition. Removed when all is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct InteractionRow {
    /// The favourite.
    pub favourite: Option<RelationId>,
    /// The bookmark.
    pub bookmark: Option<RelationId>,
    /// The pin.
    pub pin: Option<RelationId>,
    /// The reblog.
    pub reblog: Option<PostId>,
    /// Whether the thread is muted.
    pub muted: bool,
}
