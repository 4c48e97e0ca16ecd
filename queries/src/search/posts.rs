//! Which posts a reader finds: those that it wrote, favourited, bookmarked or was mentioned in, and public ones of authors who let
//! themselves be found. Of each source the newest hits are taken, then merged.

use std::sync::Arc;

use infra::search::{HITS_MAX, SearchQuery, StatusQuery};
use rustc_hash::FxHashSet;
use schemas::events::Visibility;
use schemas::rows::{AuthorRow, InteractionRow, Table, keys};
use schemas::visibility::Reader;
use schemas::{AccountId, PostId};

use super::{SearchAsk, posts_of};
use crate::error::QueryError;
use crate::rows::IdRange;
use crate::side::{Known, QuerySide};

/// Marks and mentions that are searched, newest first, each.
const KEPT_MAX: usize = 10_000;
/// Hits that are looked at for posts of others that may be found, at the most.
const OTHERS_EXAMINED_MAX: usize = 1_000;

/// Narrows a search for posts.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostSearch {
    /// Only posts of this author.
    pub author: Option<AccountId>,
    /// Only posts older than this.
    pub max_id: Option<PostId>,
    /// Only posts newer than this.
    pub min_id: Option<PostId>,
}

impl QuerySide {
    /// Newest first.
    pub(super) async fn find_posts(&self, reader: &Reader, q: &str, ask: &SearchAsk) -> Result<Vec<Known>, QueryError> {
        let wanted = ask.offset + ask.limit;
        let narrow = ask.posts;
        let base = StatusQuery {
            text: q.to_owned(),
            author: narrow.author,
            max_id: narrow.max_id,
            min_id: narrow.min_id,
            limit: wanted.min(HITS_MAX),
            ..StatusQuery::default()
        };
        let mut found: Vec<PostId> = Vec::new();
        if narrow.author.is_none_or(|author| author == reader.account) {
            let own = StatusQuery { author: Some(reader.account), ..base.clone() };
            found.extend(posts_of(self.search.search(SearchQuery::Statuses(own)).await?));
        }
        let kept = self.kept_posts(reader.account).await?;
        if !kept.is_empty() {
            let among = StatusQuery { filter: Some(Arc::new(move |post| kept.contains(&post))), ..base.clone() };
            found.extend(posts_of(self.search.search(SearchQuery::Statuses(among)).await?));
        }
        found.extend(self.findable_of_others(reader, base, wanted).await?);
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.dedup();
        let mut posts = Vec::new();
        for known in self.seen_of(Some(reader), found).await? {
            if known.shown_in_feeds(Some(reader), self.now()) {
                posts.push(known);
            }
        }
        Ok(posts.into_iter().skip(ask.offset).take(ask.limit).collect())
    }

    /// What the reader favourited, bookmarked, or was mentioned in.
    async fn kept_posts(&self, reader: AccountId) -> Result<FxHashSet<PostId>, QueryError> {
        let newest = IdRange { limit: KEPT_MAX, ..IdRange::default() };
        let pk = keys::id(reader.0);
        let marked = self.rows.range::<InteractionRow>(Table::Interaction, pk.clone(), newest).await?;
        let kept = marked.into_iter().filter(|(_, mark)| mark.favourite.is_some() || mark.bookmark.is_some());
        let mut posts: FxHashSet<PostId> = kept.map(|(post, _)| PostId(post)).collect();
        let mentions = self.rows.range::<AuthorRow>(Table::Mention, pk, newest).await?;
        posts.extend(mentions.into_iter().map(|(post, _)| PostId(post)));
        Ok(posts)
    }

    /// Public posts of authors who let themselves be found.
    async fn findable_of_others(&self, reader: &Reader, base: StatusQuery, wanted: usize) -> Result<Vec<PostId>, QueryError> {
        let (mut found, mut examined) = (Vec::new(), 0);
        let mut query = StatusQuery { limit: HITS_MAX, ..base };
        while found.len() < wanted && examined < OTHERS_EXAMINED_MAX {
            let hits = posts_of(self.search.search(SearchQuery::Statuses(query.clone())).await?);
            let (count, last) = (hits.len(), hits.last().copied());
            for hit in hits {
                if let Some(known) = self.seen(Some(reader), hit).await?
                    && self.findable(&known).await?
                {
                    found.push(hit);
                }
            }
            examined += count;
            query.max_id = last;
            if count < HITS_MAX {
                break;
            }
        }
        Ok(found)
    }

    async fn findable(&self, known: &Known) -> Result<bool, QueryError> {
        if known.post.facts.visibility != Visibility::Public {
            return Ok(false);
        }
        let author = self.caches.account(known.post.facts.author).await?;
        Ok(author.is_some_and(|author| author.row.profile.indexable))
    }
}
