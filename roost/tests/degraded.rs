//! What goes on while the view store is away, over HTTP: see docs/decisions/0018-while-the-view-store-is-away.md.

#![allow(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::views::ViewStore;
use serde_json::{Value, json};
use support::place::{Place, with};
use support::{Member, Reply, Server};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(30);
const ALL_ROLES: &str = "commands,projectors,queries";

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until all of them know that the store is away, or that it is there.
fn wait_known(stores: &[&Arc<dyn ViewStore>], away: bool) {
    wait_for("the state of the store is known", || stores.iter().all(|store| store.away().is_some() == away));
}

fn send(server: &Server, member: &Member, text: &str) -> Reply {
    server.call("POST", "/api/v1/statuses", Some(&member.token), Some(json!({ "status": text })))
}

/// A post that is acknowledged although nothing can be shown of it; its id.
fn acknowledged(reply: &Reply) -> String {
    assert_eq!((reply.status, reply.stale), (200, true), "{}", reply.body);
    reply.json()["id"].as_str().expect("an id").to_owned()
}

fn turned_away(reply: &Reply) {
    assert_eq!((reply.status, reply.retry_after), (503, true), "{}", reply.body);
}

/// Posts and sees it, so that whoever takes part knows the author; then the position is passed on every server.
fn warm_up(server: &Server, member: &Member) {
    let (_, position) = server.post_at("/api/v1/statuses", member, &json!({ "status": "before" }));
    server.get_after(&statuses_of(member), member, &position);
}

fn statuses_of(member: &Member) -> String {
    format!("/api/v1/accounts/{}/statuses?limit=40", member.id)
}

/// Waits until a server shows what was acknowledged, each once.
fn shows_each_once(server: &Server, author: &Member, wanted: &BTreeMap<String, String>) {
    let shown = || -> Vec<(String, String)> {
        let reply = server.get(&statuses_of(author), author);
        if reply.status != 200 {
            return Vec::new();
        }
        let text = |post: &Value, key: &str| post[key].as_str().expect("a text").to_owned();
        reply.json().as_array().expect("a page").iter().map(|post| (text(post, "id"), text(post, "content"))).collect()
    };
    wait_for("all posts are shown", || shown().len() > wanted.len());
    let shown = shown();
    for (id, text) in wanted {
        let content = format!("<p>{text}</p>");
        assert_eq!(shown.iter().filter(|(_, shown)| *shown == content).count(), 1, "{text}");
        assert!(shown.contains(&(id.clone(), content)), "{text} is {id}");
    }
    assert_eq!(shown.len(), wanted.len() + 1, "the one from before, and nothing else");
}

#[test]
fn who_is_known_goes_on_writing_and_nothing_is_lost() {
    let place = Place::new();
    let (server, store) = place.watched_server(ALL_ROLES);
    let (ana, cold) = (server.member("ana"), server.member("cold"));
    warm_up(&server, &ana);
    let mut posted = BTreeMap::new();

    place.views.fail();
    wait_known(&[&store], true);
    for number in 0..5 {
        let text = format!("away {number}");
        posted.insert(acknowledged(&send(&server, &ana, &text)), text);
    }
    // As real clients do: under a key, which is sent again when the answer got lost.
    let (keyed, body) = ("a key of its own", json!({ "status": "under a key" }));
    let sent = || server.call_with_key("POST", "/api/v1/statuses", &ana.token, keyed, &body);
    let first = acknowledged(&sent());
    assert_eq!(acknowledged(&sent()), first);
    posted.insert(first, "under a key".to_owned());
    turned_away(&send(&server, &cold, "who is this?"));
    let read = server.get("/api/v1/instance", &ana);
    assert!(read.stale || read.status == 503, "{}", read.body);
    turned_away(&server.get("/api/v1/accounts/verify_credentials", &cold));

    place.views.heal();
    wait_known(&[&store], false);
    shows_each_once(&server, &ana, &posted);
    assert_eq!(sent().status, 200);
    shows_each_once(&server, &ana, &posted);
    server.post("/api/v1/statuses", &cold, json!({ "status": "here I am" }));
    let after = server.get(&statuses_of(&ana), &ana);
    assert_eq!((after.status, after.stale), (200, false));
}

/// What a process acknowledged is not overlooked by another that keeps older rows.
#[test]
fn no_process_trusts_what_another_was_told_is_over() {
    let place = Place::new();
    let (writes, writes_store) = place.watched_server("commands");
    let projects = place.server("projectors");
    let ((one, one_store), (other, other_store)) = (place.watched_server("queries"), place.watched_server("queries"));
    wait_for("partitions are shared out", || with(&writes, "writes") == 4 && with(&projects, "projects") == 4);
    let (ana, bob) = (one.member("ana"), other.member("bob"));
    for server in [&one, &other] {
        warm_up(server, &ana);
        warm_up(server, &bob);
    }

    place.views.fail();
    wait_known(&[&writes_store, &one_store, &other_store], true);
    acknowledged(&send(&one, &ana, "through one"));
    acknowledged(&send(&other, &ana, "through the other"));
    let changed =
        one.call("PATCH", "/api/v1/accounts/update_credentials", Some(&ana.token), Some(json!({ "source": { "privacy": "private" } })));
    acknowledged(&changed);
    // Whether her next post is public is not known anywhere now.
    turned_away(&send(&one, &ana, "for whom?"));
    wait_for("the other has heard of it", || send(&other, &ana, "for whom?").status == 503);
    acknowledged(&send(&other, &bob, "nothing happened to me"));

    place.views.heal();
    wait_known(&[&writes_store, &one_store, &other_store], false);
    let visibility = || {
        let reply = send(&other, &ana, "after");
        if reply.status == 200 { reply.json()["visibility"].as_str().map(str::to_owned) } else { None }
    };
    wait_for("her posts are private", || visibility().as_deref() == Some("private"));
}
