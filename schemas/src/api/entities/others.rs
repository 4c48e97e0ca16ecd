//! Smaller entities: relationships, hashtags, applications, markers.

use serde::Serialize;

use super::{Urls, timestamp};
use crate::ids::{AccountId, AppId};
use crate::rows::{AppRow, MarkerRow};

/// How a reader and another account stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Relationship/")]
pub struct Relationship {
    pub id: String,
    pub following: bool,
    pub showing_reblogs: bool,
    pub notifying: bool,
    pub languages: Option<Vec<String>>,
    pub followed_by: bool,
    pub blocking: bool,
    pub blocked_by: bool,
    pub muting: bool,
    pub muting_notifications: bool,
    pub muting_expires_at: Option<String>,
    pub requested: bool,
    pub requested_by: bool,
    pub domain_blocking: bool,
    pub endorsed: bool,
    pub note: String,
}

/// A hashtag.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Tag/")]
pub struct Tag {
    pub id: String,
    pub name: String,
    pub url: String,
    pub history: Vec<TagHistory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub following: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub featuring: Option<bool>,
}

/// A day of a hashtag's use; numbers are text, as Mastodon has them.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct TagHistory {
    pub day: String,
    pub accounts: String,
    pub uses: String,
}

impl Tag {
    /// The entity of a hashtag; `signed_in` adds what only accounts have.
    pub fn new(name: &str, history: Vec<TagHistory>, signed_in: bool, urls: &Urls) -> Self {
        let own = signed_in.then_some(false);
        Self { id: name.to_owned(), name: name.to_owned(), url: urls.tag(name), history, following: own, featuring: own }
    }
}

/// An application, as its own tokens see it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Application/")]
pub struct AppEntity<'a> {
    pub id: String,
    pub name: &'a str,
    pub website: Option<&'a str>,
    pub scopes: &'a [String],
    pub redirect_uri: String,
    pub redirect_uris: &'a [String],
    pub vapid_key: &'static str,
}

impl<'a> AppEntity<'a> {
    /// The entity of an application.
    pub fn new(id: AppId, row: &'a AppRow) -> Self {
        Self {
            id: id.to_string(),
            name: &row.name,
            website: row.website.as_deref(),
            scopes: &row.scopes,
            redirect_uri: row.redirect_uris.join("\n"),
            redirect_uris: &row.redirect_uris,
            vapid_key: "",
        }
    }
}

/// How far a timeline was read.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Marker/")]
pub struct Marker {
    pub last_read_id: String,
    pub version: u64,
    pub updated_at: String,
}

impl From<&MarkerRow> for Marker {
    fn from(row: &MarkerRow) -> Self {
        Self { last_read_id: row.last_read.to_string(), version: row.version, updated_at: timestamp(row.updated_ms) }
    }
}

/// Who of one's followees follows an account.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/FamiliarFollowers/")]
pub struct FamiliarFollowers<'a> {
    pub id: String,
    pub accounts: &'a serde_json::value::RawValue,
}

impl FamiliarFollowers<'_> {
    /// The accounts (a JSON array) of an account.
    pub fn new(id: AccountId, accounts: &serde_json::value::RawValue) -> FamiliarFollowers<'_> {
        FamiliarFollowers { id: id.to_string(), accounts }
    }
}
