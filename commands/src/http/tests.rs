//! The resources over ports in memory: OAuth from registration to revocation, sign-up, posts, relations.

mod batch;
mod late;
mod ports;

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{Request, Response};
use http_body_util::BodyExt;
use infra::http::Settings;
use schemas::commands::{Command, CommandError, Rejection};
use schemas::log::CommandId;
use serde_json::Value;
use tower::ServiceExt;

use self::ports::World;

const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";
const CALLBACK: &str = "https://app.example/cb";
const PASSWORD: &str = "correct horse battery";

/// An answer, read whole.
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    fn text_of(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    fn location(&self) -> url::Url {
        self.headers[LOCATION].to_str().unwrap().parse().unwrap()
    }
}

impl World {
    async fn call(&self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status, headers, text }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], token: Option<&str>) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.call(request, body).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.call(Request::get(format!("{path}?{query}")), Body::empty()).await
    }

    /// Registers an application and gives its id and secret.
    async fn app(&self, scopes: &str) -> (String, String) {
        let form = [("client_name", "Suite"), ("redirect_uris", &format!("{OOB}\n{CALLBACK}")), ("scopes", scopes)];
        let answer = self.post("/api/v1/apps", &form, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        (answer.text_of("client_id"), answer.text_of("client_secret"))
    }

    /// A token of the application itself.
    async fn client_token(&self, app: &(String, String), scope: &str) -> Answer {
        let form = [("grant_type", "client_credentials"), ("client_id", &app.0), ("client_secret", &app.1), ("scope", scope)];
        self.post("/oauth/token", &form, None).await
    }

    async fn sign_up(&self, username: &str, email: &str) -> Answer {
        let token = self.client_token(&self.app("read write").await, "read write").await.text_of("access_token");
        let form = [("username", username), ("email", email), ("password", PASSWORD), ("agreement", "true"), ("locale", "en")];
        self.post("/api/v1/accounts", &form, Some(&token)).await
    }
}

fn open() -> World {
    World::new(Settings { rate_limits: false, password_grant: true, ..Settings::default() })
}

#[tokio::test]
async fn the_whole_way_from_an_application_to_a_revoked_token() {
    let world = open();
    assert_eq!(world.sign_up("ana", "ana@roost.example").await.status, 200);
    let app = world.app("read write").await;
    let verifier = "v".repeat(50);
    let challenge = {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(infra::keys::sha256(verifier.as_bytes()))
    };
    let mut ask =
        vec![("client_id", app.0.as_str()), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "read"), ("state", "a b&c")];
    ask.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
    let page = world.get("/oauth/authorize", &ask).await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("form-action 'self' https://app.example"));
    insta::assert_snapshot!("consent", page.text.replace(&app.0, "[client id]"));

    for login in ["ana", "ANA", "ana@roost.example", " Ana@Roost.Example "] {
        let form = [ask.clone(), vec![("username", login), ("password", PASSWORD)]].concat();
        let answer = world.post("/oauth/authorize", &form, None).await;
        assert_eq!(answer.status, 303, "{login}: {}", answer.text);
        let back: std::collections::HashMap<String, String> = answer.location().query_pairs().into_owned().collect();
        assert_eq!(back["state"], "a b&c");
        let code = back["code"].as_str();
        let trade = async |verifier: Option<&str>, redirect: &str| {
            let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect)];
            form.extend([("client_id", app.0.as_str()), ("client_secret", app.1.as_str())]);
            form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
            world.post("/oauth/token", &form, None).await
        };
        for (verifier, redirect) in [(None, CALLBACK), (Some("wrong"), CALLBACK), (Some(verifier.as_str()), OOB)] {
            let refused = trade(verifier, redirect).await;
            assert_eq!((refused.status, refused.text_of("error").as_str()), (400, "invalid_grant"));
        }
        let granted = trade(Some(&verifier), CALLBACK).await;
        assert_eq!((granted.status, granted.text_of("scope").as_str()), (200, "read"), "{}", granted.text);
        assert_eq!(trade(Some(&verifier), CALLBACK).await.status, 400, "a code works once");

        let token = granted.text_of("access_token");
        let userinfo = Request::get("/oauth/userinfo").header(AUTHORIZATION, format!("Bearer {token}"));
        assert_eq!(world.call(userinfo, Body::empty()).await.status, 403, "profile was not granted");
        let write = world.post("/api/v1/statuses", &[("status", "no")], Some(&token)).await;
        assert_eq!(write.text_of("error"), "This action is outside the authorized scopes");
        let other = world.app("read").await;
        let revoke = async |client: &(String, String)| {
            let form = [("client_id", client.0.as_str()), ("client_secret", &client.1), ("token", &token)];
            world.post("/oauth/revoke", &form, None).await
        };
        assert_eq!(revoke(&other).await.status, 403);
        assert_eq!(revoke(&app).await.text, "{}");
        let gone = world.post("/api/v1/statuses", &[("status", "no")], Some(&token)).await;
        assert_eq!((gone.status, gone.text_of("error").as_str()), (401, "The access token is invalid"));
    }
}

