//! The public API as the pages call it: in process, through the same router that clients reach.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use infra::http::RequestInfo;
use serde_json::Value;
use tower::ServiceExt;

/// The largest reply that a page reads.
const REPLY_BYTES_MAX: usize = 4 << 20;

/// The public API of this process.
#[derive(Clone)]
pub struct Api(pub Router);

impl Api {
    /// Reads a resource as a signed-out client would from the visitor's address, so that the visitor's limits count, and under the
    /// same host, for absolute URLs.
    pub(super) async fn get(&self, path: &str, visitor: &RequestInfo) -> Result<Value, StatusCode> {
        let host = visitor.origin.split_once("://").map_or(visitor.origin.as_str(), |(_, host)| host);
        let peer = ConnectInfo(SocketAddr::new(visitor.ip, 0));
        let request = Request::get(path).header(header::HOST, host).extension(peer).body(Body::empty());
        let request = request.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Ok(response) = self.0.clone().oneshot(request).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), REPLY_BYTES_MAX).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        if !status.is_success() {
            return Err(status);
        }
        serde_json::from_slice(&bytes).map_err(|_| StatusCode::BAD_GATEWAY)
    }
}
