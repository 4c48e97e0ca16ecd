//! One data folder through stops and starts: everything acknowledged stays, once, and the views are what the log says.

#![allow(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod support;

use infra::config::{Config, Layered};
use serde_json::{Value, json};
use support::Server;

fn embedded(folder: &std::path::Path) -> Config {
    let mut layered = Layered::default();
    let data = folder.display().to_string();
    let settings =
        [("data", data.as_str()), ("listen", "127.0.0.1:0"), ("ops_listen", "127.0.0.1:0"), ("rate_limits", "off"), ("partitions", "3")];
    for (key, value) in settings {
        layered.set(key, value, "a test").expect("a known key");
    }
    layered.finish().expect("a good configuration")
}

fn ids(timeline: &Value) -> Vec<String> {
    timeline.as_array().expect("a list").iter().map(|post| post["id"].as_str().expect("an id").to_owned()).collect()
}

/// Every line of a verification, which must find nothing.
fn verify(server: &Server) {
    let lines = server.ops("/ops/verify");
    assert_eq!(lines.status, 200, "{}", lines.body);
    for line in lines.body.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON lines");
        assert!(line.get("failed").is_none(), "{line}");
        if let Some(found) = line.get("verified") {
            assert_eq!(found["differing"], 0, "{found}");
        }
    }
}

#[test]
fn a_folder_keeps_everything_through_restarts_and_rebuilds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ana, bob, posts) = {
        let server = Server::with(embedded(folder.path()));
        let (ana, bob) = (server.member("ana"), server.member("bob"));
        let relationship = server.post(&format!("/api/v1/accounts/{}/follow", bob.id), &ana, json!({}));
        assert_eq!(relationship["following"], true, "{relationship}");
        let posts: Vec<String> = (0..30)
            .map(|n| {
                server.post("/api/v1/statuses", &bob, json!({"status": format!("post {n} #nest")}))["id"]
                    .as_str()
                    .expect("an id")
                    .to_owned()
            })
            .collect();
        server.post(&format!("/api/v1/statuses/{}/favourite", posts[3]), &ana, json!({}));
        verify(&server);
        (ana, bob, posts)
    };
    let newest_first: Vec<String> = posts.iter().rev().cloned().collect();
    for round in 0..2 {
        let server = Server::with(embedded(folder.path()));
        let home = server.get("/api/v1/timelines/home?limit=40", &ana).json();
        assert_eq!(ids(&home), newest_first, "home after restart {round}");
        let favourite = server.get(&format!("/api/v1/statuses/{}", posts[3]), &ana).json();
        assert_eq!((&favourite["favourited"], &favourite["favourites_count"]), (&json!(true), &json!(1)));
        let rebuilt = server.ops_post("/ops/rebuild");
        assert!(rebuilt.body.contains("finished"), "{}", rebuilt.body);
        verify(&server);
        let home = server.get("/api/v1/timelines/home?limit=40", &ana).json();
        assert_eq!(ids(&home), newest_first, "home after rebuild {round}");
        let tagged = server.get("/api/v1/timelines/tag/nest?limit=5", &bob).json();
        assert_eq!(ids(&tagged), &newest_first[..5]);
    }
}

#[test]
fn a_repeated_idempotency_key_gives_the_first_answer_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = json!({"status": "once"});
    let (ana, first) = {
        let server = Server::with(embedded(folder.path()));
        let ana = server.member("ana");
        let first = server.post_with_key("/api/v1/statuses", &ana, "key-1", &body);
        assert_eq!(server.post_with_key("/api/v1/statuses", &ana, "key-1", &body)["id"], first["id"]);
        (ana, first)
    };
    let server = Server::with(embedded(folder.path()));
    assert_eq!(server.post_with_key("/api/v1/statuses", &ana, "key-1", &body)["id"], first["id"]);
    let own = server.get(&format!("/api/v1/accounts/{}/statuses", ana.id), &ana).json();
    assert_eq!(ids(&own).len(), 1);
}
