//! What goes wrong in a request, and the one mapping of it to a status and Mastodon's body.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use schemas::commands::{CommandError, Rejection};
use schemas::rows::codec::BadRow;
use serde_json::{Value, json};

use super::reply;
use crate::readside::ReadError;
use crate::views::ViewError;

/// The body of every 404: the same for what does not exist and for what the caller may not see.
pub const NOT_FOUND_BODY: &[u8] = br#"{"error":"Record not found"}"#;

/// Why a request fails. The caller's faults carry what to tell; ours tell nothing and are logged.
#[derive(Debug)]
pub enum ApiError {
    /// 401: no token, or not a good one, or none of an account.
    Unauthorized(&'static str),
    /// 403: the token does not reach so far, or the account may not yet act.
    Forbidden(&'static str),
    /// 404.
    NotFound,
    /// 400: not a request that can be read.
    BadRequest(String),
    /// 405.
    MethodNotAllowed,
    /// 408: the body came too slowly.
    SlowBody,
    /// 409: changed meanwhile.
    Conflict(String),
    /// 413: the body is too large.
    TooLarge,
    /// 415: a body that is not understood.
    UnsupportedBody(&'static str),
    /// 422: understood, but invalid; with Mastodon's details by parameter, where it gives some.
    Invalid {
        /// The whole message.
        error: String,
        /// `{"username": [{"error": "ERR_TAKEN", "description": "..."}]}`.
        details: Option<Value>,
    },
    /// An OAuth error (RFC 6749, section 5.2).
    OAuth {
        /// 400 or 401.
        status: StatusCode,
        /// Its name.
        error: &'static str,
        /// What it means.
        description: &'static str,
    },
    /// 429, until so many seconds have passed.
    TooMany(u64),
    /// 503: over capacity, or a backing service is away; retry after a second.
    Unavailable(String),
    /// 500.
    Internal(String),
}

impl ApiError {
    /// 401 for a token that is missing, unknown or revoked.
    pub const BAD_TOKEN: Self = Self::Unauthorized("The access token is invalid");
    /// 401 for an application's own token where an account must act.
    pub const NO_USER: Self = Self::Unauthorized("This method requires an authenticated user");
    /// 403 for a token without the scope.
    pub const BAD_SCOPE: Self = Self::Forbidden("This action is outside the authorized scopes");
    /// 403 until the e-mail address is confirmed.
    pub const UNCONFIRMED: Self = Self::Forbidden("Your login is missing a confirmed e-mail address");

    /// 422 with "Validation failed: " before the problem.
    pub fn invalid(problem: impl AsRef<str>) -> Self {
        Self::Invalid { error: format!("Validation failed: {}", problem.as_ref()), details: None }
    }

    /// 422 about a parameter: its name in words, then what is wrong with it.
    pub fn invalid_param(name: &str, problem: &str) -> Self {
        Self::invalid(format!("{} {problem}", in_words(name)))
    }

    /// An OAuth error of status 400.
    pub const fn oauth(error: &'static str, description: &'static str) -> Self {
        Self::OAuth { status: StatusCode::BAD_REQUEST, error, description }
    }

    /// The status that it maps to.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedBody(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OAuth { status, .. } => *status,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body that tells of it.
    pub fn body(&self) -> Value {
        let message: Cow<'_, str> = match self {
            Self::Unauthorized(text) | Self::Forbidden(text) | Self::UnsupportedBody(text) => Cow::Borrowed(text),
            Self::NotFound => Cow::Borrowed("Record not found"),
            Self::BadRequest(text) | Self::Conflict(text) => Cow::Borrowed(text.as_str()),
            Self::MethodNotAllowed => Cow::Borrowed("Method not allowed"),
            Self::SlowBody => Cow::Borrowed("The request took too long to arrive"),
            Self::TooLarge => Cow::Borrowed("The request is too large"),
            Self::Invalid { error, details: Some(details) } => return json!({"error": error, "details": details}),
            Self::Invalid { error, details: None } => Cow::Borrowed(error.as_str()),
            Self::OAuth { error, description, .. } => return json!({"error": error, "error_description": description}),
            Self::TooMany(_) => Cow::Borrowed("Too many requests"),
            Self::Unavailable(_) => Cow::Borrowed("The server is over capacity, please try again"),
            Self::Internal(_) => Cow::Borrowed("An unexpected error occurred"),
        };
        json!({"error": message})
    }

    /// Logs what only operators are to know of it, if there is anything.
    pub fn log(&self) {
        match self {
            Self::Internal(cause) => tracing::error!(cause, "request failed"),
            Self::Unavailable(cause) => tracing::warn!(cause, "request turned away"),
            _ => {}
        }
    }
}

/// `in_reply_to_id` -> `In reply to id`.
fn in_words(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut rest = spaced.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + rest.as_str())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        if matches!(self, Self::NotFound) {
            return reply::json(StatusCode::NOT_FOUND, bytes::Bytes::from_static(NOT_FOUND_BODY));
        }
        let mut response = reply::json(self.status(), self.body().to_string().into());
        let headers = response.headers_mut();
        match self {
            Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::TooMany(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Unauthorized(_) | Self::OAuth { status: StatusCode::UNAUTHORIZED, .. } => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Roost\", error=\"invalid_token\""));
            }
            _ => {}
        }
        response
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::Overloaded | CommandError::Retry(_) | CommandError::Unknown(_) => Self::Unavailable(error.to_string()),
            CommandError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        match &rejection {
            Rejection::NotFound => Self::NotFound,
            Rejection::NotAllowed => Self::Forbidden("This action is not allowed"),
            Rejection::Invalid { field, problem } => Self::invalid_param(field, problem),
            Rejection::HandleTaken => Self::invalid("Username has already been taken"),
            Rejection::BadCode => Self::oauth("invalid_grant", INVALID_GRANT),
            Rejection::Conflict => Self::Conflict("Conflict during update, please try again".to_owned()),
            Rejection::OnOneself | Rejection::FollowCap { .. } | Rejection::PinCap { .. } => {
                Self::invalid(in_words(&rejection.to_string()))
            }
        }
    }
}

