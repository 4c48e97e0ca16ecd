//! Search over accounts, hashtags and the posts that a reader has a claim to.

mod posts;

use bytes::Bytes;
use infra::search::{Item, NameQuery, SearchQuery};
use rustc_hash::FxHashSet;
use schemas::handles::normalise;
use schemas::visibility::Reader;
use schemas::{AccountId, PostId};

use crate::caches::{CachedAccount, Held};
use crate::error::QueryError;
use crate::side::QuerySide;
use crate::{json, render};

pub use posts::PostSearch;

/// Hits of a kind, where no limit is asked for.
pub(crate) const HITS: usize = 20;
/// Hits of a kind at the most.
pub(crate) const HITS_MAX: usize = 40;
/// How far into the hits a search may start.
pub(crate) const OFFSET_MAX: usize = 200;

/// Names looked at per search, at the most, where filters leave some out.
const NAMES_MAX: usize = 100;
/// Characters of a query that are looked at.
const QUERY_CHARS_MAX: usize = 200;

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Accounts.
    Accounts,
    /// Posts.
    Statuses,
    /// Hashtags.
    Hashtags,
}

/// A search as asked for.
#[derive(Debug, Clone, Default)]
pub struct SearchAsk {
    /// What the user wrote.
    pub q: String,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Hits of each kind.
    pub limit: usize,
    /// Hits to pass over.
    pub offset: usize,
    /// Only accounts that the reader follows.
    pub following: bool,
    /// Narrows posts.
    pub posts: PostSearch,
}

impl QuerySide {
    /// The results of a search, as JSON.
    pub async fn search(&self, reader: Option<AccountId>, ask: &SearchAsk) -> Result<Bytes, QueryError> {
        let reader = self.reader(reader).await?;
        let q: String = ask.q.trim().chars().take(QUERY_CHARS_MAX).filter(|c| *c != '\0').collect();
        // An address is no hashtag, a hashtag no account, and an address with more behind it a sentence: as Mastodon has it.
        let wants = |kind: Kind| !q.is_empty() && ask.kind.is_none_or(|only| only == kind);
        let accounts = match wants(Kind::Accounts) && !q.starts_with('#') && !(q.contains('@') && q.contains(' ')) {
            true => self.find_accounts(reader.as_deref(), &q, ask).await?,
            false => Vec::new(),
        };
        let statuses = match &reader {
            Some(reader) if wants(Kind::Statuses) => self.find_posts(reader, &q, ask).await?,
            _ => Vec::new(),
        };
        let statuses = self.render_statuses(statuses, reader.as_deref()).await?;
        let hashtags = match wants(Kind::Hashtags) && !q.contains('@') {
            true => self.find_tags(&q, ask, reader.is_some()).await?,
            false => Bytes::from_static(b"[]"),
        };
        let mut out = Vec::new();
        for (name, list) in [("{\"accounts\":", render::accounts(&accounts)), (",\"statuses\":", statuses), (",\"hashtags\":", hashtags)] {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&list);
        }
        out.push(b'}');
        Ok(out.into())
    }

    /// The accounts that a reader finds, as JSON.
    pub async fn search_accounts(&self, reader: AccountId, ask: &SearchAsk) -> Result<Bytes, QueryError> {
        let reader = self.caches.reader(reader).await?;
        let q: String = ask.q.trim().chars().take(QUERY_CHARS_MAX).filter(|c| *c != '\0').collect();
        let found = if q.is_empty() { Vec::new() } else { self.find_accounts(Some(&reader), &q, ask).await? };
        Ok(render::accounts(&found))
    }

    /// By name; those behind a block only by their exact handle.
    async fn find_accounts(&self, reader: Option<&Reader>, q: &str, ask: &SearchAsk) -> Result<Vec<Held<CachedAccount>>, QueryError> {
        let Some(text) = self.local_part(q) else { return Ok(Vec::new()) };
        let exact = normalise(text);
        let mut found = Vec::new();
        let (mut passed, mut seen) = (0, FxHashSet::default());
        let mut candidates: Vec<AccountId> = self.lookup(text).await?.into_iter().collect();
        let names = NameQuery { text: text.to_owned(), offset: 0, limit: NAMES_MAX };
        for item in self.search.search(SearchQuery::Accounts(names)).await? {
            if let Item::Account(id) = item {
                candidates.push(id);
            }
        }
        for id in candidates {
            if found.len() >= ask.limit || !seen.insert(id) {
                continue;
            }
            let Some(account) = self.caches.account(id).await? else { continue };
            let hidden = reader.is_some_and(|reader| {
                let blocked = reader.blocks.contains(&id) || reader.blocked_by.contains(&id);
                (blocked && normalise(&account.row.handle) != exact) || (ask.following && !reader.follows(id))
            });
            if hidden {
                continue;
            }
            if passed < ask.offset {
                passed += 1;
            } else {
                found.push(account);
            }
        }
        Ok(found)
    }

    async fn find_tags(&self, q: &str, ask: &SearchAsk, signed_in: bool) -> Result<Bytes, QueryError> {
        let names = NameQuery { text: q.trim_start_matches('#').to_owned(), offset: ask.offset, limit: ask.limit };
        let mut tags = Vec::new();
        for item in self.search.search(SearchQuery::Tags(names)).await? {
            if let Item::Tag(name) = item {
                tags.push(self.tag_entity(&name, signed_in).await?);
            }
        }
        Ok(json(&tags))
    }
}

/// The posts among hits, in order.
fn posts_of(items: Vec<Item>) -> Vec<PostId> {
    let posts = items.into_iter().filter_map(|item| match item {
        Item::Status(id) => Some(id),
        _ => None,
    });
    posts.collect()
}
