//! What a person sees in a browser: the front page, the reference of the API, sign-up, avatars.
//!
//! The pages are made on the server and need no JavaScript. They read through the public API in the same process, as any client would, so
//! nothing is shown here that a client may not see.

mod avatar;
mod home;
mod page;
mod reference;
mod sign_up;
mod upstream;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use commands::http::Writes;

pub(crate) use avatar::{encode, hsl};
pub use upstream::Api;

const CSS: &str = include_str!("../../assets/face.css");

/// What the pages need.
#[derive(Clone)]
pub struct Face {
    /// The public API of this process.
    pub api: Api,
    /// The write resources, if this server opens accounts.
    pub sign_up: Option<Arc<Writes>>,
}

/// The routes of the pages.
pub fn routes(face: Face) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/reference", get(reference::show))
        .route("/auth/sign_up", get(sign_up::form).post(sign_up::submit))
        .route("/avatars/{file}", get(picture))
        .route("/headers/original/missing.png", get(blank_header))
        .route("/assets/face.css", get(stylesheet))
        .with_state(face)
}

async fn stylesheet() -> Response {
    cached(CSS.as_bytes().to_vec(), "text/css; charset=utf-8")
}

async fn blank_header() -> Response {
    match avatar::blank() {
        Ok(png) => cached(png, "image/png"),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The generated avatar of an account that has not chosen one: `{id}.png`.
async fn picture(Path(file): Path<String>) -> Response {
    let account = file.strip_suffix(".png").and_then(|id| id.parse::<u64>().ok());
    match account.map(avatar::of) {
        Some(Ok(png)) => cached(png, "image/png"),
        Some(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A reply that browsers may keep for a day.
fn cached(body: Vec<u8>, content_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}
