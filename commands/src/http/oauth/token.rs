//! The token endpoint: a code, the client's own credentials, or (where enabled) a password against a token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use infra::http::{ApiError, Caller, Edge, INVALID_GRANT, Params, reply, scopes};
use infra::keys::sha256;
use schemas::commands::{Command, IssueToken, Receipt, RedeemCode};
use schemas::rows::{AppRow, AuthCodeRow, keys};
use schemas::{AccountId, AppId};
use serde_json::json;

use super::super::Writes;
use super::authorize::sign_in;
use super::client::{Basic, authenticate};
use super::grant::granted;
use crate::accounts::secret;

const BAD_GRANT: ApiError = ApiError::oauth("invalid_grant", INVALID_GRANT);
const BAD_SCOPE: ApiError = ApiError::oauth("invalid_scope", "The requested scope is invalid, unknown, or malformed.");
const BAD_TYPE: ApiError =
    ApiError::oauth("unsupported_grant_type", "The authorization grant type is not supported by the authorization server.");

type Client = (AppId, AppRow);

pub(crate) async fn issue(State(writes): State<Arc<Writes>>, caller: Caller, basic: Basic, params: Params) -> Result<Response, ApiError> {
    // A grant is spent by its answer: an Idempotency-Key cannot bring back a token that nobody keeps.
    let caller = Caller { idempotency_key: None, ..caller };
    let client = authenticate(&writes.edge, &params, &basic).await?;
    match params.str("grant_type") {
        Some("authorization_code") => redeem(&writes, &caller, client, &params).await,
        Some("client_credentials") => client_token(&writes, &caller, client, &params).await,
        Some("password") if writes.edge.settings.password_grant => password_token(&writes, &caller, client, &params).await,
        Some(_) => Err(BAD_TYPE),
        None => Err(ApiError::oauth("invalid_request", "Missing required parameter: grant_type.")),
    }
}

async fn redeem(writes: &Writes, caller: &Caller, (app, client): Client, params: &Params) -> Result<Response, ApiError> {
    let code_hash = sha256(params.str("code").unwrap_or_default().as_bytes());
    let code = writes.edge.row::<AuthCodeRow>(keys::auth_code(&code_hash)).await?.ok_or(BAD_GRANT)?;
    let (token, token_hash) = secret();
    let command = RedeemCode {
        account: code.account,
        code_hash: code_hash.to_vec().into(),
        app,
        redirect_uri: params.str("redirect_uri").unwrap_or_default().to_owned(),
        challenge: params.filled("code_verifier").map(challenge_of),
        token_hash: token_hash.to_vec().into(),
    };
    let caller = Caller { account: Some(code.account), ..caller.clone() };
    let receipt = writes.send(&caller, "redeem", Command::RedeemCode(command)).await?;
    writes.settle(&receipt.positions).await;
    // The log has the scopes that were consented to; if the views are late or away, the client hears the most that they can be.
    let scopes = writes.edge.token(&token_hash).await.ok().flatten().map_or(client.scopes, |row| row.scopes);
    Ok(shown(writes, &receipt, &token, &scopes))
}

/// The S256 challenge that belongs to a verifier (RFC 7636, 4.2).
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

async fn client_token(writes: &Writes, caller: &Caller, (app, client): Client, params: &Params) -> Result<Response, ApiError> {
    let scopes = granted(&client, params.filled("scope").unwrap_or(scopes::DEFAULT)).ok_or(BAD_SCOPE)?;
    issue_token(writes, caller, AccountId(0), app, scopes).await
}

async fn password_token(writes: &Writes, caller: &Caller, (app, client): Client, params: &Params) -> Result<Response, ApiError> {
    let scopes = granted(&client, params.filled("scope").unwrap_or(scopes::DEFAULT)).ok_or(BAD_SCOPE)?;
    let (login, password) = (params.str("username").unwrap_or_default(), params.str("password").unwrap_or_default());
    let account = sign_in(writes, caller, login, password).await?.ok_or(BAD_GRANT)?;
    issue_token(writes, caller, account, app, scopes).await
}

async fn issue_token(writes: &Writes, caller: &Caller, account: AccountId, app: AppId, scopes: Vec<String>) -> Result<Response, ApiError> {
    let (token, token_hash) = secret();
    let command = IssueToken { account, app, token_hash: token_hash.to_vec().into(), scopes: scopes.clone() };
    let caller = Caller { account: Some(account), ..caller.clone() };
    let receipt = writes.send(&caller, "token", Command::IssueToken(command)).await?;
    writes.settle(&receipt.positions).await;
    Ok(shown(writes, &receipt, &token, &scopes))
}

fn shown(writes: &Writes, receipt: &Receipt, token: &str, scopes: &[String]) -> Response {
    let created_at = Edge::now_ms() / 1_000;
    let body = json!({"access_token": token, "token_type": "Bearer", "scope": scopes.join(" "), "created_at": created_at});
    writes.position(&receipt.positions, reply::value(&body))
}

#[cfg(test)]
mod tests {
    #[test]
    fn challenges_follow_the_rfc() {
        // RFC 7636, appendix B.
        assert_eq!(super::challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
