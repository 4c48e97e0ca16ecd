//! What this server is and who keeps it, and what it keeps of people.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use infra::http::RequestInfo;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use super::post::text;
use super::{Face, missing, page};

/// Shows what the server is.
pub(super) async fn show(State(face): State<Face>, Extension(info): Extension<RequestInfo>) -> Response {
    match face.api.get("/api/v2/instance", &info).await {
        Ok(instance) => page::reply(StatusCode::OK, &face.title, "About", &about(&face, &instance)),
        Err(status) => missing::instead(&face.title, status),
    }
}

/// Shows what the server keeps of people.
pub(super) async fn privacy(State(face): State<Face>, Extension(info): Extension<RequestInfo>) -> Response {
    match face.api.get("/api/v1/instance/privacy_policy", &info).await {
        Ok(policy) => {
            // Our own words; names in them are escaped where they are put in.
            let content = html! { div.narrow { h1 { "Privacy" } (PreEscaped(text(&policy, "/content").unwrap_or_default())) } };
            page::reply(StatusCode::OK, &face.title, "Privacy", &content)
        }
        Err(status) => missing::instead(&face.title, status),
    }
}

fn about(face: &Face, instance: &Value) -> Markup {
    let rules = instance.get("rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let contact = text(instance, "/contact/email").filter(|contact| !contact.is_empty());
    html! {
        div.narrow {
            h1 { "About " (face.title) }
            p.lead { (text(instance, "/description").unwrap_or_default()) }
            h2 { "What this is" }
            p {
                "A place to write short posts, to follow others and to talk with them. It speaks the same language as Mastodon, so you use it with \
                 any Mastodon app, on a phone or in a browser: type " code { (text(instance, "/domain").unwrap_or_default()) }
                " where the app asks for a server."
            }
            h2 { "How to begin" }
            @if face.sign_up().is_some() {
                ol {
                    li { a href="/auth/sign_up" { "Create an account" } ": a name, an e-mail address, a password." }
                    li { "Install an app, or open one in the browser; " a href="/#clients" { "some that work" } "." }
                    li { "Sign in there with this server's address, and follow somebody." }
                }
            } @else {
                p { "Sign-up is closed here: ask the operators for an account. With one, sign in through any Mastodon app." }
            }
            @if !rules.is_empty() {
                h2 { "Rules" }
                ol { @for rule in rules { li { (text(rule, "/text").unwrap_or_default()) } } }
            }
            h2 { "Who keeps it" }
            @match contact {
                Some(contact) => p { "Its operators. Write to them at " a href={ "mailto:" (contact) } { (contact) } "." },
                None => p { "Its operators." },
            }
            p { "What is kept of you, and who sees it: " a href="/privacy-policy" { "privacy" } "." }
            p.soft { "Software: " (text(instance, "/version").unwrap_or_default()) "." }
        }
    }
}
