//! Parts that several events carry.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, PostId, UnixMillis};

/// Who may see a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Anyone; shown in public timelines.
    #[default]
    Public,
    /// Anyone; not shown in public and tag timelines.
    Unlisted,
    /// Followers and those mentioned.
    Private,
    /// Those mentioned.
    Direct,
}

impl Visibility {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
            Self::Direct => "direct",
        }
    }

    /// The visibility of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Public, Self::Unlisted, Self::Private, Self::Direct].into_iter().find(|v| v.name() == name)
    }

    /// Whether anyone may see the post, signed in or not.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Unlisted)
    }
}

/// A line of the profile's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileField {
    /// Label.
    pub name: String,
    /// Text, as written.
    pub value: String,
    /// When its link was verified; 0 for not.
    pub verified_ms: UnixMillis,
}

/// What an account says of itself, and its posting defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Profile {
    /// Shown name; empty shows the handle.
    pub display_name: String,
    /// Biography, as written.
    pub note: String,
    /// Table.
    pub fields: Vec<ProfileField>,
    /// Blob key.
    pub avatar: Option<String>,
    /// Blob key.
    pub header: Option<String>,
    /// Whether followers need approval.
    pub locked: bool,
    /// Whether it is run by a program.
    pub bot: bool,
    /// Whether it may be suggested.
    pub discoverable: bool,
    /// Whether anyone may find its public posts by search.
    pub indexable: bool,
    /// Whether its follows are hidden.
    pub hide_collections: bool,
    /// Of new posts.
    pub default_visibility: Visibility,
    /// Of new posts.
    pub default_sensitive: bool,
    /// Of new posts.
    pub default_language: Option<String>,
}

/// Someone named in a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Who.
    pub account: AccountId,
    /// By which handle.
    pub handle: String,
}

/// What a post answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub account: AccountId,
}
