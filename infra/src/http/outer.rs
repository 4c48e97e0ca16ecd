//! What surrounds every route: request id, trace, client address, CORS, panics, and the answers to what no route serves.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LINK, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use schemas::log::TraceContext;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};

use super::client::{client_address, trusts};
use super::cross_origin::CrossOrigin;
use super::{ApiError, Edge, html, trace};

/// How long browsers may keep the answer to a preflight.
const PREFLIGHT_AGE: Duration = Duration::from_secs(86_400);
/// The longest request id taken over from a proxy.
const REQUEST_ID_CHARS_MAX: usize = 64;
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of any request.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// The client's address.
    pub ip: IpAddr,
    /// Names the request.
    pub request_id: String,
    /// Its trace.
    pub trace: TraceContext,
    /// Scheme and host under which the client reaches us, without a slash at the end.
    pub origin: String,
}

/// Puts the surroundings around the routes of all services; call it once, last.
pub fn finish(routes: Router, edge: Arc<Edge>) -> Router {
    routes
        .fallback(|| async { ApiError::NotFound })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(edge, surround))
        .layer(CrossOrigin::new(cors()))
}

fn cors() -> CorsLayer {
    let exposed = [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
        "roost-position",
        "roost-stale",
        "idempotency-key",
        "deprecation",
    ];
    let allowed = ["idempotency-key", "roost-position", "traceparent", "x-requested-with", "accept", "cache-control"];
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(
            [AUTHORIZATION, CONTENT_TYPE].into_iter().chain(allowed.into_iter().map(HeaderName::from_static)).collect::<Vec<_>>(),
        )
        .expose_headers(exposed.into_iter().map(HeaderName::from_static).chain([LINK, RETRY_AFTER]).collect::<Vec<_>>())
        .max_age(PREFLIGHT_AGE)
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    ApiError::Internal(format!("panic: {}", text.unwrap_or("of unknown cause"))).into_response()
}

async fn surround(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let info = info_of(&edge, &request);
    let id = HeaderValue::from_str(&info.request_id);
    request.extensions_mut().insert(info);
    let mut response: Response<Body> = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        html::secure(headers);
    }
    response
}

fn info_of(edge: &Edge, request: &Request) -> RequestInfo {
    let headers = request.headers();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
    let trusted = &edge.settings.trusted_proxies;
    let behind_proxy = trusts(peer, trusted);
    RequestInfo {
        ip: client_address(peer, headers, trusted),
        request_id: behind_proxy.then(|| request_id_of(headers)).flatten().unwrap_or_else(trace::fresh_name),
        trace: trace::of_request(headers),
        origin: edge.settings.public_url.clone().unwrap_or_else(|| origin_of(headers, behind_proxy)),
    }
}

fn request_id_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (plain && (1..=REQUEST_ID_CHARS_MAX).contains(&text.len())).then(|| text.to_owned())
}

/// Scheme and host as the request says: the `Host`, or, behind a trusted proxy, what that was asked for.
fn origin_of(headers: &HeaderMap, behind_proxy: bool) -> String {
    let last = |name: &str| {
        let value = headers.get(name).filter(|_| behind_proxy)?.to_str().ok()?;
        value.rsplit(',').next().map(str::trim)
    };
    let scheme = if last("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let is_host = |host: &&str| {
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'[' | b']' | b'_'));
        plain && !host.is_empty()
    };
    let asked = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = last("x-forwarded-host").or(asked).filter(is_host).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn origins_are_what_the_client_used() {
        let proxied = headers(&[("host", "inner"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "roost.example")]);
        assert_eq!(origin_of(&proxied, true), "https://roost.example");
        assert_eq!(origin_of(&proxied, false), "http://inner");
        assert_eq!(origin_of(&headers(&[("host", "127.0.0.1:8080")]), false), "http://127.0.0.1:8080");
        assert_eq!(origin_of(&headers(&[("host", "a\"><script>")]), false), "http://localhost");
    }

    #[test]
    fn request_ids_are_taken_over_if_plain() {
        assert_eq!(request_id_of(&headers(&[("x-request-id", "a-1.b_2")])), Some("a-1.b_2".to_owned()));
        assert_eq!(request_id_of(&headers(&[("x-request-id", "a b")])), None);
        assert_eq!(request_id_of(&headers(&[("x-request-id", "")])), None);
    }
}
