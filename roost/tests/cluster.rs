//! Roles in servers of their own, two of each, over one log and one set of stores in memory: any of them takes any command, nobody reads less
//! than they know of, and when one goes the other takes over.

#![allow(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::place::{Place, with};
use support::{Member, Server};

const PATIENCE: Duration = Duration::from_secs(20);

fn ids(page: &Value) -> Vec<&str> {
    page.as_array().expect("a page").iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Posts here, reads home and favourites there, and reads the count at a third: where a reader waits for a position, all of it is seen.
fn posted_here_is_read_there((here, there, third): (&Server, &Server, &Server), (author, reader): (&Member, &Member), text: &str) {
    let (post, position) = here.post_at("/api/v1/statuses", author, &json!({ "status": text }));
    let id = post["id"].as_str().expect("an id");
    assert_eq!(ids(&there.get_after("/api/v1/timelines/home", reader, &position)).first(), Some(&id), "{text}");
    let (favourited, position) = there.post_at(&format!("/api/v1/statuses/{id}/favourite"), reader, &json!({}));
    assert_eq!(favourited["favourites_count"], 1);
    let seen = third.get_after(&format!("/api/v1/statuses/{id}"), author, &position);
    assert_eq!(seen["favourites_count"], 1, "{text}");
}

/// Sends a batch here, and reads what it came to there.
fn batch_keeps_its_order(here: &Server, there: &Server, member: &Member) {
    let lines: String = (0..300).map(|n| format!("{{\"do\":\"statuses.create\",\"status\":\"line {n}\"}}\n")).collect();
    let (answer, position) = here.send_lines("/api/roost/v1/batch", member, &lines);
    let id = |line: &str| -> u64 {
        let line: Value = serde_json::from_str(line).expect("a result");
        line["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
    };
    let made: Vec<u64> = answer.lines().map(id).collect();
    assert!(made.len() == 300 && made.is_sorted_by(|a, b| a < b), "{answer}");
    let newest = there.get_after(&format!("/api/v1/accounts/{}/statuses?limit=3", member.id), member, &position);
    assert_eq!(ids(&newest), made.iter().rev().take(3).map(u64::to_string).collect::<Vec<_>>());
    assert_eq!(newest[0]["content"], "<p>line 299</p>");
}

#[test]
fn two_of_each_role_serve_as_one() {
    let place = Place::new();
    let (writes, more_writes) = (place.server("commands"), place.server("commands"));
    let (projects, more_projects) = (place.server("projectors"), place.server("projectors"));
    let (reads, more_reads) = (place.server("queries"), place.server("queries"));
    wait_for("partitions are shared out", || with(&writes, "writes") == 2 && with(&more_writes, "writes") == 2);
    assert_eq!((with(&projects, "projects"), with(&more_projects, "projects"), with(&reads, "writes")), (2, 2, 0));
    let (ana, bob) = (reads.member("ana"), more_reads.member("bob"));
    let (_, followed) = more_reads.post_at(&format!("/api/v1/accounts/{}/follow", ana.id), &bob, &json!({}));
    reads.get_after(&format!("/api/v1/accounts/{}", ana.id), &bob, &followed);
    for round in 0..8 {
        posted_here_is_read_there((&reads, &more_reads, &reads), (&ana, &bob), &format!("through queries {round}"));
        posted_here_is_read_there((&writes, &reads, &more_reads), (&ana, &bob), &format!("through commands {round}"));
    }
    assert_eq!(projects.call("GET", "/api/v1/instance", None, None).status, 404, "who projects serves no clients");
    let refused = projects.ops_post("/ops/rebuild").body;
    assert!(refused.contains("other processes project some of the partitions"), "{refused}");

    // A batch of each member through each server: whoever decides, lines keep their order.
    for (server, member) in [(&reads, &ana), (&writes, &ana), (&more_writes, &bob), (&more_reads, &bob)] {
        batch_keeps_its_order(server, &more_reads, member);
    }

    drop((writes, projects, reads));
    wait_for("the others take over", || with(&more_writes, "writes") == 4 && with(&more_projects, "projects") == 4);
    assert_eq!(more_writes.ops("/readyz").status, 200);
    for round in 0..4 {
        posted_here_is_read_there((&more_writes, &more_reads, &more_reads), (&ana, &bob), &format!("alone {round}"));
    }
    let verified = more_projects.ops("/ops/verify?views=statuses,relations,timelines").body;
    assert!(verified.contains("\"differing\":0") && !verified.contains("\"differing\":1"), "{verified}");
}

#[test]
fn only_processes_of_the_instance_pass_commands_on() {
    let place = Place::new();
    let writes = place.server("commands");
    assert_eq!(writes.ops_send("/internal/commands", &json!({})).status, 401);
    assert_eq!(writes.ops_send("/internal/commands/many", &json!({})).status, 401);
    assert_eq!(writes.call("POST", "/internal/commands", None, Some(json!({}))).status, 404, "not on the clients' port");
}
