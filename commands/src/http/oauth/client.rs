//! Which application calls: by its id and secret, in the body or as Basic authorization.

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use infra::http::{ApiError, Edge, Node};
use infra::keys::sha256;
use schemas::AppId;
use schemas::rows::AppRow;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

const INVALID_CLIENT: ApiError = ApiError::OAuth {
    status: StatusCode::UNAUTHORIZED,
    error: "invalid_client",
    description: "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.",
};

/// The id and secret of a Basic `Authorization`, if there is one.
pub(crate) struct Basic(Option<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Basic {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(basic)))
    }
}

/// Both parts are urlencoded inside (RFC 6749, 2.3.1).
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = |text: &str| form_urlencoded::parse(format!("v={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
    Some((decoded(id)?, decoded(secret)?))
}

/// The application that calls, with its good secret; 401 otherwise.
pub(super) async fn authenticate(edge: &Edge, params: &Node, basic: &Basic) -> Result<(AppId, AppRow), ApiError> {
    let (id, secret) = match &basic.0 {
        Some((id, secret)) => (id.as_str(), secret.as_str()),
        None => (params.str("client_id").unwrap_or_default(), params.str("client_secret").unwrap_or_default()),
    };
    let (app, row) = known(edge, id).await?.ok_or(INVALID_CLIENT)?;
    if !bool::from(sha256(secret.as_bytes()).ct_eq(&row.secret_hash)) {
        return Err(INVALID_CLIENT);
    }
    Ok((app, row))
}

/// The application of a client id.
pub(super) async fn known(edge: &Edge, client_id: &str) -> Result<Option<(AppId, AppRow)>, ApiError> {
    let Some(app) = edge.keys.app_of(client_id) else { return Ok(None) };
    Ok(edge.app(app).await?.map(|row| (app, row)))
}

#[cfg(test)]
mod tests {
    use super::basic;

    #[test]
    fn basic_authorization_is_decoded() {
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(basic("Basic aWQ6YTpi"), pair("id", "a:b"));
        assert_eq!(basic("basic aWQ6YSUyMGI="), pair("id", "a b"));
        for bad in ["Bearer aWQ6YTpi", "Basic", "Basic !!!", "Basic aWQ="] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
