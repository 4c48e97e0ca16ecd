//! What an authorization request asks for, checked: to whom the answer goes, and what it may carry.

use infra::http::{ApiError, Edge, Node, scopes};
use schemas::AppId;
use schemas::rows::AppRow;
use url::form_urlencoded;

use super::super::apps::OUT_OF_BAND;
use super::client::known;

/// Characters of a `state` at the most: it comes back in an address.
const STATE_CHARS_MAX: usize = 1_024;
/// An S256 challenge: SHA-256 in base64url without padding.
const CHALLENGE_CHARS: usize = 43;

/// A request whose client and redirect are known: errors may go there.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) app: AppId,
    pub(super) client: AppRow,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) challenge: Option<String>,
}

/// Why a request is not granted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Whom it comes from is not known: a page says so, nothing is sent anywhere.
    Page(&'static str),
    /// The client is known, and told.
    Redirect(String),
    /// Ours.
    Failed(ApiError),
}

impl Grant {
    /// Checks a request.
    pub(super) async fn check(edge: &Edge, params: &Node) -> Result<Self, Refusal> {
        let client_id = params.str("client_id").unwrap_or_default();
        let found = known(edge, client_id).await.map_err(Refusal::Failed)?;
        let Some((app, client)) = found else { return Err(Refusal::Page("This application is not registered here.")) };
        let redirect_uri = match params.filled("redirect_uri") {
            Some(uri) => uri.to_owned(),
            None => client.redirect_uris.first().cloned().unwrap_or_default(),
        };
        if !client.redirect_uris.contains(&redirect_uri) {
            return Err(Refusal::Page("The address to return to is not one that this application registered."));
        }
        let state = params.str("state").map(str::to_owned);
        let mut grant = Self { app, client, client_id: client_id.to_owned(), redirect_uri, state, scopes: Vec::new(), challenge: None };
        if grant.state.as_ref().is_some_and(|state| state.len() > STATE_CHARS_MAX) {
            grant.state = None;
            return Err(grant.refuse("invalid_request", "The state is too long."));
        }
        if params.str("response_type") != Some("code") {
            return Err(grant.refuse("unsupported_response_type", "The authorization server does not support this response type."));
        }
        grant.challenge = match (params.filled("code_challenge"), params.filled("code_challenge_method")) {
            (None, None) => None,
            (Some(challenge), Some("S256")) if is_challenge(challenge) => Some(challenge.to_owned()),
            _ => return Err(grant.refuse("invalid_request", "The code challenge must be of method S256.")),
        };
        let asked = params.filled("scope").unwrap_or(scopes::DEFAULT);
        grant.scopes = match granted(&grant.client, asked) {
            Some(scopes) => scopes,
            None => return Err(grant.refuse("invalid_scope", "The requested scope is invalid, unknown, or malformed.")),
        };
        Ok(grant)
    }

    fn refuse(&self, error: &str, description: &str) -> Refusal {
        if self.redirect_uri == OUT_OF_BAND {
            return Refusal::Page("The application asked for something that cannot be granted.");
        }
        Refusal::Redirect(self.answer(&[("error", error), ("error_description", description)]))
    }

    /// Whether the code is shown rather than sent.
    pub(super) fn is_out_of_band(&self) -> bool {
        self.redirect_uri == OUT_OF_BAND
    }

    /// Where the answer goes: the redirect as registered, with the answer and the state added.
    pub(super) fn answer(&self, pairs: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.redirect_uri, query.finish())
    }
}

/// The scopes asked for, if they are known and the client may ask for them.
pub(super) fn granted(client: &AppRow, asked: &str) -> Option<Vec<String>> {
    let asked = scopes::parse(asked).filter(|asked| !asked.is_empty())?;
    asked.iter().all(|scope| scopes::covers(&client.scopes, scope)).then_some(asked)
}

fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(redirect_uri: &str, state: Option<&str>) -> Grant {
        let client = AppRow {
            secret_hash: vec![].into(),
            name: "Suite".to_owned(),
            website: None,
            redirect_uris: vec![redirect_uri.to_owned()],
            scopes: vec!["read".to_owned(), "write:statuses".to_owned()],
            created_ms: 0,
        };
        let state = state.map(str::to_owned);
        Grant {
            app: AppId(1),
            client,
            client_id: "c".to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state,
            scopes: vec![],
            challenge: None,
        }
    }

    #[test]
    fn answers_keep_the_redirect_as_registered() {
        assert_eq!(grant("https://a.example/cb", None).answer(&[("code", "x y")]), "https://a.example/cb?code=x+y");
        assert_eq!(grant("https://a.example/cb?q=1", Some("a&b")).answer(&[("code", "x")]), "https://a.example/cb?q=1&code=x&state=a%26b");
        assert_eq!(grant("app:/cb", Some("\r\nX: y")).answer(&[("code", "x")]), "app:/cb?code=x&state=%0D%0AX%3A+y");
    }

    #[test]
    fn scopes_are_granted_within_the_registered_ones() {
        let client = grant("x:y", None).client;
        assert_eq!(granted(&client, "read:statuses write:statuses").map(|scopes| scopes.len()), Some(2));
        for beyond in ["write", "read write:media", "nonsense", "", "admin:read"] {
            assert_eq!(granted(&client, beyond), None, "{beyond}");
        }
    }
}
