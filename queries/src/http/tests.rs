//! The query service mounts what it should, and answers over HTTP.

use std::sync::Arc;

use axum::body::Body;
use http_body_util::BodyExt;
use infra::cache::Stamps;
use infra::http::{Settings, finish};
use infra::keys::InstanceKeys;
use infra::progress::Progress;
use schemas::api::{OPERATIONS, Side};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::testing::{World, post_id, says};

fn edge(world: &World) -> Arc<Edge> {
    let settings = Settings { rate_limits: false, ..Settings::default() };
    let progress = Arc::new(Progress::new(1, 4));
    Arc::new(Edge::new(world.views.clone(), Arc::new(Stamps::new()), progress, InstanceKeys::new([1; 32]), settings))
}

#[test]
fn every_read_is_mounted_but_those_of_oauth_and_applications() {
    let routes = mounted(edge(&World::new()));
    let mut mounted = routes.mounted().to_vec();
    // The command service keeps the secrets of both, and serves their reads beside their writes.
    let apart = |id: &str| id.starts_with("oauth.") || id == "apps.verify_credentials";
    let reads = OPERATIONS.iter().filter(|operation| operation.side == Side::Read && !apart(operation.id));
    let mut expected: Vec<_> = reads.map(|operation| operation.id).collect();
    mounted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(mounted, expected);
}

async fn get(router: &axum::Router, path: &str) -> (u16, Option<String>, Value) {
    let request = http::Request::get(path).header("host", "roost.example").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let link = parts.headers.get("link").map(|value| value.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), link, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn pages_carry_links() {
    let world = World::new();
    world.account(7, |_| {}).await;
    for n in 0..3 {
        world.publish(post_id(n), says(7, "hello")).await;
    }
    world.clock.store(crate::testing::T0 + 1_000, std::sync::atomic::Ordering::SeqCst);
    let edge = edge(&world);
    let router = finish(routes(world.side.clone(), edge.clone()), edge);
    let (status, link, body) = get(&router, "/api/v1/timelines/public?limit=2&local=true").await;
    assert_eq!((status, body.as_array().map(Vec::len)), (200, Some(2)));
    let path = "http://roost.example/api/v1/timelines/public?limit=2&local=true";
    let expected = format!("<{path}&max_id={}>; rel=\"next\", <{path}&min_id={}>; rel=\"prev\"", post_id(1), post_id(2));
    assert_eq!(link.as_deref(), Some(expected.as_str()));
    let (status, link, body) = get(&router, &format!("/api/v1/accounts/7/statuses?max_id={}", post_id(0))).await;
    assert_eq!((status, link, body), (200, None, serde_json::json!([])));
    assert_eq!(get(&router, "/api/v1/statuses/12").await.0, 404);
    assert_eq!(get(&router, "/api/v1/accounts/nonsense").await.0, 404);
    assert_eq!(get(&router, "/api/v1/timelines/home").await.0, 401);
}
