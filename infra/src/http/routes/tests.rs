//! The gate of every operation, token faults and scopes included, and what surrounds the routes.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use schemas::api::{Access, OPERATIONS, Operation};
use schemas::rows::{RowKey, RowWrite, TokenRow, codec, keys};
use schemas::{AccountId, AppId, PartitionId};
use tower::ServiceExt;

use super::Routes;
use crate::cache::{StampedViews, Stamps};
use crate::http::{ApiError, Caller, Edge, Params, PathId, Rule, Settings, finish, reply};
use crate::keys::{InstanceKeys, sha256};
use crate::progress::Progress;
use crate::views::memory::MemoryViews;
use crate::views::{Version, ViewBatch};

fn edge(settings: Settings) -> Arc<Edge> {
    let stamps = Arc::new(Stamps::new());
    let views = Arc::new(StampedViews::new(Arc::new(MemoryViews::new()), stamps.clone()));
    Arc::new(Edge::new(views, stamps, Arc::new(Progress::new(1, 2)), InstanceKeys::new([1; 32]), settings))
}

fn unlimited() -> Settings {
    Settings { rate_limits: false, patience: std::time::Duration::from_millis(5), ..Settings::default() }
}

async fn write(edge: &Edge, key: RowKey, value: Option<bytes::Bytes>) {
    let writes = vec![RowWrite { key, value, offset: 0 }];
    edge.views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
}

async fn issue(edge: &Edge, token: &str, account: u64, scopes: &str) {
    let scopes = scopes.split_whitespace().map(str::to_owned).collect();
    let row = TokenRow { account: AccountId(account), app: AppId(1), scopes, created_ms: 0 };
    write(edge, keys::token(&sha256(token.as_bytes())), Some(codec::encode(&row))).await;
}

/// Every operation of the table behind a handler that answers `{}`.
fn all(edge: &Arc<Edge>) -> axum::Router {
    let mut routes = Routes::<()>::new(edge.clone());
    for operation in OPERATIONS {
        routes = routes.on(operation.id, |_: Caller| async { reply::empty() });
    }
    assert_eq!(routes.mounted().len(), OPERATIONS.len());
    finish(routes.into_router(()), edge.clone())
}

