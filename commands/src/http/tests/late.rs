//! Views that are late, or whose store is away: what is durable is acknowledged, and what is over is not trusted.

use std::sync::atomic::Ordering::Relaxed;

use super::*;

#[tokio::test]
async fn answers_that_the_views_were_late_for_say_so() {
    let world = open();
    let ana = world.user("ana").await;
    for late in [false, true] {
        world.reads.late.store(late, Relaxed);
        let answer = world.post("/api/v1/statuses/1/favourite", &[], Some(&ana.token)).await;
        assert_eq!((answer.status, answer.headers.contains_key("roost-stale")), (200, late), "done and durable all the same");
    }
}

#[tokio::test]
async fn what_cannot_be_shown_is_acknowledged_by_its_id() {
    let world = open();
    let ana = world.user("ana").await;
    assert_eq!(world.post("/api/v1/statuses", &[("status", "before")], Some(&ana.token)).await.status, 200);
    world.reads.late.store(true, Relaxed);
    world.store.fail();
    let own = ana.id.to_string();
    let markers = [("home[last_read_id]", "5")];
    for (path, form, body) in [
        ("/api/v1/statuses", &[("status", "away")][..], r#"{"id":"7"}"#),
        ("/api/v1/statuses/1/favourite", &[], r#"{"id":"1"}"#),
        ("/api/v1/markers", &markers, "{}"),
    ] {
        let answer = world.post(path, form, Some(&ana.token)).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, body), "{path}");
        assert!(["roost-stale", "roost-position"].iter().all(|name| answer.headers.contains_key(*name)), "{path}");
    }
    let sent = world.bus.sent().len();
    let unknown = world.post(&format!("/api/v1/accounts/{own}0/mute"), &[], Some(&ana.token)).await;
    assert_eq!((unknown.status, unknown.headers.contains_key("retry-after")), (503, true));
    assert_eq!(world.bus.sent().len(), sent, "nothing was done");
}

/// `GET /api/v1/apps/verify_credentials`
async fn asked(world: &World, token: &str) -> u16 {
    let request = Request::get("/api/v1/apps/verify_credentials").header(AUTHORIZATION, format!("Bearer {token}"));
    world.call(request, Body::empty()).await.status
}

#[tokio::test]
async fn a_token_that_ended_is_not_trusted_though_the_views_still_have_it() {
    let world = open();
    let app = world.app("read write").await;
    let (ends, stays) =
        (world.client_token(&app, "read").await.text_of("access_token"), world.client_token(&app, "read").await.text_of("access_token"));
    assert_eq!((asked(&world, &ends).await, asked(&world, &stays).await), (200, 200));
    world.reads.late.store(true, Relaxed);
    world.bus.behind.store(true, Relaxed);
    world.store.fail();
    let form = [("client_id", app.0.as_str()), ("client_secret", &app.1), ("token", &ends)];
    assert_eq!(world.post("/oauth/revoke", &form, None).await.status, 200);
    assert_eq!((asked(&world, &ends).await, asked(&world, &stays).await), (503, 200));
}
