//! The Account entity, and the CredentialAccount that only its owner sees.

use serde::Serialize;

use super::{Empty, Urls, date, midnight, timestamp};
use crate::api::html;
use crate::ids::AccountId;
use crate::rows::{AccountRow, AccountStatsRow};

/// An account as anyone sees it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Account/")]
pub struct Account {
    pub id: String,
    pub username: String,
    pub acct: String,
    pub display_name: String,
    pub locked: bool,
    pub bot: bool,
    pub discoverable: bool,
    pub indexable: bool,
    pub group: bool,
    pub created_at: String,
    pub note: String,
    pub url: String,
    pub uri: String,
    pub avatar: String,
    pub avatar_static: String,
    pub header: String,
    pub header_static: String,
    pub followers_count: u64,
    pub following_count: u64,
    pub statuses_count: u64,
    pub last_status_at: Option<String>,
    pub hide_collections: bool,
    pub noindex: bool,
    pub emojis: Empty,
    pub roles: Empty,
    pub fields: Vec<Field>,
}

/// A line of the profile's table.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct Field {
    pub name: String,
    pub value: String,
    pub verified_at: Option<String>,
}

/// The own account.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Account/#CredentialAccount")]
pub struct CredentialAccount {
    #[serde(flatten)]
    pub account: Account,
    pub source: Source,
    pub role: Role,
}

/// What the owner wrote, and its posting defaults.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct Source {
    pub privacy: &'static str,
    pub sensitive: bool,
    pub language: Option<String>,
    pub note: String,
    pub fields: Vec<Field>,
    pub follow_requests_count: u64,
    pub hide_collections: bool,
    pub discoverable: bool,
    pub indexable: bool,
    pub attribution_domains: Empty,
}

/// The role that everybody has.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct Role {
    pub id: &'static str,
    pub name: &'static str,
    pub permissions: &'static str,
    pub color: &'static str,
    pub highlighted: bool,
}

/// Mastodon's role "everyone": it may invite, and nothing else.
const EVERYONE: Role = Role { id: "-99", name: "", permissions: "65536", color: "", highlighted: false };

/// What an account entity is made of.
#[derive(Debug, Clone, Copy)]
pub struct AccountParts<'a> {
    /// Whose.
    pub id: AccountId,
    /// Its profile.
    pub row: &'a AccountRow,
    /// Its counts.
    pub stats: &'a AccountStatsRow,
}

impl Account {
    /// The entity of an account.
    pub fn new(parts: AccountParts<'_>, urls: &Urls) -> Self {
        let AccountParts { id, row, stats } = parts;
        let profile = &row.profile;
        let avatar = urls.avatar(id, profile.avatar.as_deref());
        let header = urls.header(profile.header.as_deref());
        Self {
            id: id.to_string(),
            username: row.handle.clone(),
            acct: row.handle.clone(),
            display_name: profile.display_name.clone(),
            locked: profile.locked,
            bot: profile.bot,
            discoverable: profile.discoverable,
            indexable: profile.indexable,
            group: false,
            created_at: timestamp(midnight(row.created_ms)),
            note: html::of_note(&profile.note, urls),
            url: urls.account(&row.handle),
            uri: urls.account_uri(&row.handle),
            avatar_static: avatar.clone(),
            avatar,
            header_static: header.clone(),
            header,
            followers_count: stats.followers,
            following_count: stats.following,
            statuses_count: stats.statuses,
            last_status_at: (stats.last_status_ms > 0).then(|| date(stats.last_status_ms)),
            hide_collections: profile.hide_collections,
            noindex: false,
            emojis: [],
            roles: [],
            fields: fields(row, |value| html::of_field(value, urls)),
        }
    }
}

impl CredentialAccount {
    /// The entity of the own account.
    pub fn new(parts: AccountParts<'_>, urls: &Urls) -> Self {
        let profile = &parts.row.profile;
        let source = Source {
            privacy: profile.default_visibility.name(),
            sensitive: profile.default_sensitive,
            language: profile.default_language.clone(),
            note: profile.note.clone(),
            fields: fields(parts.row, str::to_owned),
            follow_requests_count: parts.stats.requests,
            hide_collections: profile.hide_collections,
            discoverable: profile.discoverable,
            indexable: profile.indexable,
            attribution_domains: [],
        };
        Self { account: Account::new(parts, urls), source, role: EVERYONE }
    }
}

fn fields(row: &AccountRow, render: impl Fn(&str) -> String) -> Vec<Field> {
    let lines = row.profile.fields.iter();
    lines
        .map(|field| Field {
            name: field.name.clone(),
            value: render(&field.value),
            verified_at: (field.verified_ms > 0).then(|| timestamp(field.verified_ms)),
        })
        .collect()
}
