//! The front page: what this is, who is here, how to join, and the public timeline.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use infra::http::RequestInfo;
use maud::{Markup, html};
use serde_json::Value;

use super::post::{article, text};
use super::{Face, page};

/// Posts shown.
const POSTS: usize = 20;

/// Libraries whose test suites run, unmodified, against every change of this server (`cargo xtask clients`).
const TESTED: &[(&str, &str)] = &[("Mastodon.py", "Python"), ("masto", "JavaScript")];

/// Apps that speak the same API; nobody runs them against every change.
const SAME_API: &[(&str, &str)] =
    &[("Elk", "in the browser"), ("Phanpy", "in the browser"), ("Tusky", "Android"), ("Ice Cubes", "iPhone, Mac"), ("toot", "terminal")];

/// Shows the front page.
pub(super) async fn show(State(face): State<Face>, Extension(info): Extension<RequestInfo>) -> Response {
    let instance = face.api.get("/api/v2/instance", &info).await.unwrap_or_default();
    let posts = face.api.get(&format!("/api/v1/timelines/public?local=true&limit={POSTS}"), &info).await;
    let counts = face.api.get("/api/v1/instance", &info).await.unwrap_or_default();
    let title = face.title.as_ref();
    let host = info.origin.split_once("://").map_or(info.origin.as_str(), |(_, host)| host);
    let content = html! {
        h1 { "Welcome to " (title) }
        p.lead { (text(&instance, "/description").unwrap_or("A social server.")) }
        div.columns {
            section aria-labelledby="now" {
                h2 id="now" { "Happening here" }
                @match &posts {
                    Ok(Value::Array(posts)) if posts.is_empty() => div.card { p { "Nobody has posted yet. Be the first: sign up, then point a client here." } },
                    Ok(Value::Array(posts)) => @for post in posts { (article(post)) },
                    _ => div.card role="status" { p { "The public timeline is not available right now. Try again in a moment." } },
                }
            }
            div {
                (join(&instance, face.sign_up().is_some()))
                (clients(host))
                (figures(&counts))
                (about())
            }
        }
    };
    page::reply(StatusCode::OK, title, "Home", &content)
}

fn join(instance: &Value, open: bool) -> Markup {
    let open = open && instance.pointer("/registrations/enabled").and_then(Value::as_bool).unwrap_or(true);
    html! {
        section aria-labelledby="join" {
            h2 id="join" { "Join" }
            @if open {
                p { "An account takes a name, an e-mail address and a password." }
                p { a.button href="/auth/sign_up" { "Create an account" } }
            } @else {
                p { "Sign-up is closed here: ask the operators for an account." }
            }
        }
    }
}

fn clients(host: &str) -> Markup {
    html! {
        section aria-labelledby="clients" {
            h2 id="clients" { "Use any Mastodon client" }
            p { "Type " code { (host) } " where the app asks for a server." }
            (table("Tested with every change", TESTED))
            (table("Made for the same API", SAME_API))
        }
    }
}

fn table(caption: &str, rows: &[(&str, &str)]) -> Markup {
    html! { table { caption { (caption) } tbody { @for (name, place) in rows { tr { th scope="row" { (name) } td { (place) } } } } } }
}

fn figures(instance: &Value) -> Markup {
    let count = |name: &str| instance.pointer(&format!("/stats/{name}")).and_then(Value::as_u64).unwrap_or(0);
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" { "In figures" }
            dl.figures { dt { "Accounts" } dd { (count("user_count")) } dt { "Posts" } dd { (count("status_count")) } }
        }
    }
}

fn about() -> Markup {
    html! {
        section aria-labelledby="about" {
            h2 id="about" { "What this is" }
            p {
                "Every post, follow and favourite is an event in a log that loses nothing it has acknowledged. What you read here is computed \
                 from that log and can be rebuilt from it at any time, while it serves."
            }
            p { a href="/about" { "About this server" } " · " a href="/privacy-policy" { "Privacy" } }
            p { "Developers: " a href="/reference" { "the API, operation by operation" } "." }
        }
    }
}
