//! Answers made of bytes that are JSON already.

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::pieces::{self, Pieces};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// A document in each line (<https://github.com/ndjson/ndjson-spec>).
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson; charset=utf-8");
/// Answers differ by token: no cache in between may keep them.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// JSON with a status.
pub fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, PRIVATE);
    response
}

/// JSON with status 200.
pub fn ok(body: Bytes) -> Response {
    json(StatusCode::OK, body)
}

/// JSON in pieces, with status 200.
pub fn pieces(body: Pieces) -> Response {
    let mut response = ok(Bytes::new());
    pieces::put(body, &mut response);
    response
}

/// Lines of JSON, with status 200.
pub fn lines(body: Bytes) -> Response {
    let mut response = ok(body);
    response.headers_mut().insert(CONTENT_TYPE, LINES);
    response
}

/// A value as JSON with status 200.
pub fn value(value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ok(body.into()),
        Err(error) => axum::response::IntoResponse::into_response(super::ApiError::Internal(error.to_string())),
    }
}

/// Empty success: `{}`.
pub fn empty() -> Response {
    ok(Bytes::from_static(b"{}"))
}

/// A JSON array of elements that are JSON already.
pub fn array<'a>(elements: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut body = BytesMut::from(&b"["[..]);
    for element in elements {
        if body.len() > 1 {
            body.extend_from_slice(b",");
        }
        body.extend_from_slice(element);
    }
    body.extend_from_slice(b"]");
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_joined() {
        assert_eq!(array([]), "[]");
        assert_eq!(array([&Bytes::from_static(b"1"), &Bytes::from_static(b"{}")]), "[1,{}]");
    }
}
