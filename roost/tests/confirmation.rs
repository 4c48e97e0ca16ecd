//! Sign-up where addresses must be confirmed, from the form of the API to the link of the mail, on a whole Roost.

#![allow(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use commands::accounts::NewAccount;
use serde_json::{Value, json};
use support::{Reply, Server};

const PATIENCE: Duration = Duration::from_secs(10);

struct Place {
    folder: tempfile::TempDir,
    server: Server,
}

fn start() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().display().to_string();
    let server = Server::start(&[("email_confirmation", "on"), ("data", &data), ("title", "Nest")]);
    Place { folder, server }
}

impl Place {
    fn app(&self) -> String {
        let wanted = json!({"client_name": "t", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read write"});
        let app = self.server.call("POST", "/api/v1/apps", None, Some(wanted)).json();
        let ask = json!({"grant_type": "client_credentials", "client_id": app["client_id"], "client_secret": app["client_secret"], "scope": "read write"});
        let token = self.server.call("POST", "/oauth/token", None, Some(ask));
        token.json()["access_token"].as_str().expect("a token").to_owned()
    }

    fn sign_up(&self, app: &str, name: &str, key: Option<&str>) -> Reply {
        let wanted = form(name, &format!("{name}@roost.example"), "correct horse");
        match key {
            None => self.server.call("POST", "/api/v1/accounts", Some(app), Some(wanted)),
            Some(key) => self.server.call_with_key("POST", "/api/v1/accounts", app, key, &wanted),
        }
    }

    fn user(&self, name: &str) -> String {
        let reply = self.sign_up(&self.app(), name, None);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// The links that were mailed to an address, once there are `count`.
    fn links(&self, to: &str, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let links = mailed(&self.folder.path().join("mail"), to);
            if links.len() >= count {
                return links;
            }
            assert!(started.elapsed() < PATIENCE, "{} mails to {to}, not {count}", links.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn open(&self, link: &str) -> Reply {
        let path = link.strip_prefix(&self.server.url("")).expect("a link of this server");
        self.server.call("GET", path, None, None)
    }
}

fn form(name: &str, email: &str, password: &str) -> Value {
    json!({"username": name, "email": email, "password": password, "agreement": true, "locale": "en"})
}

fn mailed(folder: &Path, to: &str) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> =
        files.map(|file| file.expect("a file").path()).filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("a text"));
    let theirs = texts.filter(|text| text.contains(&format!("To: {to}")));
    theirs.map(|text| text.lines().find(|line| line.contains("/auth/confirmation?")).expect("a link").trim().to_owned()).collect()
}

// operation: accounts.create, emails.check_confirmation
#[test]
fn an_account_acts_once_its_link_was_opened() {
    let place = start();
    let server = &place.server;
    let token = place.user("ana");
    let me = || server.call("GET", "/api/v1/accounts/verify_credentials", Some(&token), None);
    let is_confirmed = || server.call("GET", "/api/v1/emails/check_confirmation", Some(&token), None).body;
    assert_eq!((me().status, me().json()["error"].as_str()), (403, Some("Your login is missing a confirmed e-mail address")));
    assert_eq!(is_confirmed(), "false");
    let [link] = place.links("ana@roost.example", 1).try_into().expect("one mail");
    let damaged = place.open(&link.replace("confirmation_token=A", "confirmation_token=B"));
    assert!(damaged.status == 400 && damaged.body.contains("not valid"), "{}", damaged.body);
    assert_eq!(place.open(&server.url("/auth/confirmation")).status, 400);
    let opened = place.open(&link);
    assert!(opened.status == 200 && opened.body.contains("is confirmed"), "{}", opened.body);
    assert_eq!((me().status, is_confirmed().as_str()), (200, "true"));
    let again = place.open(&link);
    assert!(again.status == 200 && again.body.contains("confirmed before"), "{}", again.body);
    assert_eq!(place.links("ana@roost.example", 1).len(), 1, "one sign-up is one mail");
}

// operation: emails.resend_confirmation
#[test]
fn a_link_is_mailed_again_and_to_a_better_address() {
    let place = start();
    let server = &place.server;
    let token = place.user("ana");
    let resend = |body: Value| server.call("POST", "/api/v1/emails/confirmations", Some(&token), Some(body));
    let first = place.links("ana@roost.example", 1).remove(0);
    assert_eq!(resend(json!({})).body, "{}");
    assert_eq!(place.links("ana@roost.example", 2).len(), 2);
    let taken = place.user("bob");
    let refused = resend(json!({"email": "BOB@roost.example"}));
    assert_eq!((refused.status, refused.json()["details"]["email"][0]["error"].as_str()), (422, Some("ERR_TAKEN")), "{}", refused.body);
    assert_eq!(resend(json!({"email": "nonsense"})).status, 422);
    assert_eq!(resend(json!({"email": "ana@other.example"})).status, 200);
    let link = place.links("ana@other.example", 1).remove(0);
    assert_eq!(place.open(&first).status, 400, "a link for an address that is not the account's any more");
    assert_eq!(place.open(&link).status, 200);
    let late = resend(json!({}));
    let only = "This method is only available while the e-mail is awaiting confirmation";
    assert_eq!((late.status, late.json()["error"].as_str()), (403, Some(only)));
    assert_eq!(server.call("GET", "/api/v1/accounts/verify_credentials", Some(&taken), None).status, 403, "bob is not confirmed by it");
}

#[test]
fn a_page_has_the_link_sent_again() {
    let place = start();
    place.user("ana");
    place.links("ana@roost.example", 1);
    for email in ["Ana@Roost.example", "nobody@roost.example"] {
        let reply = place.server.call("POST", "/auth/confirmation/new", None, Some(json!({"email": email})));
        assert!(reply.status == 200 && reply.body.contains("If an account waits"), "{}", reply.body);
    }
    assert_eq!(place.links("ana@roost.example", 2).len() + mailed(&place.folder.path().join("mail"), "nobody@roost.example").len(), 2);
}

#[test]
fn operators_confirm_whom_no_mail_reaches() {
    let place = start();
    let token = place.user("ana");
    let confirm = |name: &str| place.server.ops_send("/ops/accounts/confirm", &json!({"username": name}));
    let reply = confirm("Ana");
    assert_eq!((reply.status, reply.json()["confirmed"].as_bool()), (200, Some(true)), "{}", reply.body);
    assert_eq!(confirm("ana").status, 200, "once more changes nothing");
    assert_eq!(place.server.call("GET", "/api/v1/accounts/verify_credentials", Some(&token), None).status, 200);
    place.server.member("eve");
    for (name, why) in [("nobody", "no such account"), ("eve", "no e-mail address")] {
        let refused = confirm(name);
        assert!(refused.status == 422 && refused.body.contains(why), "{name}: {}", refused.body);
    }
}

/// A tool on the folder has its own idea of where mail goes and of what the server's address is: it must leave both to the server.
#[tokio::test]
async fn a_tool_on_the_folder_sends_no_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut layered = infra::config::Layered::default();
    for (key, value) in [("data", folder.path().to_str().expect("a path")), ("partitions", "1")] {
        layered.set(key, value, "a test").expect("a known key");
    }
    let config = layered.finish().expect("a good configuration");
    let tool = roost::node::Node::start(config.clone(), "http://localhost", infra::clock::system_clock()).await.expect("starts");
    let email = Some("ana@roost.example".to_owned());
    let new = NewAccount { username: "ana".to_owned(), email, password: Some("correct horse".to_owned()), ..NewAccount::default() };
    tool.writing.as_ref().expect("the role").accounts.create(new).await.expect("opened");
    tool.settle().await;
    tool.shutdown().await.expect("stops");
    // It held the folder.
    drop(tool);
    assert_eq!(mailed(&folder.path().join("mail"), "ana@roost.example"), Vec::<String>::new());
    let place = Place { server: Server::with(server_on(config)), folder };
    assert_eq!(place.links("ana@roost.example", 1).len(), 1, "the server sends it");
}

fn server_on(config: infra::config::Config) -> infra::config::Config {
    let nowhere = "127.0.0.1:0".parse().expect("an address");
    infra::config::Config { listen: nowhere, ops_listen: nowhere, ..config }
}

// operation: accounts.create
#[test]
fn a_sign_up_that_is_sent_again_gives_the_same_account_and_token() {
    let place = start();
    let (app, other) = (place.app(), place.app());
    let first = place.sign_up(&app, "ana", Some("key one"));
    assert_eq!(first.status, 200, "{}", first.body);
    for _ in 0..2 {
        let again = place.sign_up(&app, "ana", Some("key one"));
        assert_eq!((again.status, &again.json()["access_token"]), (200, &first.json()["access_token"]), "{}", again.body);
    }
    let taken = |reply: Reply| {
        assert_eq!((reply.status, reply.json()["details"]["username"][0]["error"].as_str()), (422, Some("ERR_TAKEN")), "{}", reply.body)
    };
    taken(place.sign_up(&app, "ana", None));
    let wrong = form("ana", "ana@roost.example", "another horse");
    taken(place.server.call_with_key("POST", "/api/v1/accounts", &app, "key one", &wrong));
    let elsewhere = form("ana", "eve@roost.example", "correct horse");
    taken(place.server.call_with_key("POST", "/api/v1/accounts", &app, "key one", &elsewhere));
    let second = place.sign_up(&other, "bob", Some("key one"));
    assert!(second.status == 200 && second.json()["access_token"] != first.json()["access_token"], "a key is its application's own");
    assert_eq!(place.links("ana@roost.example", 1).len(), 1);
}

#[test]
fn concurrent_sign_ups_under_one_key_are_one() {
    let place = start();
    let app = place.app();
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| place.sign_up(&app, "ana", Some("key one")))).collect();
        calls.into_iter().map(|call| call.join().expect("answered")).collect()
    });
    for reply in &replies {
        assert_eq!((reply.status, &reply.json()["access_token"]), (200, &replies[0].json()["access_token"]), "{}", reply.body);
    }
    assert_eq!(place.links("ana@roost.example", 1).len(), 1, "one account, one mail");
}
