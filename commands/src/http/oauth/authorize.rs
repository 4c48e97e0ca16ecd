//! The authorization endpoint: a person signs in and consents, on one page, and the application gets a code.
//!
//! There is no session: each consent takes the password, so no cookie can be used against its owner (no CSRF, no clickjacking worth it).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use infra::http::{ApiError, Caller, Edge, Params, Rule, Subject};
use schemas::AccountId;
use schemas::commands::{Command, IssueCode};

use super::super::Writes;
use super::grant::{Grant, Refusal};
use super::page::{self, Problem};
use crate::accounts::secret;

/// How long a code may be redeemed: RFC 6749 recommends ten minutes at the most.
const CODE_LIFE_MS: u64 = 10 * 60_000;

pub(crate) async fn form(State(writes): State<Arc<Writes>>, params: Params) -> Response {
    let title = &writes.edge.settings.title;
    match Grant::check(&writes.edge, &params).await {
        Ok(grant) => page::consent(title, &grant, "", None),
        Err(refusal) => refused(title, refusal),
    }
}

pub(crate) async fn submit(State(writes): State<Arc<Writes>>, caller: Caller, params: Params) -> Response {
    let title = &writes.edge.settings.title;
    let grant = match Grant::check(&writes.edge, &params).await {
        Ok(grant) => grant,
        Err(refusal) => return refused(title, refusal),
    };
    if params.str("decision") == Some("deny") {
        if grant.is_out_of_band() {
            return page::denied(title, &grant);
        }
        let description = "The resource owner or authorization server denied the request.";
        return redirect(&grant.answer(&[("error", "access_denied"), ("error_description", description)]));
    }
    let login = params.str("username").unwrap_or_default();
    let account = match sign_in(&writes, &caller, login, params.str("password").unwrap_or_default()).await {
        Ok(Some(account)) => account,
        Ok(None) => return page::consent(title, &grant, login, Some(Problem::Said("Invalid name, e-mail address or password."))),
        Err(ApiError::TooMany(_)) => {
            return page::consent(title, &grant, login, Some(Problem::Said("Too many tries. Wait a few minutes.")));
        }
        Err(ApiError::Forbidden(_)) => return page::consent(title, &grant, login, Some(Problem::Unconfirmed)),
        Err(error) => return error.into_response(),
    };
    let code = match issue_code(&writes, &caller, &grant, account).await {
        Ok(code) => code,
        Err(error) => return error.into_response(),
    };
    if grant.is_out_of_band() {
        return page::out_of_band(title, &grant, &code);
    }
    redirect(&grant.answer(&[("code", &code)]))
}

/// The account that signs in, throttled by address and by name; 403 while its address is not confirmed.
pub(super) async fn sign_in(writes: &Writes, caller: &Caller, login: &str, password: &str) -> Result<Option<AccountId>, ApiError> {
    let now_ms = Edge::now_ms();
    for (rule, subject) in [(Rule::SignIn, Subject::address(caller.ip)), (Rule::Password, Subject::name(login))] {
        let counted = writes.edge.limits.count(rule, subject, now_ms);
        counted.map_err(|quota| ApiError::TooMany((quota.reset_ms - now_ms).div_ceil(1_000)))?;
    }
    let account = writes.accounts.sign_in(login, password).await?;
    match account {
        Some(account) if !writes.edge.may_act(account).await? => Err(ApiError::UNCONFIRMED),
        account => Ok(account),
    }
}

async fn issue_code(writes: &Writes, caller: &Caller, grant: &Grant, account: AccountId) -> Result<String, ApiError> {
    let (code, code_hash) = secret();
    let command = IssueCode {
        account,
        code_hash: code_hash.to_vec().into(),
        app: grant.app,
        redirect_uri: grant.redirect_uri.clone(),
        scopes: grant.scopes.clone(),
        challenge: grant.challenge.clone(),
        expires_ms: Edge::now_ms() + CODE_LIFE_MS,
    };
    let caller = Caller { account: Some(account), idempotency_key: None, ..caller.clone() };
    let receipt = writes.send(&caller, "code", Command::IssueCode(command)).await?;
    // The token endpoint looks the code up in the views.
    writes.settle(&receipt.positions).await;
    Ok(code)
}

fn refused(title: &str, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Page(text) => page::problem(title, text),
        Refusal::Redirect(target) => redirect(&target),
        Refusal::Failed(error) => error.into_response(),
    }
}

fn redirect(target: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let Ok(location) = HeaderValue::from_str(target) else {
        return ApiError::Internal("a registered redirect is no header value".to_owned()).into_response();
    };
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
