//! The confirmation of one's e-mail address, for the application that signed up: the mail once more, and whether it is done.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Edge, Params, Rule, Subject, reply};

use super::Writes;
use crate::accounts::ResendError;

const NOT_WAITING: ApiError = ApiError::Forbidden("This method is only available while the e-mail is awaiting confirmation");

/// Only the application that signed up has a token of an account that is not confirmed: nobody else could sign in.
pub(super) async fn resend(State(writes): State<Arc<Writes>>, caller: Caller, params: Params) -> Result<Response, ApiError> {
    let account = caller.user()?;
    if writes.accounts.is_confirmed(account).await? {
        return Err(NOT_WAITING);
    }
    let now_ms = Edge::now_ms();
    let counted = writes.edge.limits.count(Rule::Mailing, Subject::Account(account), now_ms);
    counted.map_err(|quota| ApiError::TooMany((quota.reset_ms - now_ms).div_ceil(1_000)))?;
    let sent = writes.accounts.resend(account, params.filled("email"), caller.idempotency_key.as_deref()).await;
    let positions = sent.map_err(|error| match error {
        ResendError::NotWaiting => NOT_WAITING,
        ResendError::Create(error) => error.into(),
    })?;
    writes.settle(&positions).await;
    Ok(writes.position(&positions, reply::empty()))
}

pub(super) async fn check(State(writes): State<Arc<Writes>>, caller: Caller) -> Result<Response, ApiError> {
    Ok(reply::value(&writes.accounts.is_confirmed(caller.user()?).await?))
}
