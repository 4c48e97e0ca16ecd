//! What a person sees in a browser: the front page, profiles, threads, tags, what the server is, the reference of the API, sign-up and
//! the confirmation of an address, avatars.
//!
//! The pages are made on the server and need no JavaScript. They read through the public API in the same process, as any client would, so
//! nothing is shown here that a client may not see.

mod about;
mod avatar;
mod confirmation;
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
mod thumbnail;
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
    /// The write resources, if this process has them.
    pub writes: Option<Arc<Writes>>,
    /// Whether this server opens accounts.
    pub sign_ups_open: bool,
}

impl Face {
    /// The write resources, if this server opens accounts.
    fn sign_up(&self) -> Option<&Arc<Writes>> {
        self.writes.as_ref().filter(|_| self.sign_ups_open)
    }
}

/// The routes of the pages.
pub fn routes(face: Face) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/reference", get(reference::show))
        .route("/about", get(about::show))
        .route("/privacy-policy", get(about::privacy))
        .route("/thumbnail.png", get(fixed::thumbnail))
        .route("/auth/sign_up", get(sign_up::form).post(sign_up::submit))
        .route("/auth/confirmation", get(confirmation::confirm))
        .route("/auth/confirmation/new", get(confirmation::form).post(confirmation::submit))
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