fn request(operation: &Operation, token: Option<&str>) -> Request<Body> {
    let path = operation.path.replace("{id}", "1").replace("{hashtag}", "a").replace("{name}", "a");
    let mut builder = Request::builder().method(operation.method).uri(path);
    if let Some(token) = token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    builder.body(Body::empty()).unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn every_operation_enforces_its_access_and_scopes() {
    let edge = edge(unlimited());
    issue(&edge, "user", 7, "read write follow push profile").await;
    issue(&edge, "app", 0, "read write follow push profile").await;
    issue(&edge, "bare", 7, "push").await;
    let router = all(&edge);
    for operation in OPERATIONS {
        let status = async |token| router.clone().oneshot(request(operation, token)).await.unwrap().status().as_u16();
        let bare = if operation.scopes.is_empty() { 200 } else { 403 };
        let expected = match operation.access {
            Access::Open => [200, 200, 200, 200, 200],
            Access::Maybe => [200, 401, 200, 200, bare],
            Access::App => [401, 401, 200, 200, bare],
            Access::Newcomer | Access::User => [401, 401, 200, 401, bare],
        };
        let mut seen = [0; 5];
        for (slot, token) in seen.iter_mut().zip([None, Some("nonsense"), Some("user"), Some("app"), Some("bare")]) {
            *slot = status(token).await;
        }
        assert_eq!(seen, expected, "{}", operation.id);
    }
}

#[tokio::test]
async fn malformed_authorization_is_a_bad_token() {
    let edge = edge(unlimited());
    issue(&edge, "user", 7, "read").await;
    let router = all(&edge);
    for (value, expected) in [
        ("Bearer user", 200),
        ("bearer  user", 200),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic dXNlcg==", 401),
        ("user", 401),
        (&format!("Bearer {}", "x".repeat(5_000)), 401),
    ] {
        let request = Request::get("/api/v1/timelines/home").header("authorization", value).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{value}");
        if expected == 401 {
            assert!(response.headers().contains_key("www-authenticate"));
            assert_eq!(text(response).await, r#"{"error":"The access token is invalid"}"#);
        }
    }
    let by_query = Request::get("/api/v1/timelines/home?access_token=user").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(by_query).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let edge = edge(unlimited());
    issue(&edge, "user", 7, "read").await;
    let router = all(&edge);
    let home = || Request::get("/api/v1/timelines/home").header("authorization", "Bearer user").body(Body::empty()).unwrap();
    for _ in 0..3 {
        assert_eq!(router.clone().oneshot(home()).await.unwrap().status(), StatusCode::OK);
        write(&edge, keys::token(&sha256(b"user")), None).await;
        assert_eq!(router.clone().oneshot(home()).await.unwrap().status(), StatusCode::UNAUTHORIZED);
        issue(&edge, "user", 7, "read").await;
    }
}

#[tokio::test]
async fn accounts_without_a_confirmed_address_may_not_act() {
    let edge = edge(Settings { confirmation: true, ..unlimited() });
    issue(&edge, "user", 7, "read").await;
    let router = all(&edge);
    let home = || Request::get("/api/v1/timelines/home").header("authorization", "Bearer user").body(Body::empty()).unwrap();
    for (confirmed, expected) in [(None, 200), (Some(false), 403), (Some(true), 200)] {
        if let Some(confirmed) = confirmed {
            let row = schemas::rows::CredentialRow { email: vec![].into(), password: vec![].into(), confirmed };
            write(&edge, keys::credential(AccountId(7)), Some(codec::encode(&row))).await;
        }
        assert_eq!(router.clone().oneshot(home()).await.unwrap().status().as_u16(), expected, "{confirmed:?}");
    }
}

#[tokio::test]
async fn calls_beyond_the_quota_are_429_with_headers() {
    let edge = edge(Settings { rate_limits: true, ..unlimited() });
    let router = all(&edge);
    let get = || Request::get("/api/v1/timelines/public").body(Body::empty()).unwrap();
    let (limit, _) = Rule::Api.quota();
    let mut statuses = Vec::new();
    // A window may end in between: more than two windows' worth shows a refusal anyway.
    for _ in 0..=2 * limit {
        let response = router.clone().oneshot(get()).await.unwrap();
        assert_eq!(response.headers()["x-ratelimit-limit"], limit.to_string());
        assert!(response.headers().contains_key("x-ratelimit-remaining") && response.headers().contains_key("x-ratelimit-reset"));
        statuses.push(response.status().as_u16());
    }
    assert_eq!((statuses[0], statuses[statuses.len() - 1]), (200, 429));
}

#[tokio::test]
async fn positions_are_waited_for_or_the_answer_is_marked_stale() {
    use schemas::log::{Position, PositionToken};
    let edge = edge(unlimited());
    let router = all(&edge);
    let token = PositionToken(vec![Position { generation: 1, partition: PartitionId(0), offset: 4 }]).encode(edge.keys.position());
    let stale = async |token: &str| {
        let request = Request::get("/api/v1/timelines/public").header("roost-position", token).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().headers().contains_key("roost-stale")
    };
    assert!(stale(&token).await);
    edge.progress.publish(PartitionId(0), 5);
    assert!(!stale(&token).await);
    assert!(stale("forged").await);
}

#[tokio::test]
async fn browsers_get_cors_and_every_answer_an_id() {
    let edge = edge(unlimited());
    let router = all(&edge);
    let preflight = Request::options("/api/v1/statuses")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,idempotency-key")
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(preflight).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase()).unwrap_or_default();
    assert!(response.status().is_success());
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("access-control-max-age"), "86400");
    assert!(["get", "post", "put", "patch", "delete"].iter().all(|method| header("access-control-allow-methods").contains(method)));
    assert!(["authorization", "content-type", "idempotency-key"].iter().all(|name| header("access-control-allow-headers").contains(name)));

    let plain = Request::get("/api/v1/instance").header("origin", "https://app.example").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(plain).await.unwrap();
    let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(["link", "x-ratelimit-reset", "x-request-id", "roost-position", "roost-stale"].iter().all(|name| exposed.contains(name)));
    assert_eq!(response.headers()["x-request-id"].len(), 32);

    let nowhere = router.clone().oneshot(Request::get("/api/v1/nothing").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!((nowhere.status(), text(nowhere).await), (StatusCode::NOT_FOUND, r#"{"error":"Record not found"}"#.to_owned()));
    let wrong = router.oneshot(Request::delete("/api/v1/instance").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn panics_and_errors_of_ours_say_nothing_of_the_inside() {
    let edge = edge(unlimited());
    let routes = Routes::<()>::new(edge.clone())
        .on("instance.v1", || async { String::from_utf8(vec![0xff]).expect("a secret") })
        .on("instance.v2", || async { Err::<String, _>(ApiError::Internal("a secret".to_owned())) });
    let router = finish(routes.into_router(()), edge);
    for path in ["/api/v1/instance", "/api/v2/instance"] {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(text(response).await, r#"{"error":"An unexpected error occurred"}"#);
    }
}

#[tokio::test]
async fn ids_that_are_none_are_not_found() {
    let edge = edge(unlimited());
    let routes = Routes::<()>::new(edge.clone())
        .on("accounts.get", |PathId(id): PathId<AccountId>, params: Params| async move { format!("{id} {:?}", params.str("x")) });
    let router = finish(routes.into_router(()), edge);
    for (path, status, body) in [
        ("/api/v1/accounts/12?x=y", 200, "12 Some(\"y\")"),
        ("/api/v1/accounts/12/?x=y", 200, "12 Some(\"y\")"),
        ("/api/v1/accounts/abc", 404, r#"{"error":"Record not found"}"#),
        ("/api/v1/accounts/-1", 404, r#"{"error":"Record not found"}"#),
        ("/api/v1/accounts/%ff", 404, r#"{"error":"Record not found"}"#),
        ("/api/v1/accounts/99999999999999999999", 404, r#"{"error":"Record not found"}"#),
    ] {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((response.status().as_u16(), text(response).await.as_str()), (status, body), "{path}");
    }
}

#[test]
#[should_panic(expected = "is no operation")]
fn unknown_operations_are_refused_at_start() {
    let _ = Routes::<()>::new(edge(unlimited())).on("no.such", || async {});
}
