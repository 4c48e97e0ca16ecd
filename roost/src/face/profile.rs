//! An account's page: who it is, its counts, its recent posts.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use infra::http::RequestInfo;
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::Value;

use super::post::{article, counted, local, name, number, older, text};
use super::{Face, missing, page};

/// Posts on a page of a profile or a tag.
pub(super) const POSTS: usize = 20;

/// From where a list goes on.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    /// Shows posts older than this one.
    max_id: Option<u64>,
}

impl Window {
    /// The query of the API's list that shows one page from there.
    pub(super) fn query(&self) -> String {
        let from = self.max_id.map_or_else(String::new, |id| format!("&max_id={id}"));
        format!("limit={POSTS}{from}")
    }
}

/// Shows an account's page.
pub(super) async fn show(
    State(face): State<Face>,
    Extension(info): Extension<RequestInfo>,
    Path(handle): Path<String>,
    Query(from): Query<Window>,
) -> Response {
    if !is_handle(&handle) {
        return missing::page(&face.title);
    }
    let account = match face.api.get(&format!("/api/v1/accounts/lookup?acct={handle}"), &info).await {
        Ok(account) => account,
        Err(status) => return missing::instead(&face.title, status),
    };
    let id = text(&account, "/id").unwrap_or_default();
    match face.api.get(&format!("/api/v1/accounts/{id}/statuses?{}", from.query()), &info).await {
        Ok(posts) => {
            page::reply(StatusCode::OK, &face.title, name(&account), &render(&account, posts.as_array().map_or(&[], Vec::as_slice)))
        }
        Err(status) => missing::instead(&face.title, status),
    }
}

/// Whether a text can be a handle; what cannot is not asked for.
pub(super) fn is_handle(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@' | b':'))
}

fn render(account: &Value, posts: &[Value]) -> Markup {
    let joined = text(account, "/created_at").and_then(|at| at.get(..10)).unwrap_or_default();
    html! {
        header.profile {
            img src=(local(text(account, "/avatar").unwrap_or_default())) alt="" width="96" height="96";
            div {
                h1 { (name(account)) }
                p.soft { "@" (text(account, "/acct").unwrap_or_default()) @if !joined.is_empty() { " · here since " time datetime=(joined) { (joined) } } }
            }
        }
        div.bio { (PreEscaped(text(account, "/note").unwrap_or_default())) }
        @if let Some(fields) = account.get("fields").and_then(Value::as_array).filter(|fields| !fields.is_empty()) {
            dl.figures { @for field in fields {
                dt { (text(field, "/name").unwrap_or_default()) } dd { (PreEscaped(text(field, "/value").unwrap_or_default())) }
            } }
        }
        p.soft {
            (counted(number(account, "/statuses_count"), "post", "posts")) " · follows " (number(account, "/following_count")) " · "
            (counted(number(account, "/followers_count"), "follower", "followers"))
        }
        section.narrow aria-labelledby="posts" {
            h2 id="posts" { "Posts" }
            @if posts.is_empty() { div.card { p { "Nothing that everybody may read." } } }
            @for post in posts { (article(post)) }
            (older(posts, POSTS, local(text(account, "/url").unwrap_or_default())))
        }
    }
}
