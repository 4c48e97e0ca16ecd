//! Who may see what: the one rule that every surface applies, and what a home timeline shows beyond it.
//!
//! Pure: a post's facts, the reader's own rows and the time in, a verdict out. Views may trail one another and rings may hold stale
//! entries; because every surface asks here at each read, an unfollow, block, mute or deletion shows at once.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::events::{ReplyTo, Visibility};
use crate::ids::{AccountId, UnixMillis};
use crate::rows::{StatusRow, entry_flags};

/// What of a post the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostFacts {
    /// Who posted or reblogged.
    pub author: AccountId,
    /// Who may see it.
    pub visibility: Visibility,
    /// For a reblog: the original and its author.
    pub reblog_of: Option<ReplyTo>,
    /// What it answers.
    pub in_reply_to: Option<ReplyTo>,
    /// Who is mentioned.
    pub mentions: SmallVec<[AccountId; 2]>,
    /// ISO 639 code.
    pub language: Option<String>,
}

impl From<&StatusRow> for PostFacts {
    fn from(row: &StatusRow) -> Self {
        Self {
            author: row.author,
            visibility: row.visibility,
            reblog_of: row.reblog_of,
            in_reply_to: row.in_reply_to,
            mentions: row.content.mentions.iter().map(|mention| mention.account).collect(),
            language: row.content.language.clone(),
        }
    }
}

/// What a reader wants of somebody followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowOptions {
    /// Whether reblogs are wanted.
    pub reblogs: bool,
    /// Only these languages, if any.
    pub languages: Vec<String>,
}

/// A reader, as its own rows describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reader {
    /// Who reads.
    pub account: AccountId,
    /// Whom it follows: admitted follows only.
    pub followees: FxHashMap<AccountId, FollowOptions>,
    /// Whom it blocks.
    pub blocks: FxHashSet<AccountId>,
    /// Who blocks it.
    pub blocked_by: FxHashSet<AccountId>,
    /// Whom it mutes, and when each mute ends by itself; 0 for never.
    pub mutes: FxHashMap<AccountId, UnixMillis>,
}

impl Reader {
    /// Whether it follows the account, admitted.
    pub fn follows(&self, account: AccountId) -> bool {
        self.followees.contains_key(&account)
    }

    /// Whether it mutes the account at that time.
    pub fn mutes(&self, account: AccountId, now: UnixMillis) -> bool {
        self.mutes.get(&account).is_some_and(|expires| *expires == 0 || *expires > now)
    }

    /// Whether feeds leave the account out: it is blocked or muted. (Those who block the reader are hidden by the rule of visibility.)
    pub fn avoids(&self, account: AccountId, now: UnixMillis) -> bool {
        self.blocks.contains(&account) || self.mutes(account, now)
    }

    fn avoids_nobody(&self) -> bool {
        self.blocks.is_empty() && self.mutes.is_empty()
    }
}

/// Whether the reader (nobody: signed out) may see the post, or the wrapper that a reblog is.
fn may_see_one(reader: Option<&Reader>, post: &PostFacts) -> bool {
    let Some(reader) = reader else { return post.visibility.is_open() };
    if post.author == reader.account {
        return true;
    }
    if reader.blocked_by.contains(&post.author) {
        return false;
    }
    match post.visibility {
        Visibility::Public | Visibility::Unlisted => true,
        Visibility::Private => reader.follows(post.author) || post.mentions.contains(&reader.account),
        Visibility::Direct => post.mentions.contains(&reader.account),
    }
}

/// Whether the reader (nobody: signed out) may see the post. A reblog is seen where both it and its original may be; one whose original
/// is gone (`original` is nothing) is gone too.
pub fn may_see(reader: Option<&Reader>, post: &PostFacts, original: Option<&PostFacts>) -> bool {
    let original_seen = match (&post.reblog_of, original) {
        (None, _) => true,
        (Some(_), Some(original)) => may_see_one(reader, original),
        (Some(_), None) => false,
    };
    original_seen && may_see_one(reader, post)
}

/// Whether a feed (public, tag, thread) shows the post: the reader may see it, and it is not from somebody avoided, nor a reblog of one.
pub fn shown_in_feeds(reader: Option<&Reader>, post: &PostFacts, original: Option<&PostFacts>, now: UnixMillis) -> bool {
    let avoided = |facts: &PostFacts| reader.is_some_and(|reader| reader.avoids(facts.author, now));
    may_see(reader, post, original) && !avoided(post) && !original.is_some_and(avoided)
}

/// Whether the post is about somebody avoided: its author, whom it answers, or whom it mentions.
fn about_avoided(reader: &Reader, post: &PostFacts, now: UnixMillis) -> bool {
    let avoided = |account: AccountId| account != reader.account && reader.avoids(account, now);
    avoided(post.author)
        || post.in_reply_to.as_ref().is_some_and(|parent| avoided(parent.account))
        || post.mentions.iter().any(|account| avoided(*account))
}

/// Whether the home timeline shows the post, before reblogs of one original are thinned out.
///
/// Own posts always. Of followees: nothing from or about somebody avoided, nor a reblog of it (own reblogs included); answers only to
/// their own posts, to the reader or to somebody followed; reblogs only where they are wanted; posts only in the languages wanted (a post
/// without one passes, and a reblog has none). Source of the rules: Mastodon's `FeedManager#filter_from_home` and `#clear_from_home`.
pub fn shown_in_home(reader: &Reader, post: &PostFacts, original: Option<&PostFacts>, now: UnixMillis) -> bool {
    if !may_see(Some(reader), post, original) {
        return false;
    }
    let own = post.author == reader.account;
    if own && post.reblog_of.is_none() {
        return true;
    }
    let about = |facts: &PostFacts| about_avoided(reader, facts, now);
    if !reader.avoids_nobody() && (about(post) || original.is_some_and(about)) {
        return false;
    }
    if own {
        return true;
    }
    let Some(follow) = reader.followees.get(&post.author) else { return false };
    if post.reblog_of.is_some() {
        return follow.reblogs;
    }
    if let Some(language) = &post.language
        && !follow.languages.is_empty()
        && !follow.languages.contains(language)
    {
        return false;
    }
    post.in_reply_to
        .as_ref()
        .is_none_or(|parent| parent.account == post.author || parent.account == reader.account || reader.follows(parent.account))
}

/// Whether the home timeline shows an entry, as far as its author and flags ([`crate::rows::entry_flags`]) alone say so: true only where
/// [`shown_in_home`] is, whatever else the post holds; of no use for reblogs, answers to others, or readers who avoid somebody.
pub fn surely_shown_in_home(reader: &Reader, author: AccountId, flags: u32) -> bool {
    let plain = flags & (entry_flags::REBLOG | entry_flags::REPLY) == 0 && entry_flags::visibility(flags) != Visibility::Direct;
    let own = author == reader.account;
    let follows_all = || reader.followees.get(&author).is_some_and(|follow| follow.languages.is_empty());
    plain && (own || reader.avoids_nobody() && !reader.blocked_by.contains(&author) && follows_all())
}

#[cfg(test)]
mod tests;
