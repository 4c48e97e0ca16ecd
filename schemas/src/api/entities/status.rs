//! The Status entity's part that is the same to every reader, its versions and its source.

use serde::Serialize;

use super::{Empty, Urls, timestamp};
use crate::api::html;
use crate::events::Visibility;
use crate::ids::{AppId, PostId};
use crate::rows::{AppRow, ContentRow, StatusCountRow, StatusEditRow, StatusRow};

/// What a post says the same to every reader. Hydration adds `uri` and `url` (they name the author's present handle), `account`,
/// `reblog`, and for a reader who is signed in `favourited`, `reblogged`, `muted`, `bookmarked`, `pinned` and `filtered`.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/Status/")]
pub struct StatusBody {
    pub id: String,
    pub created_at: String,
    pub in_reply_to_id: Option<String>,
    pub in_reply_to_account_id: Option<String>,
    pub sensitive: bool,
    pub spoiler_text: String,
    pub visibility: &'static str,
    pub language: Option<String>,
    pub replies_count: i64,
    pub reblogs_count: i64,
    pub favourites_count: i64,
    pub edited_at: Option<String>,
    pub content: String,
    pub application: Option<AppRef>,
    pub media_attachments: Empty,
    pub mentions: Vec<MentionRef>,
    pub tags: Vec<TagRef>,
    pub emojis: Empty,
    pub card: Option<()>,
    pub poll: Option<()>,
}

/// The application that a post was written with.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct AppRef {
    pub name: String,
    pub website: Option<String>,
}

/// Someone mentioned.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct MentionRef {
    pub id: String,
    pub username: String,
    pub url: String,
    pub acct: String,
}

/// A hashtag of a post.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's")]
pub struct TagRef {
    pub name: String,
    pub url: String,
}

impl StatusBody {
    /// The part of a post; `counts` is the sum over source partitions, `app` the application if it is known.
    pub fn new(id: PostId, row: &StatusRow, counts: &StatusCountRow, app: Option<&AppRow>, urls: &Urls) -> Self {
        let content = &row.content;
        Self {
            id: id.to_string(),
            created_at: timestamp(row.created_ms),
            in_reply_to_id: row.in_reply_to.as_ref().map(|parent| parent.post.to_string()),
            in_reply_to_account_id: row.in_reply_to.as_ref().map(|parent| parent.account.to_string()),
            sensitive: content.sensitive,
            spoiler_text: content.spoiler.clone(),
            visibility: row.visibility.name(),
            language: content.language.clone(),
            replies_count: counts.replies.max(0),
            reblogs_count: counts.reblogs.max(0),
            favourites_count: counts.favourites.max(0),
            edited_at: (row.edited_ms > 0).then(|| timestamp(row.edited_ms)),
            content: html::of_post(&content.text, &content.mentions, urls),
            application: app.filter(|_| row.app != AppId(0)).map(|app| AppRef { name: app.name.clone(), website: app.website.clone() }),
            media_attachments: [],
            mentions: mentions(content, urls),
            tags: content.tags.iter().map(|tag| TagRef { name: tag.clone(), url: urls.tag(tag) }).collect(),
            emojis: [],
            card: None,
            poll: None,
        }
    }
}

fn mentions(content: &ContentRow, urls: &Urls) -> Vec<MentionRef> {
    let named = content.mentions.iter();
    named
        .map(|mention| MentionRef {
            id: mention.account.to_string(),
            username: mention.handle.clone(),
            url: urls.account(&mention.handle),
            acct: mention.handle.clone(),
        })
        .collect()
}

/// A version of a post.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/StatusEdit/")]
pub struct StatusEdit<'a> {
    pub content: String,
    pub spoiler_text: &'a str,
    pub sensitive: bool,
    pub created_at: String,
    pub account: &'a serde_json::value::RawValue,
    pub media_attachments: Empty,
    pub emojis: Empty,
}

impl<'a> StatusEdit<'a> {
    /// The entity of a version, by the account whose JSON is given.
    pub fn new(row: &'a StatusEditRow, account: &'a serde_json::value::RawValue, urls: &Urls) -> Self {
        Self {
            content: html::of_post(&row.content.text, &row.content.mentions, urls),
            spoiler_text: &row.content.spoiler,
            sensitive: row.content.sensitive,
            created_at: timestamp(row.created_ms),
            account,
            media_attachments: [],
            emojis: [],
        }
    }
}

/// A post as it was written.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are Mastodon's: https://docs.joinmastodon.org/entities/StatusSource/")]
pub struct StatusSource<'a> {
    pub id: String,
    pub text: &'a str,
    pub spoiler_text: &'a str,
}

/// The visibilities whose posts their author may pin.
pub const fn pinnable(visibility: Visibility) -> bool {
    !matches!(visibility, Visibility::Direct)
}
