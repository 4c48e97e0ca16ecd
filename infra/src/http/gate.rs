//! The gate of an operation: who calls, may they, have they called too often, and what they must have seen. No handler runs before it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use schemas::AppId;
use schemas::api::{Access, Operation};
use schemas::rows::TokenRow;
use tracing::Instrument;
use url::form_urlencoded;

use super::limits::{Quota, Rule, Subject};
use super::{ApiError, Caller, Edge, RequestInfo, scopes};
use crate::keys::sha256;

/// How long a handler may take to answer; bodies that stream go on.
const HANDLER_TIME_MAX: Duration = Duration::from_secs(60);
/// The longest token looked at: ours have 43 characters.
const TOKEN_CHARS_MAX: usize = 256;
/// The longest idempotency key that counts.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 256;

/// The position that a write ended at, or that a read must have seen.
pub(super) const ROOST_POSITION: HeaderName = HeaderName::from_static("roost-position");
const ROOST_STALE: HeaderName = HeaderName::from_static("roost-stale");

#[derive(Clone)]
pub(super) struct Gate {
    pub(super) edge: Arc<Edge>,
    pub(super) operation: &'static Operation,
}

pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let operation = gate.operation.id;
    let info = request.extensions().get::<RequestInfo>();
    let span = match info {
        Some(info) => {
            tracing::info_span!("request", operation, request_id = info.request_id, trace_id = format_args!("{:032x}", info.trace.trace_id))
        }
        None => tracing::info_span!("request", operation),
    };
    let response = admit(&gate, request, next).instrument(span).await;
    let status = response.status();
    metrics::histogram!("roost_http_request_seconds", "operation" => operation, "status" => status_label(status.as_u16()))
        .record(started.elapsed().as_secs_f64());
    response
}

async fn admit(gate: &Gate, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(info) = parts.extensions.remove::<RequestInfo>() else {
        return ApiError::Internal("the router is not finished: call infra::http::finish".to_owned()).into_response();
    };
    let (quota, admitted) = check(gate, &parts, info).await;
    let mut response = match admitted {
        Err(error) => error.into_response(),
        Ok(caller) => {
            let stale = match wanted_position(&parts) {
                Some(token) => !gate.edge.reached(&token).await,
                None => false,
            };
            parts.extensions.insert(caller);
            let answer = tokio::time::timeout(HANDLER_TIME_MAX, next.run(Request::from_parts(parts, body))).await;
            let mut response = answer.unwrap_or_else(|_| ApiError::Unavailable("the handler took too long".to_owned()).into_response());
            // What is shown while the store is away is what was known before.
            if stale || (gate.edge.views.away().is_some() && response.status().is_success()) {
                response.headers_mut().insert(ROOST_STALE, HeaderValue::from_static("true"));
            }
            response
        }
    };
    // A handler that counted calls of its own says what they left.
    if let Some(quota) = response.extensions_mut().remove::<Quota>().or(quota) {
        quota.write(response.headers_mut());
    }
    response
}

/// Counts the call and finds out who calls.
async fn check(gate: &Gate, request: &Parts, info: RequestInfo) -> (Option<Quota>, Result<Caller, ApiError>) {
    let identified = identify(gate, request).await;
    let account = match &identified {
        Ok(Some((_, row))) => Some(row.account).filter(|account| account.0 != 0),
        _ => None,
    };
    let now_ms = Edge::now_ms();
    let subject = account.map_or_else(|| Subject::address(info.ip), Subject::Account);
    let quota = match gate.edge.limits.count(Rule::Api, subject, now_ms) {
        Ok(quota) => quota,
        Err(quota) => return (Some(quota), Err(ApiError::TooMany((quota.reset_ms - now_ms).div_ceil(1_000)))),
    };
    let token = match identified {
        Ok(token) => token,
        Err(error) => return (quota, Err(error)),
    };
    if let Err(error) = allowed(gate, token.as_ref().map(|(_, row)| row)).await {
        return (quota, Err(error));
    }
    let (token_hash, app, scopes) = token.map_or((None, AppId(0), Vec::new()), |(hash, row)| (Some(hash), row.app, row.scopes));
    let idempotency_key = request.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let caller = Caller {
        account,
        app,
        scopes,
        token_hash,
        ip: info.ip,
        request_id: info.request_id,
        trace: info.trace,
        idempotency_key: idempotency_key.filter(|key| (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())).map(str::to_owned),
        origin: info.origin,
        uri: request.uri.clone(),
    };
    (quota, Ok(caller))
}

/// The token sent, which must be a good one, and its hash.
async fn identify(gate: &Gate, request: &Parts) -> Result<Option<([u8; 32], TokenRow)>, ApiError> {
    if gate.operation.access == Access::Open {
        return Ok(None);
    }
    let Some(token) = sent_token(request)? else { return Ok(None) };
    let hash = sha256(token.as_bytes());
    let row = gate.edge.token(&hash).await?.ok_or(ApiError::BAD_TOKEN)?;
    Ok(Some((hash, row)))
}

/// The bearer token of the header, or of `access_token` in the query string.
fn sent_token(request: &Parts) -> Result<Option<String>, ApiError> {
    if let Some(value) = request.headers.get(AUTHORIZATION) {
        let text = value.to_str().map_err(|_| ApiError::BAD_TOKEN)?;
        let Some((scheme, token)) = text.trim().split_once(' ') else { return Err(ApiError::BAD_TOKEN) };
        let token = token.trim();
        let good = scheme.eq_ignore_ascii_case("bearer") && (1..=TOKEN_CHARS_MAX).contains(&token.len());
        return if good { Ok(Some(token.to_owned())) } else { Err(ApiError::BAD_TOKEN) };
    }
    match query_value(request, "access_token") {
        Some(token) if (1..=TOKEN_CHARS_MAX).contains(&token.len()) => Ok(Some(token)),
        Some(_) => Err(ApiError::BAD_TOKEN),
        None => Ok(None),
    }
}

fn query_value(request: &Parts, name: &str) -> Option<String> {
    let query = request.uri.query().filter(|query| query.contains(name))?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn wanted_position(request: &Parts) -> Option<String> {
    let header = |headers: &HeaderMap| headers.get(ROOST_POSITION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    header(&request.headers).or_else(|| query_value(request, "roost_position"))
}

/// Whether a caller with that token may call the operation.
async fn allowed(gate: &Gate, token: Option<&TokenRow>) -> Result<(), ApiError> {
    let operation = gate.operation;
    let Some(token) = token else {
        return if matches!(operation.access, Access::Open | Access::Maybe) { Ok(()) } else { Err(ApiError::BAD_TOKEN) };
    };
    if !scopes::allow(&token.scopes, operation.scopes) {
        return Err(ApiError::BAD_SCOPE);
    }
    if matches!(operation.access, Access::Newcomer | Access::User) && token.account.0 == 0 {
        return Err(ApiError::NO_USER);
    }
    if operation.access == Access::User && !gate.edge.may_act(token.account).await? {
        return Err(ApiError::UNCONFIRMED);
    }
    Ok(())
}

/// A status as a metric's label, without an allocation for the common ones.
fn status_label(status: u16) -> std::borrow::Cow<'static, str> {
    match status {
        200 => "200".into(),
        404 => "404".into(),
        other => other.to_string().into(),
    }
}
