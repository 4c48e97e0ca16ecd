//! The API's entities as they are serialised: field for field what Mastodon 4 serves, so that its clients decode them unchanged.
//!
//! What a post says the same to every reader is [`StatusBody`], serialised once and kept; hydration appends what differs: flags, account,
//! the reblogged post.

mod account;
mod instance;
mod others;
mod status;
mod time;
mod urls;

pub use account::{Account, AccountParts, CredentialAccount, Field, Role, Source};
pub use instance::{InstanceFacts, instance_v1, instance_v2, nodeinfo};
pub use others::{AppEntity, FamiliarFollowers, Marker, Relationship, Tag, TagHistory};
pub use status::{AppRef, MentionRef, StatusBody, StatusEdit, StatusSource, TagRef, pinnable};
pub use time::{date, midnight, timestamp};
pub use urls::Urls;

/// The version of Mastodon's API that clients may rely on: what they parse out of `version`.
pub const MASTODON_COMPATIBLE: &str = "4.3.0";

/// `api_versions.mastodon`: 1 stands for tier 1; 2 would promise grouped notifications, 5 more filters, 7 quotes.
pub const API_VERSION: u32 = 1;

/// An always empty JSON array: what Roost has none of (custom emojis, media before they exist).
pub type Empty = [(); 0];
