//! Batches: each line like a request of its own, and the whole in one.

use schemas::commands::Envelope;

use super::*;
use crate::accounts::NewAccount;
use crate::http::batch::{BATCH_BYTES_MAX, BATCH_LINES_MAX, OPERATIONS};

impl World {
    async fn batch(&self, token: &str, body: impl Into<Body>) -> Answer {
        self.call(Request::post("/api/roost/v1/batch").header(AUTHORIZATION, format!("Bearer {token}")), body).await
    }
}

impl Answer {
    /// The number, status and id or error of each line.
    fn lines(&self) -> Vec<(u64, u64, String)> {
        assert_eq!(self.status, 200, "{}", self.text);
        let read = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let told = line["id"].as_str().or(line["error"].as_str()).unwrap_or_default().to_owned();
            (line["line"].as_u64().unwrap(), line["status"].as_u64().unwrap(), told)
        };
        self.text.lines().map(read).collect()
    }

    fn statuses(&self) -> Vec<u64> {
        self.lines().into_iter().map(|(_, status, _)| status).collect()
    }
}

fn sent_last(world: &World, count: usize) -> Vec<Envelope> {
    let sent = world.bus.sent();
    sent[sent.len() - count..].to_vec()
}

#[tokio::test]
async fn every_line_has_its_result_in_order_and_none_stops_another() {
    let world = open();
    let (ana, bob) = (world.user("ana").await, world.user("bob").await);
    let long = "x".repeat(20_000);
    let body = format!(
        r#"{{"do":"statuses.create","status":"hi #rust","visibility":"unlisted"}}

{{"do":"statuses.create","status":" "}}
{{"do":
[1]
{{"do":"statuses.favourite","id":"1"}}
{{"do":"statuses.favourite","id":"404"}}
{{"do":"statuses.favourite","id":"x"}}
{{"do":"statuses.favourite"}}
{{"do":"accounts.follow","id":"{bob}","reblogs":"0"}}
{{"do":"accounts.follow","id":"{ana}"}}
{{"do":"timelines.home"}}
{{"status":"hi"}}
{{"do":"statuses.create","status":"{long}"}}
{{"do":"statuses.reblog","id":1}}"#,
        ana = ana.id,
        bob = bob.id
    );
    let answer = world.batch(&ana.token, body).await;
    let told = |text: &str| text.to_owned();
    let mut lines = answer.lines();
    let broken: Vec<_> =
        lines.extract_if(.., |line| line.1 == 400).map(|(line, _, error)| (line, error.starts_with("The line is not"))).collect();
    assert_eq!(broken, [(4, true), (5, true)]);
    assert_eq!(
        lines,
        [
            (1, 200, told("7")),
            (3, 422, told("Validation failed: Text can't be blank")),
            (6, 200, told("1")),
            (7, 404, told("Record not found")),
            (8, 404, told("Record not found")),
            (9, 422, told("Validation failed: Id can't be blank")),
            (10, 200, bob.id.to_string()),
            (11, 403, told("This action is not allowed")),
            (12, 422, told("Validation failed: Do is not an operation that a batch takes")),
            (13, 422, told("Validation failed: Do can't be blank")),
            (14, 413, told("The request is too large")),
            (15, 200, told("7")),
        ]
    );
    assert_eq!(answer.headers[CONTENT_TYPE], "application/x-ndjson; charset=utf-8");
    assert!(answer.headers.contains_key("roost-position"));
    let kinds: Vec<_> = sent_last(&world, 4).iter().map(|envelope| envelope.command.kind()).collect();
    assert_eq!(kinds, ["PublishPost", "Favourite", "Follow", "Reblog"]);
    let Command::Follow(follow) = &sent_last(&world, 2)[0].command else { panic!("the third was a follow") };
    assert_eq!((follow.account, follow.target, follow.reblogs), (ana.id, bob.id, Some(false)));
}

#[tokio::test]
async fn every_operation_of_the_list_is_understood() {
    let world = open();
    let (ana, bob) = (world.user("ana").await, world.user("bob").await);
    for name in OPERATIONS {
        let id = if name.starts_with("statuses.") { "1".to_owned() } else { bob.id.to_string() };
        let body = format!(r#"{{"do":"{name}","id":"{id}","status":"hi"}}"#);
        // The one post that this world shows is somebody else's.
        let wanted = if matches!(name, "statuses.edit" | "statuses.delete") { 404 } else { 200 };
        assert_eq!(world.batch(&ana.token, body).await.statuses(), [wanted], "{name}");
    }
}

#[tokio::test]
async fn a_line_needs_the_scope_of_its_operation() {
    let world = open();
    let body = "{\"do\":\"statuses.favourite\",\"id\":\"1\"}\n{\"do\":\"statuses.create\",\"status\":\"hi\"}";
    for (name, scope, status, wanted) in
        [("ana", "write:favourites", 200, [200, 403]), ("bob", "write", 200, [200, 200]), ("cyd", "read", 403, [0, 0])]
    {
        let new = NewAccount { username: name.to_owned(), scopes: vec![scope.to_owned()], ..NewAccount::default() };
        let token = world.accounts.create(new).await.unwrap().token;
        let answer = world.batch(&token, body).await;
        assert_eq!(answer.status, status, "{scope}");
        if status == 200 {
            assert_eq!(answer.statuses(), wanted, "{scope}");
        }
    }
}

#[tokio::test]
async fn keys_name_the_commands_of_lines() {
    let world = open();
    let ana = world.user("ana").await;
    let post = |key: &str| format!("{{\"do\":\"statuses.create\",\"status\":\"hi\"{key}}}\n");
    let body = post(r#","key":"k""#) + &post("") + &post(&format!(r#","key":"{}""#, "k".repeat(257)));
    assert_eq!(world.batch(&ana.token, body.clone()).await.statuses(), [200, 200, 422]);
    let [first, second] = sent_last(&world, 2).try_into().unwrap();
    // The same as of a post with this header.
    assert_eq!((first.id, first.maybe_repeated), (CommandId::from_key(ana.id, "publish", "k"), true));
    assert!(!second.maybe_repeated);
    let named = Request::post("/api/roost/v1/batch").header(AUTHORIZATION, format!("Bearer {}", ana.token)).header("idempotency-key", "b");
    assert_eq!(world.call(named, body).await.statuses(), [200, 200, 422]);
    let ids = sent_last(&world, 2).into_iter().map(|envelope| envelope.id).collect::<Vec<_>>();
    assert_eq!(ids, [first.id, CommandId::from_key(ana.id, "publish", "b/2")]);
}

#[tokio::test]
async fn what_the_write_side_refuses_is_the_lines_own() {
    let world = open();
    let ana = world.user("ana").await;
    let body = "{\"do\":\"statuses.pin\",\"id\":\"1\"}\n".repeat(2);
    for (error, status) in [
        (CommandError::Rejected(Rejection::PinCap { limit: 5 }), 422),
        (CommandError::Overloaded, 503),
        (CommandError::Unknown("no answer".to_owned()), 503),
        (CommandError::Failed("disk".to_owned()), 500),
    ] {
        world.bus.fail_next(error);
        assert_eq!(world.batch(&ana.token, body.clone()).await.statuses(), [status, 200]);
    }
}

#[tokio::test]
async fn bodies_that_are_no_batch_are_refused_as_a_whole() {
    let world = open();
    let ana = world.user("ana").await;
    let line = "{\"do\":\"statuses.favourite\",\"id\":\"1\"}\n";
    assert_eq!(world.batch(&ana.token, line.repeat(BATCH_LINES_MAX)).await.lines().len(), BATCH_LINES_MAX);
    let before = world.bus.sent().len();
    assert_eq!(world.batch(&ana.token, line.repeat(BATCH_LINES_MAX + 1)).await.status, 413);
    assert_eq!(world.batch(&ana.token, " ".repeat(BATCH_BYTES_MAX + 1)).await.status, 413);
    assert_eq!(world.batch(&ana.token, vec![b'{', 0xff]).await.status, 400);
    let packed =
        Request::post("/api/roost/v1/batch").header(AUTHORIZATION, format!("Bearer {}", ana.token)).header("content-encoding", "gzip");
    assert_eq!(world.call(packed, line).await.status, 415);
    assert_eq!(world.bus.sent().len(), before);
    let nothing = world.batch(&ana.token, "\n\n").await;
    assert_eq!((nothing.status, nothing.text.as_str(), nothing.headers.contains_key("roost-position")), (200, "", false));
}

#[tokio::test]
async fn every_line_counts_as_a_call() {
    let world = World::new(Settings::default());
    let ana = world.user("ana").await;
    let (limit, _) = infra::http::Rule::Api.quota();
    let answer = world.batch(&ana.token, "{\"do\":\"statuses.favourite\",\"id\":\"1\"}\n".repeat(limit as usize + 3)).await;
    let statuses = answer.statuses();
    assert_eq!(
        (statuses.iter().filter(|status| **status == 200).count(), &statuses[limit as usize..]),
        (limit as usize, &[429, 429, 429][..])
    );
    assert_eq!(answer.headers["x-ratelimit-remaining"], "0");
    assert_eq!(world.batch(&ana.token, "").await.status, 429);
}
