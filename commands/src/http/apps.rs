//! Applications: registration, and what an application's token stands for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Params, reply, scopes};
use schemas::AppId;
use schemas::api::entities::AppEntity;
use schemas::commands::{Command, RegisterApp};
use schemas::rows::AppRow;
use serde::Serialize;
use url::Url;

use super::Writes;
use crate::accounts::secret;

/// Schemes that would run or read something in a browser: no code goes there.
const FORBIDDEN_SCHEMES: [&str; 6] = ["javascript", "data", "vbscript", "file", "blob", "about"];

/// Where a code goes that is shown on a page, to be copied.
pub(super) const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

pub(super) async fn create(State(writes): State<Arc<Writes>>, caller: Caller, params: Params) -> Result<Response, ApiError> {
    let name = params.required("client_name")?.trim().to_owned();
    let redirect_uris: Vec<String> =
        params.list("redirect_uris").iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
    if redirect_uris.is_empty() {
        return Err(ApiError::invalid_param("redirect_uri", "can't be blank"));
    }
    if !redirect_uris.iter().all(|uri| is_redirect(uri)) {
        return Err(ApiError::invalid_param("redirect_uri", "must be an absolute URI, and of no forbidden kind"));
    }
    let asked = params.list("scopes").join(" ");
    let asked = if asked.trim().is_empty() { scopes::DEFAULT.to_owned() } else { asked };
    let scopes = scopes::parse(&asked).ok_or_else(|| ApiError::invalid_param("scopes", "doesn't match configured on the server."))?;
    let website = params.filled("website").map(str::to_owned);
    if website.as_deref().is_some_and(|website| !Url::parse(website).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))) {
        return Err(ApiError::invalid_param("website", "is not a valid address"));
    }
    let app = AppId(writes.accounts.next_id().0);
    let (client_secret, secret_hash) = secret();
    let row = AppRow { secret_hash: secret_hash.to_vec().into(), name, website, redirect_uris, scopes, created_ms: 0 };
    let AppRow { secret_hash, name, website, redirect_uris, scopes, .. } = row.clone();
    let command = RegisterApp { app, secret_hash, name, website, redirect_uris, scopes };
    let receipt = writes.send(&caller, "apps", Command::RegisterApp(command)).await?;
    writes.settle(&receipt.positions).await;
    let body = Registered {
        app: AppEntity::new(app, &row),
        client_id: writes.edge.keys.client_id(app),
        client_secret,
        client_secret_expires_at: 0,
    };
    Ok(writes.position(&receipt.positions, reply::value(&body)))
}

pub(super) async fn verify_credentials(State(writes): State<Arc<Writes>>, caller: Caller) -> Result<Response, ApiError> {
    // A token that an operator made is of no application that registered: the server itself stands for it.
    let row = writes.edge.app(caller.app).await?.unwrap_or_else(|| AppRow {
        secret_hash: Vec::new().into(),
        name: writes.edge.settings.title.clone(),
        website: None,
        redirect_uris: Vec::new(),
        scopes: caller.scopes.clone(),
        created_ms: 0,
    });
    Ok(reply::value(&AppEntity::new(caller.app, &row)))
}

/// The application with what only its maker gets to see, once.
#[derive(Serialize)]
struct Registered<'a> {
    #[serde(flatten)]
    app: AppEntity<'a>,
    client_id: String,
    client_secret: String,
    /// Never, said as clients expect it.
    client_secret_expires_at: u64,
}

/// Whether codes may be sent there: an absolute address in visible ASCII, without a fragment (RFC 6749, 3.1.2).
fn is_redirect(uri: &str) -> bool {
    if uri == OUT_OF_BAND {
        return true;
    }
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic());
    plain && !uri.contains('#') && Url::parse(uri).is_ok_and(|url| !FORBIDDEN_SCHEMES.contains(&url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::is_redirect;

    #[test]
    fn codes_go_to_harmless_addresses_only() {
        for (uri, expected) in [
            ("urn:ietf:wg:oauth:2.0:oob", true),
            ("https://app.example/callback?x=1", true),
            ("http://127.0.0.1:9/callback", true),
            ("tusky://oauth", true),
            ("com.example.app:/oauth", true),
            ("not a url", false),
            ("/relative", false),
            ("", false),
            ("https://app.example/#x", false),
            ("https://app.exämple/", false),
            ("javascript:alert(1)", false),
            ("JavaScript:alert(1)", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(is_redirect(uri), expected, "{uri}");
        }
    }
}