#[tokio::test]
async fn who_may_not_be_answered_gets_a_page_and_who_may_an_error() {
    let world = open();
    world.sign_up("ana", "ana@roost.example").await;
    let app = world.app("read").await;
    let good = [("client_id", app.0.as_str()), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "read"), ("state", "s")];
    let with = |name: &'static str, value: &'static str| good.map(|(key, old)| if key == name { (key, value) } else { (key, old) });
    for bad in
        [with("client_id", "nobody"), with("redirect_uri", "https://evil.example/"), with("redirect_uri", "https://app.example/cb/x")]
    {
        let answer = world.get("/oauth/authorize", &bad).await;
        assert_eq!(answer.status, 400);
        assert!(answer.headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/html") && !answer.headers.contains_key(LOCATION));
    }
    let plain = [good.to_vec(), vec![("code_challenge", "x"), ("code_challenge_method", "plain")]].concat();
    for (asked, error) in [
        (with("response_type", "token").to_vec(), "unsupported_response_type"),
        (with("scope", "read write").to_vec(), "invalid_scope"),
        (with("scope", "nonsense").to_vec(), "invalid_scope"),
        (plain, "invalid_request"),
    ] {
        let location = world.get("/oauth/authorize", &asked).await.location();
        assert!(location.as_str().starts_with(CALLBACK) && location.as_str().contains("state=s"));
        assert!(location.as_str().contains(&format!("error={error}")), "{location}");
    }
    let denied = world.post("/oauth/authorize", &[good.to_vec(), vec![("decision", "deny")]].concat(), None).await;
    assert!(denied.location().as_str().contains("error=access_denied"));
    let wrong = [good.to_vec(), vec![("username", "\"><script>"), ("password", "not the password")]].concat();
    let again = world.post("/oauth/authorize", &wrong, None).await;
    assert_eq!(again.status, 401);
    assert!(again.text.contains("role=\"alert\"") && !again.text.contains("<script>") && !again.text.contains("not the password"));
    let shown = [with("redirect_uri", OOB).to_vec(), vec![("username", "ana"), ("password", PASSWORD)]].concat();
    let page = world.post("/oauth/authorize", &shown, None).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<code class=\"code\" id=\"code\">"), "{}", page.text);
}

#[tokio::test]
async fn clients_are_known_by_their_secret() {
    let world = open();
    world.sign_up("ana", "ana@roost.example").await;
    let app = world.app("read write:statuses").await;
    let wrong = (app.0.clone(), "wrong".to_owned());
    assert_eq!(world.client_token(&wrong, "read").await.status, 401);
    assert_eq!(world.client_token(&("nobody".to_owned(), app.1.clone()), "read").await.text_of("error"), "invalid_client");
    assert_eq!(world.client_token(&app, "write").await.text_of("error"), "invalid_scope");
    let granted = world.client_token(&app, "read:statuses").await;
    let verify =
        Request::get("/api/v1/apps/verify_credentials").header(AUTHORIZATION, format!("Bearer {}", granted.text_of("access_token")));
    assert_eq!(world.call(verify, Body::empty()).await.text_of("name"), "Suite");
    assert_eq!((granted.text_of("token_type").as_str(), granted.text_of("scope").as_str()), ("Bearer", "read:statuses"));
    let password =
        |password: &'static str| [("grant_type", "password"), ("username", "ana@roost.example"), ("password", password)].to_vec();
    let client = [("client_id", app.0.as_str()), ("client_secret", app.1.as_str())];
    assert_eq!(world.post("/oauth/token", &[password(PASSWORD), client.to_vec()].concat(), None).await.status, 200);
    let refused = world.post("/oauth/token", &[password("wrong password"), client.to_vec()].concat(), None).await;
    assert_eq!(refused.text_of("error"), "invalid_grant");
    let magic = world.post("/oauth/token", &[vec![("grant_type", "magic")], client.to_vec()].concat(), None).await;
    assert_eq!((magic.status, magic.text_of("error").as_str()), (400, "unsupported_grant_type"));
}

