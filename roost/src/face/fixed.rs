//! What changes only with the executable: the stylesheet and generated pictures. Each carries an `ETag`, so that a browser asks for its
//! bytes once.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use infra::http::html::BASE_STYLE;
use infra::keys::sha256;

use super::{avatar, thumbnail};

/// The look of all pages, and what these have of their own.
static CSS: LazyLock<String> = LazyLock::new(|| [BASE_STYLE, include_str!("../../assets/face.css")].concat());

/// Pictures are drawn from an id: the same for ever, but for a new way of drawing.
const DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// The stylesheet changes with the executable, and pages must not meet the last one's.
const ASK: HeaderValue = HeaderValue::from_static("public, no-cache");

/// Serves the stylesheet of the pages.
pub(super) async fn stylesheet(headers: HeaderMap) -> Response {
    reply(&headers, CSS.as_bytes().to_vec(), "text/css; charset=utf-8", ASK)
}

/// Serves the header of an account that has not chosen one.
pub(super) async fn header_picture(headers: HeaderMap) -> Response {
    picture(&headers, avatar::blank())
}

/// Serves the generated avatar of an account that has not chosen one: `{id}.png`.
pub(super) async fn avatar(Path(file): Path<String>, headers: HeaderMap) -> Response {
    match file.strip_suffix(".png").and_then(|id| id.parse::<u64>().ok()) {
        Some(account) => picture(&headers, avatar::of(account)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Serves the picture by which apps and other sites show this server.
pub(super) async fn thumbnail(headers: HeaderMap) -> Response {
    match thumbnail::picture() {
        Some(png) => reply(&headers, png.to_vec(), "image/png", DAY),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn picture(asked: &HeaderMap, drawn: Result<Vec<u8>, png::EncodingError>) -> Response {
    match drawn {
        Ok(png) => reply(asked, png, "image/png", DAY),
        Err(error) => {
            tracing::error!(%error, "cannot draw a picture");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sends the bytes, or 304 to whoever holds them.
fn reply(asked: &HeaderMap, body: Vec<u8>, content_type: &'static str, cache: HeaderValue) -> Response {
    let tag = tag_of(&body);
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut response = match known.into_iter().any(|tags| holds(tags, &tag)) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let mut response = body.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, cache);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The bytes' entity tag, in quotes: the first half of their SHA-256.
fn tag_of(bytes: &[u8]) -> String {
    let hex: String = sha256(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether a list of entity tags holds one (RFC 9110, section 13.1.2: compared weakly).
fn holds(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes_are_not_sent_again() {
        let check = |tags: &str, expected: bool| assert_eq!(holds(tags, "\"a\""), expected, "{tags}");
        check("\"a\"", true);
        check("W/\"a\"", true);
        check("\"b\", \"a\"", true);
        check("*", true);
        check("\"ab\"", false);
        check("a", false);
    }
}
