//! How clients find the endpoints (RFC 8414), and who signed in (OpenID Connect's userinfo).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, reply, scopes};
use serde_json::{Value, json};

use super::super::Writes;

pub(crate) async fn metadata(State(writes): State<Arc<Writes>>, caller: Caller) -> Response {
    let at = |path: &str| format!("{}{path}", caller.origin);
    let mut grants = vec!["authorization_code", "client_credentials"];
    if writes.edge.settings.password_grant {
        grants.push("password");
    }
    reply::value(&json!({
        "issuer": at("/"),
        "service_documentation": at("/"),
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "app_registration_endpoint": at("/api/v1/apps"),
        "scopes_supported": scopes::KNOWN,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }))
}

pub(crate) async fn userinfo(State(writes): State<Arc<Writes>>, caller: Caller) -> Result<Response, ApiError> {
    let shown = writes.reads.account_json(caller.user()?, false).await?.ok_or(ApiError::NotFound)?;
    let account: Value = serde_json::from_slice(&shown).map_err(|error| ApiError::Internal(error.to_string()))?;
    let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default();
    let username = text("username");
    let name = if text("display_name").is_empty() { username } else { text("display_name") };
    Ok(reply::value(&json!({
        "iss": format!("{}/", caller.origin),
        "sub": format!("{}/users/{username}", caller.origin),
        "name": name,
        "preferred_username": username,
        "profile": text("url"),
        "picture": text("avatar"),
    })))
}
