//! One request in all its encodings, and the ways to ask for its parameters.

use axum::body::Body;
use http::StatusCode;
use schemas::PostId;

use super::*;

async fn read(uri: &str, kind: &str, body: impl Into<Body>) -> Result<Params, ApiError> {
    let mut builder = Request::post(uri);
    if !kind.is_empty() {
        builder = builder.header("content-type", kind);
    }
    Params::of_request(builder.body(body.into()).unwrap()).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn all_encodings_say_the_same() {
    let form = "status=h%C3%A9+llo&poll[options][]=a&poll[options][]=b&poll[expires_in]=60&sensitive=1&in_reply_to_id=12";
    let json = r#"{"status":"hé llo","poll":{"options":["a","b"],"expires_in":60},"sensitive":true,"in_reply_to_id":"12"}"#;
    let multipart = [
        ("status", "hé llo"),
        ("poll[options][]", "a"),
        ("poll[options][]", "b"),
        ("poll[expires_in]", "60"),
        ("sensitive", "on"),
        ("in_reply_to_id", "12"),
    ]
    .map(|(name, value)| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
    .concat()
        + "--b--\r\n";
    for (uri, kind, body) in [
        ("/", FORM, form.to_owned()),
        ("/", "application/json; charset=utf-8", json.to_owned()),
        ("/", "multipart/form-data; boundary=b", multipart),
        (&format!("/?{form}"), "", String::new()),
        (&format!("/?{form}"), "application/json", String::new()),
        (&format!("/?{form}&status=lost").replace("status=h%C3%A9+llo", "status=other"), FORM, form.to_owned()),
    ] {
        let params = read(uri, kind, body).await.unwrap();
        assert_eq!(params.str("status"), Some("hé llo"), "{kind}");
        let poll = params.at("poll").unwrap();
        assert_eq!(poll.list("options"), ["a", "b"], "{kind}");
        assert_eq!(poll.u64("expires_in").unwrap(), Some(60), "{kind}");
        assert!(params.flag("sensitive"), "{kind}");
        assert_eq!(params.id::<PostId>("in_reply_to_id").unwrap(), Some(PostId(12)), "{kind}");
    }
}

fn query(text: &str) -> Params {
    Params::of_query(text).unwrap()
}

#[test]
fn booleans_are_cast_as_rails_casts_them() {
    for (text, expected) in [
        ("true", Some(true)),
        ("1", Some(true)),
        ("on", Some(true)),
        ("yes", Some(true)),
        ("0", Some(false)),
        ("False", Some(false)),
        ("f", Some(false)),
        ("off", Some(false)),
        ("", None),
    ] {
        assert_eq!(query(&format!("x={text}")).bool("x"), expected, "{text}");
        assert_eq!(Params::of_json(format!("{{\"x\":\"{text}\"}}").as_bytes()).unwrap().bool("x"), expected, "{text}");
    }
    let params = Params::of_json(br#"{"a":false,"b":0,"c":null,"d":1}"#).unwrap();
    assert_eq!(["a", "b", "c", "d", "e"].map(|name| params.bool(name)), [Some(false), Some(false), None, Some(true), None]);
    assert!(params.has("c") && !params.has("e"));
}

#[test]
fn lists_come_in_many_spellings() {
    for text in ["id[]=1&id[]=x&id[]=2", "id=1&id=2", "id[0]=1&id[1]=2", "id%5B%5D=1&id%5B%5D=2"] {
        assert_eq!(query(text).ids::<PostId>("id", 40), [PostId(1), PostId(2)], "{text}");
    }
    assert_eq!(query("id=7").ids::<PostId>("id", 40), [PostId(7)]);
    assert_eq!(query("id=1&id=2&id=3").ids::<PostId>("id", 2).len(), 2);
    assert_eq!(query("a=1&a=2").str("a"), Some("2"), "the last one counts where one is asked for");
}

#[test]
fn nested_values_keep_their_order() {
    for params in [
        query("f[0][name]=a&f[0][value]=b&f[1][name]=c&f[1][value]=d"),
        query("f[][name]=a&f[][value]=b&f[][name]=c&f[][value]=d"),
        Params::of_json(br#"{"f":[{"name":"a","value":"b"},{"name":"c","value":"d"}]}"#).unwrap(),
        Params::of_json(br#"{"f":{"0":{"name":"a","value":"b"},"1":{"name":"c","value":"d"}}}"#).unwrap(),
    ] {
        let pairs: Vec<_> = params.items("f").iter().map(|item| (item.str("name"), item.str("value"))).collect();
        assert_eq!(pairs, [(Some("a"), Some("b")), (Some("c"), Some("d"))]);
    }
    assert_eq!(query("source[privacy]=private").at("source").and_then(|source| source.str("privacy")), Some("private"));
}

#[tokio::test]
async fn files_are_kept_apart_from_text() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\u{1}\u{2}\r\n--b--\r\n";
    let params = read("/", "multipart/form-data; boundary=b", body).await.unwrap();
    let file = params.file("avatar").unwrap();
    assert_eq!((file.name.as_str(), file.content_type.as_str(), &file.bytes[..]), ("a.png", "image/png", &[1, 2][..]));
    assert_eq!(params.str("avatar"), None);
}

#[tokio::test]
async fn bodies_are_bounded_and_checked() {
    let deep = format!("a{}=1", "[x]".repeat(DEPTH_MAX));
    let file =
        format!("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n{}\r\n--b--\r\n", "x".repeat(FILE_BYTES_MAX + 1));
    for (kind, body, status) in [
        (FORM, "x=".to_owned() + &"y".repeat(BODY_BYTES_MAX), StatusCode::PAYLOAD_TOO_LARGE),
        (FORM, "x&".repeat(PAIRS_MAX + 1), StatusCode::PAYLOAD_TOO_LARGE),
        ("text/plain", "y".repeat(BODY_BYTES_MAX + 1), StatusCode::PAYLOAD_TOO_LARGE),
        ("multipart/form-data; boundary=b", file, StatusCode::PAYLOAD_TOO_LARGE),
        ("multipart/form-data", String::new(), StatusCode::BAD_REQUEST),
        ("multipart/form-data; boundary=b", "--b\r\nrubbish".to_owned(), StatusCode::BAD_REQUEST),
        ("application/json", "{".to_owned(), StatusCode::BAD_REQUEST),
        ("application/json", "[]".to_owned(), StatusCode::BAD_REQUEST),
        ("application/json", "[".repeat(100_000), StatusCode::BAD_REQUEST),
        (FORM, deep, StatusCode::BAD_REQUEST),
        (FORM, "a[b=1".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let error = read("/", kind, body).await.expect_err(kind);
        assert_eq!(error.status(), status, "{kind}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_time_out() {
    let stalled = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    assert_eq!(read("/", FORM, stalled).await.expect_err("too slow").status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn encoded_bodies_are_refused() {
    let request = Request::post("/").header("content-type", FORM).header("content-encoding", "gzip").body(Body::from("x")).unwrap();
    assert_eq!(Params::of_request(request).await.expect_err("refused").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn wrong_values_are_told_by_name() {
    let params = query("in_reply_to_id=x&limit=-1&empty=+");
    assert_eq!(params.id::<PostId>("in_reply_to_id").unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(params.u64("limit").unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(params.required("empty").unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(params.id::<PostId>("absent").unwrap(), None);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-c\\[\\]=&%0-9+]{0,80}") {
        let _ = Params::of_query(&text);
        let _ = Params::of_json(text.as_bytes());
    }
}
