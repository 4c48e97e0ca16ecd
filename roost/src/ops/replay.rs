//! Rebuild, verify and dead letters, for `replay-tools --ops`: its own functions, behind HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use projectors::Projectors;
use replay_tools::letters::ReleaseRequest;
use replay_tools::ops::{self, LINES_MAX};
use tokio::sync::mpsc;

use super::{refuse, stream_lines};
use crate::node::Node;

/// The routes, for a node that projects.
pub(super) fn routes(node: Arc<Node>) -> Router {
    Router::new()
        .route("/ops/rebuild", post(rebuild))
        .route("/ops/verify", get(verify))
        .route("/ops/dead-letters", get(dead_letters))
        .route("/ops/dead-letters/release", post(release))
        .with_state(node)
}

type Parameters = Query<HashMap<String, String>>;

async fn rebuild(State(node): State<Arc<Node>>, Query(parameters): Parameters) -> Response {
    let names = ops::names(parameters.get("views").map(String::as_str));
    let (sender, lines) = mpsc::channel(LINES_MAX);
    // The work goes on when the caller goes away.
    tokio::spawn(async move {
        if let Some(projectors) = &node.projectors {
            ops::rebuild(projectors, &names, sender).await;
        }
    });
    stream_lines(lines)
}

async fn verify(State(node): State<Arc<Node>>, Query(parameters): Parameters) -> Response {
    let names = ops::names(parameters.get("views").map(String::as_str));
    let (sender, lines) = mpsc::channel(LINES_MAX);
    tokio::spawn(async move {
        if let Some(projectors) = &node.projectors {
            ops::verify(projectors, &names, sender).await;
        }
    });
    stream_lines(lines)
}

async fn dead_letters(State(node): State<Arc<Node>>) -> Response {
    let Some(projectors) = projectors(&node) else { return no_role() };
    match ops::dead_letters(projectors).await {
        Ok(letters) => Json(letters).into_response(),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &format!("{error:#}")),
    }
}

async fn release(State(node): State<Arc<Node>>, Json(request): Json<ReleaseRequest>) -> Response {
    let Some(projectors) = projectors(&node) else { return no_role() };
    match ops::release(projectors, &request).await {
        Ok(released) => Json(released).into_response(),
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
    }
}

fn projectors(node: &Node) -> Option<&Projectors> {
    node.projectors.as_ref()
}

fn no_role() -> Response {
    refuse(StatusCode::CONFLICT, "this node has not the role `projectors`")
}
