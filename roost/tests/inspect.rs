//! `replay-tools inspect` against a running server: every event once, filters, following, and mistakes that are explained.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::bail;
use replay_tools::inspect::Asked;
use replay_tools::ops::Line;
use replay_tools::remote::Remote;
use serde_json::{Value, json};
use support::{Member, Server};

/// More than the server holds ready for a caller who does not read.
const POSTS: usize = 400;
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn post(server: &Server, member: &Member, text: &str) {
    server.post("/api/v1/statuses", member, json!({ "status": text }));
}

fn asked(kind: &str) -> Asked {
    Asked { kind: Some(kind.to_owned()), ..Asked::default() }
}

fn inspected(server: &Server, asked: &Asked) -> Vec<Value> {
    let mut events = Vec::new();
    let hear = &mut |line| {
        if let Line::Event(event) = line {
            events.push(event);
        }
        Ok(())
    };
    Remote::new(server.ops_url()).inspect(asked, hear).unwrap();
    events
}

fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"]["text"].as_str().unwrap()).collect()
}

#[test]
fn every_event_comes_once_however_slowly_it_is_read() {
    let server = Server::start(&[]);
    let (ana, bob) = (server.member("ana"), server.member("bob"));
    let written: BTreeSet<String> = (0..POSTS).map(|number| format!("post {number} {}", "long ".repeat(60))).collect();
    written.iter().for_each(|text| post(&server, if text.len() % 2 == 0 { &ana } else { &bob }, text));
    let (mut read, mut paused) = (BTreeSet::new(), false);
    let hear = &mut |line| {
        if let Line::Event(event) = line {
            assert!(read.insert(event["event"]["text"].as_str().unwrap().trim().to_owned()), "{event}");
        }
        if !std::mem::replace(&mut paused, true) {
            // Writes and other readers go on while this one does not read.
            post(&server, &ana, "meanwhile");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    };
    Remote::new(server.ops_url()).inspect(&asked("PostPublished"), hear).unwrap();
    let missing: Vec<_> = written.iter().filter(|text| !read.contains(text.trim())).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn filters_are_those_of_the_command_line() {
    let server = Server::start(&[]);
    let (ana, bob) = (server.member("ana"), server.member("bob"));
    post(&server, &ana, "one");
    post(&server, &bob, "two & <three>");
    server.post(&format!("/api/v1/accounts/{}/follow", bob.id), &ana, json!({}));
    let published = inspected(&server, &asked("PostPublished"));
    assert_eq!(texts(&published), ["one", "two & <three>"]);
    let of_bob = Asked { account: Some("@Bob".into()), ..asked("PostPublished") };
    assert_eq!(texts(&inspected(&server, &of_bob)), ["two & <three>"]);
    let everything_of_bob = inspected(&server, &Asked { account: Some(bob.id.clone()), ..Asked::default() });
    assert!(everything_of_bob.iter().any(|event| event["type"] == "FollowAccepted"), "{everything_of_bob:?}");
    let time = |event: &Value| Some(event["time"].as_str().unwrap().to_owned());
    let since = Asked { since: time(&published[0]), until: time(&published[1]), ..asked("PostPublished") };
    assert!(inspected(&server, &since).len() <= 1);
    let from = Asked { from: published[1]["position"].as_str().map(str::to_owned), limit: Some(1), ..Asked::default() };
    assert_eq!(inspected(&server, &from), published[1..]);
    assert_eq!(inspected(&server, &Asked { limit: Some(3), ..Asked::default() }).len(), 3);
}

#[test]
fn followers_hear_of_what_comes_and_of_the_end() {
    let server = Server::start(&[]);
    let ana = server.member("ana");
    post(&server, &ana, "before");
    let (heard, events) = mpsc::channel();
    let (url, follow) = (server.ops_url().to_owned(), Asked { follow: true, ..asked("PostPublished") });
    let follower = std::thread::spawn(move || {
        let hear = &mut |line| match line {
            Line::Event(event) => Ok(heard.send(event)?),
            other => bail!("no end was asked for: {other:?}"),
        };
        Remote::new(&url).inspect(&follow, hear)
    });
    let next = || events.recv_timeout(PATIENCE).unwrap()["event"]["text"].as_str().unwrap().to_owned();
    assert_eq!(next(), "before");
    for text in ["one", "two", "three"] {
        post(&server, &ana, text);
        assert_eq!(next(), text);
    }
    let to_a_limit = Asked { follow: true, limit: Some(2), ..asked("PostPublished") };
    assert_eq!(inspected(&server, &to_a_limit).len(), 2);
    drop(server);
    let ended = format!("{:#}", follower.join().unwrap().unwrap_err());
    assert!(ended.contains("the server stops"), "{ended}");
}

#[test]
fn mistakes_are_explained() {
    let server = Server::start(&[]);
    let check = |asked: Asked, expected: &str| {
        let refused = Remote::new(server.ops_url()).inspect(&asked, &mut |_| Ok(())).unwrap_err();
        let told = format!("{refused:#}");
        assert!(told.starts_with("the server refuses") && told.contains(expected), "{told}");
    };
    check(asked("PostPublised"), "expected one of");
    check(Asked { account: Some("nobody".into()), ..Asked::default() }, "no account goes by nobody");
    check(Asked { since: Some("yesterday".into()), ..Asked::default() }, "write 2026-11-21T12:00:00Z");
    check(Asked { from: Some("1.99.0".into()), ..Asked::default() }, "the log has 4");
    let unknown = server.ops("/ops/inspect?acount=ana");
    assert_eq!(unknown.status, 422);
    assert!(unknown.body.contains("acount"), "{}", unknown.body);
    let elsewhere = Remote::new(&server.url("")).inspect(&Asked::default(), &mut |_| Ok(())).unwrap_err();
    assert!(format!("{elsewhere:#}").contains("operators' port"), "{elsewhere:#}");
    let nowhere = Remote::new("http://127.0.0.1:9").inspect(&Asked::default(), &mut |_| Ok(())).unwrap_err();
    assert!(format!("{nowhere:#}").contains("ops_listen"), "{nowhere:#}");
}
