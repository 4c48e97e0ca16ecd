//! Who calls, as handlers see it; and the ids in paths.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::Uri;
use http::request::Parts;
use schemas::log::TraceContext;
use schemas::{AccountId, AppId};

use super::ApiError;

/// Who calls and from where: put into the request by the gate of each operation.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account that the token acts for.
    pub account: Option<AccountId>,
    /// The application of the token; 0 for none, or an operator's token.
    pub app: AppId,
    /// What the token allows.
    pub scopes: Vec<String>,
    /// SHA-256 of the token.
    pub token_hash: Option<[u8; 32]>,
    /// The client's address.
    pub ip: IpAddr,
    /// Names the request in logs and in `X-Request-Id`.
    pub request_id: String,
    /// The trace to hand on with commands.
    pub trace: TraceContext,
    /// `Idempotency-Key`, if one was sent.
    pub idempotency_key: Option<String>,
    /// Scheme and host under which the client reaches us, without a slash at the end.
    pub origin: String,
    /// Path and query as requested.
    pub uri: Uri,
}

impl Caller {
    /// The account; 401 where there is none. Operations of `Access::User` and `Access::Newcomer` always have one.
    pub fn user(&self) -> Result<AccountId, ApiError> {
        self.account.ok_or(ApiError::NO_USER)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        // Taken, not copied: the handler is the last to need it.
        parts.extensions.remove::<Self>().ok_or_else(|| ApiError::Internal("the route has no gate".to_owned()))
    }
}

/// The `{id}` of a path; 404 if it is not even an id.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        text.parse().map(Self).map_err(|_| ApiError::NotFound)
    }
}

/// The one parameter of a path, whatever its name; 404 if it is not text.
#[derive(Debug, Clone)]
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(names) = Path::<HashMap<String, String>>::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound)?;
        names.into_values().next().map(Self).ok_or(ApiError::NotFound)
    }
}
