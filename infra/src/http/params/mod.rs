//! The parameters of a request: query string, urlencoded form, multipart and JSON read alike, as a tree of named values.
//!
//! Where the query string and the body name the same parameter, the body wins. Names nest as Rails nests them: `poll[options][]`,
//! `fields_attributes[0][name]`, `source[privacy]`; a plain name that is repeated makes a list too.

mod node;
mod read;

use std::ops::Deref;

use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

pub use self::node::{FilePart, Node};
use super::ApiError;

/// Bytes of a form's or JSON document's body at the most.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a multipart body at the most, its files included.
pub const MULTIPART_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Bytes of one file at the most: Mastodon's limit of pictures.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Named values of one query string or form at the most.
pub const PAIRS_MAX: usize = 1_000;
/// How deep names may nest.
pub const DEPTH_MAX: usize = 6;

/// The parameters; see [`Node`] for how they are read.
#[derive(Debug, Default, Clone)]
pub struct Params(Node);

impl Deref for Params {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Params {
    /// The parameters of a query string alone.
    pub fn of_query(query: &str) -> Result<Self, ApiError> {
        read::pairs(query.as_bytes()).map(Self)
    }

    /// The parameters of a query string and a JSON document: for tests and tools.
    pub fn of_json(json: &[u8]) -> Result<Self, ApiError> {
        read::json(json).map(Self)
    }

    async fn of_request(mut request: Request) -> Result<Self, ApiError> {
        // The limits here are the ones that count.
        DefaultBodyLimit::disable().apply(&mut request);
        let mut all = read::pairs(request.uri().query().unwrap_or_default().as_bytes())?;
        refuse_encoded(&request)?;
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let body = match essence.as_str() {
            "application/json" => read::json(&read::body(request, BODY_BYTES_MAX).await?)?,
            "application/x-www-form-urlencoded" => read::pairs(&read::body(request, BODY_BYTES_MAX).await?)?,
            "multipart/form-data" => read::multipart(request).await?,
            _ => {
                // Whatever else was sent is no parameter; it is read so that the connection stays usable.
                read::body(request, BODY_BYTES_MAX).await?;
                return Ok(Self(all));
            }
        };
        all.overlay(body);
        Ok(Self(all))
    }
}

/// The body of a request that holds no parameters, whatever its type: at most so many bytes, 413 beyond.
pub async fn whole_body(request: Request, bytes_max: usize) -> Result<Bytes, ApiError> {
    refuse_encoded(&request)?;
    read::body(request, bytes_max).await
}

fn refuse_encoded(request: &Request) -> Result<(), ApiError> {
    match request.headers().get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(ApiError::UnsupportedBody("Encoded bodies are not accepted: send the body as it is"))
        }
        _ => Ok(()),
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        Self::of_request(request).await
    }
}

#[cfg(test)]
mod tests;
