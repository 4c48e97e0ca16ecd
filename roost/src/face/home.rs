//! The front page: what this is, who is here, how to join, and the public timeline.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use super::{Face, page};

/// Posts shown.
const POSTS: usize = 20;

/// Apps that work when this server's address is typed into them.
const CLIENTS: &[(&str, &str)] = &[
    ("Elk", "in the browser"),
    ("Phanpy", "in the browser"),
    ("Tusky", "Android"),
    ("Ice Cubes", "iPhone, Mac"),
    ("toot", "terminal"),
    ("Mastodon.py", "Python library"),
    ("masto", "JavaScript library"),
];

/// Shows the front page.
pub(super) async fn show(State(face): State<Face>, headers: HeaderMap) -> Response {
    let instance = face.api.get("/api/v2/instance", &headers).await.unwrap_or_default();
    let posts = face.api.get(&format!("/api/v1/timelines/public?local=true&limit={POSTS}"), &headers).await;
    let counts = face.api.get("/api/v1/instance", &headers).await.unwrap_or_default();
    let title = text(&instance, "/title").unwrap_or("Roost");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("this address");
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
                (join(&instance, face.sign_up.is_some()))
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
            table { tbody { @for (name, place) in CLIENTS { tr { th scope="row" { (name) } td { (place) } } } } }
        }
    }
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
            p { "Developers: " a href="/reference" { "the API, operation by operation" } "." }
        }
    }
}

/// One post. Its content is HTML that the API has escaped; everything else is escaped here.
fn article(post: &Value) -> Markup {
    let at = text(post, "/created_at").unwrap_or_default();
    let spoiler = text(post, "/spoiler_text").unwrap_or_default();
    let content = PreEscaped(text(post, "/content").unwrap_or_default());
    html! {
        article.post {
            img src=(text(post, "/account/avatar").unwrap_or_default()) alt="" width="48" height="48" loading="lazy";
            div {
                div {
                    span.who { (text(post, "/account/display_name").filter(|name| !name.is_empty()).or_else(|| text(post, "/account/username")).unwrap_or_default()) }
                    " " span.soft { "@" (text(post, "/account/acct").unwrap_or_default()) }
                }
                @if spoiler.is_empty() { (content) } @else { details { summary { (spoiler) } (content) } }
                div.meta {
                    time datetime=(at) { (at.get(..16).unwrap_or(at).replace('T', " ")) " UTC" }
                    " · " (number(post, "/replies_count")) " replies · " (number(post, "/reblogs_count")) " reblogs · "
                    (number(post, "/favourites_count")) " favourites"
                }
            }
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}
