//! Posts, serialised once.

use bytes::Bytes;
use infra::cache::Kept;
use schemas::api::entities::StatusBody;
use schemas::rows::{AppRow, KeyPart, StatusCountRow, StatusRow, Table, keys};
use schemas::visibility::PostFacts;
use schemas::{AppId, PostId};

use super::{Caches, Held, weight};
use crate::error::QueryError;

/// A post as it is kept: what the rules look at, and what is the same to every reader.
#[derive(Debug)]
pub(crate) struct CachedPost {
    pub(crate) facts: PostFacts,
    /// The entity's part that is the same to every reader, without its closing brace.
    pub(crate) body: Bytes,
    /// Hashtags, normalised.
    pub(crate) tags: Vec<String>,
}

/// What an entry costs beside its bytes: rows, keys, the cache's own nodes.
const OVERHEAD_BYTES: usize = 320;

pub(super) fn weigh(post: Option<&CachedPost>) -> u32 {
    weight(OVERHEAD_BYTES + post.map_or(0, |post| post.body.len()))
}

impl Caches {
    /// The post, if it exists.
    pub(crate) async fn post(&self, id: PostId) -> Result<Option<Held<CachedPost>>, QueryError> {
        Ok(Held::of(self.post_or_none(id).await?))
    }

    /// The post, or that there is none.
    pub(super) async fn post_or_none(&self, id: PostId) -> Result<Kept<Option<CachedPost>>, QueryError> {
        if let Some(held) = self.posts.get(&id) {
            return Ok(held);
        }
        let pk = keys::status(id).pk;
        let deps = [(Table::Status, pk.clone()), (Table::StatusCount, pk)];
        self.posts.get_or_load(&id, &deps, self.load_post(id)).await
    }

    async fn load_post(&self, id: PostId) -> Result<Option<CachedPost>, QueryError> {
        let Some(row) = self.rows.one::<StatusRow>(keys::status(id)).await? else { return Ok(None) };
        let counts = self.counts(id).await?;
        let app = self.app(row.app).await?;
        let body = StatusBody::new(id, &row, &counts, app.as_deref(), &self.settings.urls);
        let mut body = serde_json::to_vec(&body).expect("an entity is plain data: writing it to memory cannot fail");
        body.pop();
        Ok(Some(CachedPost { facts: PostFacts::from(&row), body: body.into(), tags: row.content.tags }))
    }

    /// The sum of a post's counts over source partitions.
    async fn counts(&self, id: PostId) -> Result<StatusCountRow, QueryError> {
        let mut sum = StatusCountRow::default();
        let parts: Vec<(KeyPart, StatusCountRow)> = self.rows.all(Table::StatusCount, keys::status(id).pk).await?;
        for (_, part) in parts {
            sum.replies += part.replies;
            sum.reblogs += part.reblogs;
            sum.favourites += part.favourites;
        }
        Ok(sum)
    }

    async fn app(&self, id: AppId) -> Result<Option<Held<AppRow>>, QueryError> {
        if id == AppId(0) {
            return Ok(None);
        }
        let key = keys::app(id);
        Ok(Held::of(self.apps.get_or_load(&id, &[(Table::App, key.pk.clone())], self.rows.one(key)).await?))
    }
}
