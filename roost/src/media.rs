//! Avatars and attachments, served from the blob store. Keys name their content, so browsers keep it for good.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use infra::blobs::{BlobKey, Blobs, ContentType};

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Uploaded files must never run as pages of this server.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// The routes below `/media`.
pub fn routes(blobs: Arc<dyn Blobs>) -> Router {
    Router::new().route("/media/{*key}", get(serve)).with_state(blobs)
}

async fn serve(State(blobs): State<Arc<dyn Blobs>>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let Ok(key) = BlobKey::parse(&key) else { return StatusCode::NOT_FOUND.into_response() };
    let tag = format!("\"{key}\"");
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    match blobs.get(&key).await {
        Ok(Some(bytes)) => {
            let mut response = bytes.into_response();
            let content_type = key.content_type();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type.media_type()));
            headers.insert(header::CACHE_CONTROL, FOREVER);
            headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            if content_type == ContentType::Bytes {
                headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
            }
            if let Ok(tag) = HeaderValue::from_str(&tag) {
                headers.insert(header::ETAG, tag);
            }
            response
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, %key, "cannot read a blob");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
        }
    }
}
