//! The read-side port: what a write's HTTP resource asks of the views, before (may this reader see that?) and after (what to answer).
//!
//! The query service implements it; the command service holds it as a trait object, so the two never import one another. Reads see
//! every position that was waited for.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::events::{Mention, Visibility};
use schemas::log::Position;
use schemas::rows::StatusRow;
use schemas::{AccountId, PostId};

/// A post that a reader may see; for a reblog, `original` is what it wraps (also visible).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPost {
    /// The post asked for.
    pub post: PostId,
    /// Its row.
    pub row: StatusRow,
    /// What actions act on: the original of a reblog, else the post itself.
    pub original: PostId,
    /// The original's author.
    pub author: AccountId,
    /// The original's visibility.
    pub visibility: Visibility,
}

/// Why the read side could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The same call may succeed later.
    #[error("read side is not available: {0}")]
    Retryable(String),
    /// A store that failed for good, or a row that this build cannot read.
    #[error("read side failed: {0}")]
    Failed(String),
}

/// The read side, as writes need it.
#[async_trait]
pub trait ReadSide: Send + Sync + 'static {
    /// Waits until the views have passed the positions; false if `patience` ran out first.
    async fn wait(&self, positions: &[Position], patience: Duration) -> bool;

    /// The post, if the reader (nobody: signed out) may see it by the one visibility rule.
    async fn visible_post(&self, reader: Option<AccountId>, post: PostId) -> Result<Option<SeenPost>, ReadError>;

    /// The accounts that go by the handles (any case), in order.
    async fn resolve_handles(&self, handles: &[&str]) -> Result<Vec<Option<Mention>>, ReadError>;

    /// The Status entity, as JSON, for this reader; nothing if it may not see it. `with_source` adds `text` (of a deletion's answer).
    async fn status_json(&self, reader: AccountId, post: PostId, with_source: bool) -> Result<Option<Bytes>, ReadError>;

    /// The Account entity; `own` gives the CredentialAccount with its source.
    async fn account_json(&self, account: AccountId, own: bool) -> Result<Option<Bytes>, ReadError>;

    /// The Relationship entity between a reader and another account.
    async fn relationship_json(&self, reader: AccountId, other: AccountId) -> Result<Option<Bytes>, ReadError>;

    /// Whether a standing wish of the reader to follow is not (or no longer) admitted by the other side, so that following asks anew.
    async fn follow_is_stale(&self, reader: AccountId, other: AccountId) -> Result<bool, ReadError>;

    /// The markers of the account, as the API shows them.
    async fn markers_json(&self, account: AccountId, timelines: &[&str]) -> Result<Bytes, ReadError>;
}
