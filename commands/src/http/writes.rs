//! What the resources share: the ports, the way of a command, and the way of its answer.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use infra::blobs::Blobs;
use infra::bus::CommandBus;
use infra::http::{ApiError, Caller, Edge, Habits, reply};
use infra::readside::{ReadError, ReadSide, SeenPost};
use schemas::commands::{Command, Receipt};
use schemas::log::PositionToken;
use schemas::rows::RowKey;
use schemas::{AccountId, PostId};

use super::prepared;
use crate::accounts::Accounts;

const ROOST_POSITION: HeaderName = HeaderName::from_static("roost-position");
const ROOST_STALE: HeaderName = HeaderName::from_static("roost-stale");

/// The state of the command service's resources.
pub struct Writes {
    /// The way to the write loop.
    pub bus: Arc<dyn CommandBus>,
    /// The way to the views.
    pub reads: Arc<dyn ReadSide>,
    /// Where pictures go.
    pub blobs: Arc<dyn Blobs>,
    /// The edge.
    pub edge: Arc<Edge>,
    /// Opens accounts and knows who signs in.
    pub accounts: Arc<Accounts>,
}

impl Writes {
    /// Sends a command in the caller's name. `scope` tells one command of a request from another: with it, the caller's
    /// `Idempotency-Key` names the command.
    pub(super) async fn send(&self, caller: &Caller, scope: &str, command: Command) -> Result<Receipt, ApiError> {
        let envelope = prepared::envelope(caller, caller.idempotency_key.as_deref(), scope, command);
        Ok(self.bus.execute(envelope).await?)
    }

    /// Waits, within patience, until the views have passed the positions.
    pub(super) async fn settle(&self, positions: &PositionToken) -> bool {
        self.reads.wait(&positions.0, self.edge.patience()).await
    }

    /// The same for what replaces a row that the edges of all processes keep: where the views are late, nobody trusts that row any more.
    pub(super) async fn settle_row(&self, positions: &PositionToken, row: &RowKey) -> bool {
        let fresh = self.settle(positions).await;
        if !fresh {
            self.edge.distrust(row);
        }
        fresh
    }

    /// What a read brought that only shows what was done: nothing where it failed, for the deed stands.
    pub(super) fn shown(read: Result<Option<Bytes>, ReadError>) -> Option<Bytes> {
        read.unwrap_or_else(|error| {
            match &error {
                ReadError::Retryable(_) => tracing::debug!(%error, "a write is acknowledged without being shown"),
                ReadError::Failed(_) => tracing::error!(%error, "a write is acknowledged without being shown"),
            }
            None
        })
    }

    /// Answers a write that took effect. Where the views were not `fresh` in time, the answer says so; what they cannot show at all is its id
    /// alone.
    pub(super) fn done(&self, positions: &PositionToken, fresh: bool, shown: Option<Bytes>, id: u64) -> Response {
        let stale = !fresh || shown.is_none();
        let body = shown.unwrap_or_else(|| format!(r#"{{"id":"{id}"}}"#).into());
        let mut response = reply::ok(body);
        if stale {
            response.headers_mut().insert(ROOST_STALE, HeaderValue::from_static("true"));
        }
        self.position(positions, response)
    }

    /// Adds the position that a write ended at.
    pub(super) fn position(&self, positions: &PositionToken, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::from_str(&positions.encode(self.edge.keys.position())) {
            response.headers_mut().insert(ROOST_POSITION, value);
        }
        response
    }

    /// Answers with a post as the caller sees it now.
    pub(super) async fn show_post(&self, reader: AccountId, receipt: &Receipt, post: PostId) -> Result<Response, ApiError> {
        let fresh = self.settle(&receipt.positions).await;
        let shown = Self::shown(self.reads.status_json(reader, post, false).await);
        Ok(self.done(&receipt.positions, fresh, shown, post.0))
    }

    /// Answers with the relationship to another account as it is now.
    pub(super) async fn show_relationship(&self, reader: AccountId, receipt: &Receipt, other: AccountId) -> Result<Response, ApiError> {
        let fresh = self.settle(&receipt.positions).await;
        let shown = Self::shown(self.reads.relationship_json(reader, other).await);
        Ok(self.done(&receipt.positions, fresh, shown, other.0))
    }

    /// A post that the caller sees; 404 otherwise.
    pub(super) async fn seen(&self, reader: AccountId, post: PostId) -> Result<SeenPost, ApiError> {
        self.reads.visible_post(Some(reader), post).await?.ok_or(ApiError::NotFound)
    }

    /// The habits of an account; 404 if there is none.
    pub(super) async fn habits(&self, account: AccountId) -> Result<Habits, ApiError> {
        self.edge.habits(account).await?.ok_or(ApiError::NotFound)
    }
}
