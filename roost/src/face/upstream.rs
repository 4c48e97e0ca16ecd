//! The public API as the pages call it: in process, through the same router that clients reach.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

/// The largest reply that a page reads.
const REPLY_BYTES_MAX: usize = 4 << 20;

/// The public API of this process.
#[derive(Clone)]
pub struct Api(pub Router);

impl Api {
    /// Reads a resource as a signed-out client whose request came with `headers` (its host, for absolute URLs).
    pub(super) async fn get(&self, path: &str, headers: &HeaderMap) -> Result<Value, StatusCode> {
        let mut request = Request::get(path);
        if let Some(host) = headers.get(header::HOST) {
            request = request.header(header::HOST, host);
        }
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let request = request.extension(ConnectInfo(local)).body(Body::empty()).map_err(|_| StatusCode::BAD_REQUEST)?;
        let Ok(response) = self.0.clone().oneshot(request).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), REPLY_BYTES_MAX).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        if !status.is_success() {
            return Err(status);
        }
        serde_json::from_slice(&bytes).map_err(|_| StatusCode::BAD_GATEWAY)
    }
}
