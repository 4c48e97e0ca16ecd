//! The read side as writes need it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use infra::readside::{ReadError, ReadSide, SeenPost};
use schemas::events::Mention;
use schemas::log::Position;
use schemas::{AccountId, PostId};

use crate::json;
use crate::side::QuerySide;

#[async_trait]
impl ReadSide for QuerySide {
    async fn wait(&self, positions: &[Position], patience: Duration) -> bool {
        self.progress.wait(positions, patience).await
    }

    async fn visible_post(&self, reader: Option<AccountId>, post: PostId) -> Result<Option<SeenPost>, ReadError> {
        Ok(self.seen_post(reader, post).await?)
    }

    async fn resolve_handles(&self, handles: &[&str]) -> Result<Vec<Option<Mention>>, ReadError> {
        Ok(self.by_handles(handles).await?)
    }

    async fn status_json(&self, reader: AccountId, post: PostId, with_source: bool) -> Result<Option<Bytes>, ReadError> {
        Ok(self.status(Some(reader), post, with_source).await?)
    }

    async fn account_json(&self, account: AccountId, own: bool) -> Result<Option<Bytes>, ReadError> {
        Ok(self.account_entity(account, own).await?)
    }

    async fn relationship_json(&self, reader: AccountId, other: AccountId) -> Result<Option<Bytes>, ReadError> {
        let known = self.caches.account(other).await?.is_some();
        Ok(if known { Some(json(&self.relationship(reader, other).await?)) } else { None })
    }

    async fn follow_is_stale(&self, reader: AccountId, other: AccountId) -> Result<bool, ReadError> {
        Ok(self.wish_is_stale(reader, other).await?)
    }

    async fn markers_json(&self, account: AccountId, timelines: &[&str]) -> Result<Bytes, ReadError> {
        Ok(self.markers(account, timelines).await?)
    }
}
