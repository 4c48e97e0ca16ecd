//! A post's page: what it answers, the post, the answers to it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use infra::http::RequestInfo;
use maud::{Markup, html};
use serde_json::Value;

use super::post::{article, name, text};
use super::{Face, missing, page};

/// Shows a post in its thread. A URL that names another author than the post's leads nowhere.
pub(super) async fn show(
    State(face): State<Face>,
    Extension(info): Extension<RequestInfo>,
    Path((handle, post)): Path<(String, String)>,
) -> Response {
    let Ok(id) = post.parse::<u64>() else { return missing::page(&face.title) };
    let post = match face.api.get(&format!("/api/v1/statuses/{id}"), &info).await {
        Ok(post) => post,
        Err(status) => return missing::instead(&face.title, status),
    };
    if !text(&post, "/account/acct").is_some_and(|author| author.eq_ignore_ascii_case(&handle)) {
        return missing::page(&face.title);
    }
    match face.api.get(&format!("/api/v1/statuses/{id}/context"), &info).await {
        Ok(thread) => {
            let title = format!("Post by {}", name(post.get("account").unwrap_or(&Value::Null)));
            page::reply(StatusCode::OK, &face.title, &title, &render(&title, &post, &thread))
        }
        Err(status) => missing::instead(&face.title, status),
    }
}

fn render(title: &str, post: &Value, thread: &Value) -> Markup {
    let part = |name: &str| thread.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (before, after) = (part("ancestors"), part("descendants"));
    html! {
        div.narrow {
            h1 { (title) }
            @if !before.is_empty() { section aria-labelledby="before" { h2 id="before" { "In answer to" } @for post in before { (article(post)) } } }
            div.chosen { (article(post)) }
            @if !after.is_empty() { section aria-labelledby="after" { h2 id="after" { "Answers" } @for post in after { (article(post)) } } }
        }
    }
}
