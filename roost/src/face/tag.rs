//! A hashtag's page: the posts that carry it.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use infra::http::RequestInfo;
use maud::html;
use serde_json::Value;

use super::post::{article, older};
use super::profile::{POSTS, Window};
use super::{Face, missing, page};

/// Shows a hashtag's page.
pub(super) async fn show(
    State(face): State<Face>,
    Extension(info): Extension<RequestInfo>,
    uri: Uri,
    Path(name): Path<String>,
    Query(from): Query<Window>,
) -> Response {
    // Taken from the URL as it stands there, so that it goes on escaped as it came.
    let Some(escaped) = uri.path().strip_prefix("/tags/") else { return missing::page(&face.title) };
    let posts = match face.api.get(&format!("/api/v1/timelines/tag/{escaped}?{}", from.query()), &info).await {
        Ok(Value::Array(posts)) => posts,
        Ok(_) => Vec::new(),
        Err(status) => return missing::instead(&face.title, status),
    };
    let content = html! {
        div.narrow {
            h1 { "#" (name) }
            @if posts.is_empty() { div.card { p { "Nobody has posted with this tag." } } }
            @for post in &posts { (article(post)) }
            (older(&posts, POSTS, uri.path()))
        }
    };
    page::reply(StatusCode::OK, &face.title, &format!("#{name}"), &content)
}
