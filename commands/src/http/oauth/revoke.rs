//! The end of a token (RFC 7009): from the answer on, it is refused.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use infra::http::{ApiError, Caller, Params, reply};
use infra::keys::sha256;
use schemas::commands::{Command, RevokeToken};
use schemas::rows::keys;

use super::super::Writes;
use super::client::{Basic, authenticate};

const NOT_YOURS: ApiError = ApiError::OAuth {
    status: StatusCode::FORBIDDEN,
    error: "unauthorized_client",
    description: "You are not authorized to revoke this token",
};

pub(crate) async fn revoke(State(writes): State<Arc<Writes>>, caller: Caller, basic: Basic, params: Params) -> Result<Response, ApiError> {
    let (app, _) = authenticate(&writes.edge, &params, &basic).await.map_err(|error| match error {
        ApiError::OAuth { .. } => NOT_YOURS,
        other => other,
    })?;
    let token_hash = sha256(params.str("token").unwrap_or_default().as_bytes());
    let Some(row) = writes.edge.token(&token_hash).await? else {
        // What is no token needs no end.
        return Ok(reply::empty());
    };
    if row.app != app {
        return Err(NOT_YOURS);
    }
    let command = RevokeToken { account: row.account, app, token_hash: token_hash.to_vec().into() };
    let caller = Caller { account: Some(row.account), idempotency_key: None, ..caller };
    let receipt = writes.send(&caller, "revoke", Command::RevokeToken(command)).await?;
    writes.settle_row(&receipt.positions, &keys::token(&token_hash)).await;
    Ok(writes.position(&receipt.positions, reply::empty()))
}