#[tokio::test]
async fn a_sign_up_explains_each_field_and_takes_names_once() {
    let world = open();
    let first = world.sign_up("ana", "ana@roost.example").await;
    assert_eq!((first.text_of("token_type").as_str(), first.text_of("scope").as_str()), ("Bearer", "read write"));
    assert!(first.headers.contains_key("roost-position"));
    for (username, email, field) in [("ANA", "other@roost.example", "username"), ("bob", "ANA@roost.example", "email")] {
        let taken = world.sign_up(username, email).await;
        assert_eq!((taken.status, taken.json()["details"][field][0]["error"].as_str()), (422, Some("ERR_TAKEN")), "{}", taken.text);
    }
    let token = world.client_token(&world.app("write").await, "write").await.text_of("access_token");
    let bad = world.post("/api/v1/accounts", &[("username", "a b"), ("email", "x"), ("password", "short")], Some(&token)).await;
    insta::assert_snapshot!("sign_up_problems", bad.text);
    let shut = World::new(Settings { sign_ups_open: false, rate_limits: false, ..Settings::default() });
    assert_eq!(shut.sign_up("ana", "ana@roost.example").await.status, 403);
}

#[tokio::test]
async fn sign_ups_and_passwords_are_throttled() {
    let world = World::new(Settings::default());
    let mut statuses = Vec::new();
    for number in 0..6 {
        statuses.push(world.sign_up(&format!("user{number}"), &format!("u{number}@roost.example")).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    let app = world.app("read").await;
    let form =
        [("client_id", app.0.as_str()), ("redirect_uri", OOB), ("response_type", "code"), ("username", "user0"), ("password", "wrong")];
    let mut last = String::new();
    for _ in 0..26 {
        last = world.post("/oauth/authorize", &form, None).await.text;
    }
    assert!(last.contains("Too many tries"), "{last}");
}

#[tokio::test]
async fn accounts_wait_for_their_confirmation_where_it_is_asked_for() {
    let world = World::new(Settings { confirmation: true, rate_limits: false, ..Settings::default() });
    let token = world.sign_up("ana", "ana@roost.example").await.text_of("access_token");
    let refused = world.post("/api/v1/statuses", &[("status", "hello")], Some(&token)).await;
    assert_eq!((refused.status, refused.text_of("error").as_str()), (403, "Your login is missing a confirmed e-mail address"));
    let ana = world.accounts.named("ana").await.unwrap().unwrap();
    world.accounts.confirm(ana).await.unwrap();
    assert_eq!(world.post("/api/v1/statuses", &[("status", "hello")], Some(&token)).await.status, 200);
}

#[tokio::test]
async fn a_post_is_taken_apart_and_named_by_its_key() {
    let world = open();
    let ana = world.user("ana").await;
    let form =
        [("status", "@bob hi #Rust #rust https://a.example/#no"), ("spoiler_text", "cw"), ("visibility", "unlisted"), ("language", "en")];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    for _ in 0..2 {
        let request = Request::post("/api/v1/statuses")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(AUTHORIZATION, format!("Bearer {}", ana.token))
            .header("idempotency-key", "k1");
        assert_eq!(world.call(request, body.clone()).await.status, 200);
    }
    let sent = world.bus.sent();
    let [.., first, second] = sent.as_slice() else { panic!("two commands were sent") };
    assert_eq!((first.id, first.maybe_repeated), (CommandId::from_key(ana.id, "publish", "k1"), true));
    assert_eq!(first.id, second.id);
    assert_ne!(first.trace.trace_id, 0);
    let Command::PublishPost(post) = &first.command else { panic!("{:?}", first.command) };
    assert_eq!((post.content.tags.as_slice(), post.content.sensitive), (&["rust".to_owned()][..], true));
    assert_eq!(post.content.mentions.iter().map(|mention| mention.handle.as_str()).collect::<Vec<_>>(), ["bob"]);
}

#[tokio::test]
async fn posts_that_cannot_be_are_422_and_parents_that_are_not_seen_404() {
    let world = open();
    let ana = world.user("ana").await;
    let long = "x".repeat(501);
    for (form, status) in [
        (vec![("status", "")], 422),
        (vec![("status", " \n ")], 422),
        (vec![("status", long.as_str())], 422),
        (vec![("status", "x"), ("visibility", "nonsense")], 422),
        (vec![("status", "x"), ("language", "not-a-language")], 422),
        (vec![("status", "x"), ("media_ids[]", "1")], 422),
        (vec![("status", "x"), ("poll[options][]", "a")], 422),
        (vec![("status", "x"), ("scheduled_at", "2030-01-01")], 422),
        (vec![("status", "x"), ("in_reply_to_id", "404")], 404),
        (vec![("status", ""), ("spoiler_text", "only a warning")], 200),
        (vec![("status", &long[..500])], 200),
    ] {
        let answer = world.post("/api/v1/statuses", &form, Some(&ana.token)).await;
        assert_eq!(answer.status, status, "{form:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_others_own_or_hide_does_not_exist() {
    let world = open();
    let ana = world.user("ana").await;
    // The world's posts: 1 is seen and somebody else's, everything else is not seen.
    for (method, path, status) in [
        ("DELETE", "/api/v1/statuses/1", 404),
        ("PUT", "/api/v1/statuses/1?status=mine", 404),
        ("DELETE", "/api/v1/statuses/2", 404),
        ("POST", "/api/v1/statuses/2/favourite", 404),
        ("POST", "/api/v1/statuses/x/favourite", 404),
        ("POST", "/api/v1/statuses/2/reblog", 404),
        ("POST", "/api/v1/statuses/1/favourite", 200),
        ("POST", "/api/v1/statuses/1/reblog", 200),
        ("POST", "/api/v1/accounts/404/follow", 404),
        ("POST", "/api/v1/accounts/404/block", 404),
        ("POST", "/api/v1/accounts/404/note", 404),
        ("POST", "/api/v1/follow_requests/404/authorize", 404),
    ] {
        let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {}", ana.token));
        let answer = world.call(request, Body::empty()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        if status == 404 {
            assert_eq!(answer.text, r#"{"error":"Record not found"}"#, "{path}");
        }
    }
}

#[tokio::test]
async fn rejections_and_overload_have_their_statuses() {
    let world = open();
    let (ana, bob) = (world.user("ana").await, world.user("bob").await);
    let follow = format!("/api/v1/accounts/{}/follow", bob.id);
    let own = world.post(&format!("/api/v1/accounts/{}/follow", ana.id), &[], Some(&ana.token)).await;
    assert_eq!((own.status, own.text_of("error").as_str()), (403, "This action is not allowed"));
    for (error, status) in [
        (CommandError::Rejected(Rejection::FollowCap { limit: 7 }), 422),
        (CommandError::Rejected(Rejection::NotAllowed), 403),
        (CommandError::Overloaded, 503),
        (CommandError::Unknown("no answer".to_owned()), 503),
        (CommandError::Failed("disk".to_owned()), 500),
    ] {
        world.bus.fail_next(error.clone());
        let answer = world.post(&follow, &[], Some(&ana.token)).await;
        assert_eq!(answer.status, status, "{error}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
    let done = world.post(&follow, &[("reblogs", "false"), ("languages[]", "en")], Some(&ana.token)).await;
    assert!(done.status == 200 && done.headers.contains_key("roost-position"));
    let Some(Command::Follow(follow)) = world.bus.sent().pop().map(|envelope| envelope.command) else { panic!("a follow was sent") };
    assert_eq!((follow.target, follow.reblogs, follow.notify), (bob.id, Some(false), None));
    assert_eq!(follow.languages, Some(vec!["en".to_owned()]));
}

#[tokio::test]
async fn pictures_are_stored_and_profiles_patched() {
    let world = open();
    let ana = world.user("ana").await;
    let picture = "\u{1}";
    let part =
        |name: &str, head: &str, body: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{head}\r\n\r\n{body}\r\n");
    let gif = part("avatar", "; filename=\"a.gif\"", &format!("GIF89a{picture}"));
    let text = part("source[privacy]", "", "private") + &part("locked", "", "1") + &part("fields_attributes[0][name]", "", "Site");
    let send = async |body: String| {
        let request = Request::patch("/api/v1/accounts/update_credentials")
            .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
            .header(AUTHORIZATION, format!("Bearer {}", ana.token));
        world.call(request, body + "--b--\r\n").await
    };
    let answer = send(gif + &text).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let Some(Command::ChangeProfile(change)) = world.bus.sent().pop().map(|envelope| envelope.command) else { panic!("a change was sent") };
    let key = change.patch.avatar.flatten().unwrap();
    assert!(key.starts_with(&format!("avatars/{}/", ana.id)) && key.ends_with(".gif"), "{key}");
    assert!(world.blobs.get(&infra::blobs::BlobKey::parse(&key).unwrap()).await.unwrap().is_some());
    assert_eq!((change.patch.locked, change.patch.bot), (Some(true), None));
    assert_eq!(send(part("avatar", "; filename=\"a.png\"", "<script>")).await.status, 422);
    assert_eq!(send(part("source[privacy]", "", "nonsense")).await.status, 422);
}

#[tokio::test]
async fn markers_move_and_discovery_tells_the_endpoints() {
    let world = open();
    let ana = world.user("ana").await;
    let moved = world.post("/api/v1/markers", &[("home[last_read_id]", "12"), ("other[last_read_id]", "3")], Some(&ana.token)).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let Some(Command::MoveMarker(marker)) = world.bus.sent().pop().map(|envelope| envelope.command) else { panic!("a move was sent") };
    assert_eq!((marker.account, marker.timeline.as_str(), marker.last_read), (ana.id, "home", 12));
    let metadata = world.get("/.well-known/oauth-authorization-server", &[]).await;
    insta::assert_snapshot!("metadata", serde_json::to_string_pretty(&metadata.json()).unwrap());
}
