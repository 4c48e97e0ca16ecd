//! Posts by id: the post, its versions, its source.

use bytes::Bytes;
use infra::readside::SeenPost;
use schemas::api::entities::{StatusEdit, StatusSource};
use schemas::rows::{StatusEditRow, StatusRow, Table, keys};
use schemas::visibility::Reader;
use schemas::{AccountId, PostId};

use crate::error::QueryError;
use crate::relationship::raw;
use crate::side::{Known, QuerySide};
use crate::{json, render};

/// Posts that one request may ask for.
pub(crate) const STATUSES_MAX: usize = 40;

impl QuerySide {
    /// The post, as JSON, if the reader may see it; `with_source` adds `text`.
    pub async fn status(&self, reader: Option<AccountId>, id: PostId, with_source: bool) -> Result<Option<Bytes>, QueryError> {
        let Some(known) = self.seen_as(reader, id).await? else { return Ok(None) };
        let text = if with_source { self.rows.one::<StatusRow>(keys::status(id)).await?.map(|row| row.content.text) } else { None };
        let Some(whole) = self.whole(known).await? else { return Ok(None) };
        let mark = match reader {
            Some(reader) => self.caches.mark(reader, whole.acted_on()).await?,
            None => Default::default(),
        };
        Ok(Some(render::status(&whole, mark, reader, text.as_deref())))
    }

    /// Those of the posts that the reader may see, in the order asked for, as JSON.
    pub async fn statuses_many(&self, reader: Option<AccountId>, ids: &[PostId]) -> Result<Bytes, QueryError> {
        let reader = self.reader(reader).await?;
        let posts = self.seen_of(reader.as_deref(), ids.iter().copied().take(STATUSES_MAX)).await?;
        self.render_statuses(posts, reader.as_deref()).await
    }

    pub(crate) async fn seen_of(&self, reader: Option<&Reader>, ids: impl IntoIterator<Item = PostId>) -> Result<Vec<Known>, QueryError> {
        let mut posts = Vec::new();
        for id in ids {
            posts.extend(self.seen(reader, id).await?);
        }
        Ok(posts)
    }

    /// The post with what actions on it need, if the reader may see it.
    pub(crate) async fn seen_post(&self, reader: Option<AccountId>, id: PostId) -> Result<Option<SeenPost>, QueryError> {
        let Some(known) = self.seen_as(reader, id).await? else { return Ok(None) };
        let Some(row) = self.rows.one::<StatusRow>(keys::status(id)).await? else { return Ok(None) };
        let (original, facts) = match &known.original {
            Some((original, post)) => (*original, &post.facts),
            None => (id, &known.post.facts),
        };
        Ok(Some(SeenPost { post: id, row, original, author: facts.author, visibility: facts.visibility }))
    }

    /// The versions of a post, oldest first, as JSON, if the reader may see it.
    pub async fn history(&self, reader: Option<AccountId>, id: PostId) -> Result<Option<Bytes>, QueryError> {
        let Some(known) = self.seen_as(reader, id).await? else { return Ok(None) };
        let Some(account) = self.caches.account(known.post.facts.author).await? else { return Ok(None) };
        let account = raw(&account.json);
        let mut versions: Vec<StatusEditRow> =
            self.rows.all(Table::StatusEdit, keys::status(id).pk).await?.into_iter().map(|(_, version)| version).collect();
        if versions.is_empty() {
            // Versions are kept from the first edit on.
            let Some(row) = self.rows.one::<StatusRow>(keys::status(id)).await? else { return Ok(None) };
            versions.push(StatusEditRow { content: row.content, created_ms: row.created_ms });
        }
        let versions: Vec<_> = versions.iter().map(|version| StatusEdit::new(version, &account, &self.settings.urls)).collect();
        Ok(Some(json(&versions)))
    }

    /// The post as it was written, as JSON, if the reader may see it.
    pub async fn source(&self, reader: AccountId, id: PostId) -> Result<Option<Bytes>, QueryError> {
        if self.seen_as(Some(reader), id).await?.is_none() {
            return Ok(None);
        }
        let row = self.rows.one::<StatusRow>(keys::status(id)).await?;
        Ok(row.map(|row| json(&StatusSource { id: id.to_string(), text: &row.content.text, spoiler_text: &row.content.spoiler })))
    }
}
