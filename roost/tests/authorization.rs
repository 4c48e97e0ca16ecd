//! Generated from the table of operations: every operation with every fault of a token, and every id as another account.

#![allow(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod support;

use schemas::api::{Access, OPERATIONS, Operation};
use serde_json::json;
use support::{Member, Server};

/// Operations that end what the test needs, or that answer with pages rather than entities.
const APART: &[&str] = &["oauth.authorize_form", "oauth.authorize", "oauth.token", "oauth.revoke", "apps.create", "roost.wait"];

/// The path of an operation with `id` for what it names.
fn path(operation: &Operation, id: &str) -> String {
    operation.path.replace("{id}", id).replace("{hashtag}", "none").replace("{name}", "none")
}

/// A token with the given scopes, from an application's client credentials or for a member through the operators.
fn app_token(server: &Server, scope: &str) -> String {
    let app = server.call(
        "POST",
        "/api/v1/apps",
        None,
        Some(json!({"client_name": "t", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": scope})),
    );
    assert_eq!(app.status, 200, "{}", app.body);
    let app = app.json();
    let token = server.call(
        "POST",
        "/oauth/token",
        None,
        Some(json!({"grant_type": "client_credentials", "client_id": app["client_id"], "client_secret": app["client_secret"], "scope": scope})),
    );
    assert_eq!(token.status, 200, "{}", token.body);
    token.json()["access_token"].as_str().expect("a token").to_owned()
}

/// A user's token with the given scopes: sign-up gives one.
fn user_token(server: &Server, scope: &str, name: &str) -> String {
    let app = app_token(server, &format!("write:accounts {scope}"));
    let wanted =
        json!({"username": name, "email": format!("{name}@example.org"), "password": "correct horse", "agreement": true, "locale": "en"});
    let reply = server.call("POST", "/api/v1/accounts", Some(&app), Some(wanted));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["access_token"].as_str().expect("a token").to_owned()
}

fn revoked(server: &Server) -> String {
    let app = server
        .call(
            "POST",
            "/api/v1/apps",
            None,
            Some(json!({"client_name": "t", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read"})),
        )
        .json();
    let client = json!({"client_id": app["client_id"], "client_secret": app["client_secret"]});
    let mut ask = client.clone();
    ask["grant_type"] = json!("client_credentials");
    let token = server.call("POST", "/oauth/token", None, Some(ask)).json()["access_token"].as_str().expect("a token").to_owned();
    let mut end = client;
    end["token"] = json!(token);
    assert_eq!(server.call("POST", "/oauth/revoke", None, Some(end)).status, 200);
    token
}

#[test]
fn every_operation_refuses_every_fault_of_a_token() {
    let server = Server::start(&[]);
    let stale = revoked(&server);
    let narrow = user_token(&server, "push", "narrow");
    let wide = user_token(&server, "read write follow profile", "wide");
    let app = app_token(&server, "read write follow");
    let mut failures = Vec::new();
    let mut check = |operation: &Operation, what: &str, status: u16, good: bool| {
        if !good {
            failures.push(format!("{} {} ({}) {what}: {status}", operation.method, operation.path, operation.id));
        }
    };
    for operation in OPERATIONS.iter().filter(|o| !APART.contains(&o.id)) {
        let call = |token: Option<&str>| server.call(operation.method, &path(operation, "1"), token, None).status;
        let needs_token = matches!(operation.access, Access::App | Access::Newcomer | Access::User);
        if needs_token {
            let status = call(None);
            check(operation, "without a token", status, status == 401);
        } else {
            let status = call(None);
            check(operation, "signed out", status, status != 401 && status != 403 && status < 500);
        }
        if operation.access != Access::Open {
            for (what, token) in [("an unknown token", "nonsense"), ("an empty token", ""), ("a revoked token", stale.as_str())] {
                let status = call(Some(token));
                check(operation, what, status, status == 401);
            }
            if !operation.scopes.is_empty() && operation.access != Access::App && !operation.scopes.contains("write:accounts") {
                let status = call(Some(&narrow));
                check(operation, "a token of too narrow a scope", status, status == 403);
            }
        }
        if matches!(operation.access, Access::Newcomer | Access::User) {
            let status = call(Some(&app));
            check(operation, "an application's own token", status, matches!(status, 401 | 403 | 422));
        }
        if operation.access == Access::User {
            let status = call(Some(&wide));
            check(operation, "a good token", status, status != 401 && status != 403 && status < 500);
        }
    }
    assert!(failures.is_empty(), "{} faults:\n{}", failures.len(), failures.join("\n"));
}

/// What one account may not see is, to it, byte for byte what does not exist.
#[test]
fn hidden_posts_answer_as_absent_ones_do() {
    let server = Server::start(&[]);
    let (ana, bob) = (server.member("ana"), server.member("bob"));
    let post = |visibility: &str| {
        let body = json!({"status": format!("a {visibility} post"), "visibility": visibility});
        server.post("/api/v1/statuses", &ana, body)["id"].as_str().expect("an id").to_owned()
    };
    let hidden = [post("private"), post("direct")];
    let absent = "116000000000000000";
    for operation in OPERATIONS.iter().filter(|o| o.path.starts_with("/api/v1/statuses/{id}")) {
        for reader in [Some(bob.token.as_str()), None] {
            if reader.is_none() && operation.access == Access::User {
                continue;
            }
            let call = |id: &str| server.call(operation.method, &path(operation, id), reader, None);
            let expected = call(absent);
            assert_eq!(expected.status, 404, "{}: {}", operation.id, expected.body);
            for id in &hidden {
                assert_eq!(call(id), expected, "{} as {}", operation.id, if reader.is_some() { "another" } else { "nobody" });
            }
        }
    }
    let still_there = server.get(&format!("/api/v1/statuses/{}", hidden[0]), &ana);
    assert_eq!(still_there.status, 200, "nobody else could change it: {}", still_there.body);
}

#[test]
fn absent_accounts_answer_alike_on_every_operation() {
    let server = Server::start(&[]);
    let ana: Member = server.member("ana");
    let mut answers = std::collections::BTreeSet::new();
    for operation in OPERATIONS.iter().filter(|o| o.path.starts_with("/api/v1/accounts/{id}")) {
        for id in ["116000000000000000", "9999999999999999999999", "x"] {
            let reply = server.call(operation.method, &path(operation, id), Some(&ana.token), None);
            assert_eq!(reply.status, 404, "{} with {id}: {}", operation.id, reply.body);
            answers.insert(reply.body);
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}