/// OAuth's words for a code or password that does not do.
pub const INVALID_GRANT: &str = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI \
     used in the authorization request, or was issued to another client.";

impl From<ViewError> for ApiError {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Retryable(_) => Self::Unavailable(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Retryable(_) => Self::Unavailable(error.to_string()),
            ReadError::Failed(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<BadRow> for ApiError {
    fn from(error: BadRow) -> Self {
        Self::Internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: impl Into<ApiError>, status: u16, body: &str) {
        let error = error.into();
        assert_eq!((error.status().as_u16(), error.body().to_string().as_str()), (status, body));
    }

    #[test]
    fn errors_have_mastodons_shape() {
        check(ApiError::BAD_TOKEN, 401, r#"{"error":"The access token is invalid"}"#);
        check(ApiError::NotFound, 404, std::str::from_utf8(NOT_FOUND_BODY).unwrap());
        check(Rejection::NotFound, 404, r#"{"error":"Record not found"}"#);
        check(
            ApiError::invalid_param("in_reply_to_id", "is not an id"),
            422,
            r#"{"error":"Validation failed: In reply to id is not an id"}"#,
        );
        check(Rejection::FollowCap { limit: 7 }, 422, r#"{"error":"Validation failed: You cannot follow more than 7 accounts"}"#);
        check(CommandError::Failed("disk".to_owned()), 500, r#"{"error":"An unexpected error occurred"}"#);
        check(CommandError::Overloaded, 503, r#"{"error":"The server is over capacity, please try again"}"#);
        check(ReadError::Retryable("away".to_owned()), 503, r#"{"error":"The server is over capacity, please try again"}"#);
        check(ReadError::Failed("row".to_owned()), 500, r#"{"error":"An unexpected error occurred"}"#);
    }
}
