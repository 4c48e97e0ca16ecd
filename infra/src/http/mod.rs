//! The HTTP edge that both services share: parameters, errors, routes with their access rules, limits, pages.
//!
//! A request passes [`finish`] (request id, client address, trace, CORS, panics) and the gate of its operation (rate limit, token,
//! scope, the position it was sent with, metrics), then its handler: an axum handler that takes [`Caller`], [`PathId`] and [`Params`] as it
//! needs and returns `Result<Response, ApiError>`.

mod caller;
mod client;
mod cross_origin;
mod edge;
mod error;
mod gate;
pub mod html;
mod limits;
mod outer;
pub mod page;
mod params;
mod pieces;
pub mod reply;
mod routes;
pub mod scopes;
mod serve;
mod trace;

pub use caller::{Caller, PathId, PathText};
pub use client::{BadNetwork, Network, client_address};
pub use edge::{Edge, Habits, Settings, TRUST_AWAY_MAX};
pub use error::{ApiError, INVALID_GRANT, NOT_FOUND_BODY};
pub use gate::IDEMPOTENCY_KEY_CHARS_MAX;
pub use limits::{Quota, RateLimits, Rule, Subject};
pub use outer::{RequestInfo, finish};
pub use page::{Links, PageParams};
pub use params::{BODY_BYTES_MAX, DEPTH_MAX, FILE_BYTES_MAX, FilePart, MULTIPART_BYTES_MAX, Node, PAIRS_MAX, Params, whole_body};
pub use pieces::Pieces;
pub use routes::Routes;
pub use serve::{ServeOptions, serve};
