//! What a person sees in a browser: the front page, profiles, threads, tags, the reference of the API, sign-up, avatars.
//!
//! The pages are made on the server and need no JavaScript. They read through the public API in the same process, as any client would, so
//! nothing is shown here that a client may not see.

mod avatar;
mod fixed;
mod home;
mod missing;
mod page;
mod post;
mod profile;
mod reference;
mod sign_up;
mod tag;
mod thread;
mod upstream;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use commands::http::Writes;

pub(crate) use avatar::{encode, hsl};
pub use missing::in_the_frame;
pub use upstream::Api;

/// What the pages need.
#[derive(Clone)]
pub struct Face {
    /// The server's name.
    pub title: Arc<str>,
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
        .route("/@{handle}", get(profile::show))
        .route("/@{handle}/{post}", get(thread::show))
        .route("/users/{handle}", get(profile::show))
        .route("/users/{handle}/statuses/{post}", get(thread::show))
        .route("/tags/{name}", get(tag::show))
        .route("/avatars/{file}", get(fixed::avatar))
        .route("/headers/original/missing.png", get(fixed::header_picture))
        .route("/assets/face.css", get(fixed::stylesheet))
        .with_state(face)
}
