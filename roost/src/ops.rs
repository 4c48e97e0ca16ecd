//! The operators' port: metrics, readiness, and what `roost accounts` and `replay-tools` ask of a running server.

mod inspect;
mod internal;
mod ready;
mod replay;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use infra::telemetry::PrometheusHandle;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::accounts::{Named, Wanted, confirm_one, open};
use crate::node::Node;

/// How long a new account's answer waits for the views.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the operators' resources need.
#[derive(Clone)]
pub struct Ops {
    /// The node.
    pub node: Arc<Node>,
    /// Renders the metrics, if they are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// Turns true when the process is told to stop: answers without an end then end.
    pub ending: watch::Receiver<bool>,
}

/// The operators' routes.
pub fn routes(ops: Ops) -> Router {
    let internal = ops.node.write_side.clone().map(|side| internal::Internal { side, keys: ops.node.edge.keys.clone() });
    let tools = ops.node.projectors.is_some().then(|| replay::routes(ops.node.clone()));
    let own = Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(render))
        .route("/ops/accounts", post(create_account))
        .route("/ops/inspect", get(inspect::inspect))
        .route("/ops/accounts/confirm", post(confirm_account))
        .with_state(ops);
    tools.into_iter().chain(internal.map(internal::routes)).fold(own, Router::merge)
}

async fn render(State(ops): State<Ops>) -> Response {
    match &ops.metrics {
        Some(metrics) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response(),
        None => (StatusCode::NOT_FOUND, "metrics are not recorded in this process").into_response(),
    }
}

async fn create_account(State(ops): State<Ops>, Json(wanted): Json<Wanted>) -> Response {
    let Some(writing) = &ops.node.writing else { return no_writing() };
    match open(&writing.accounts, wanted).await {
        Ok((created, opened)) => {
            ops.node.ports.progress.wait(&opened.positions.0, PATIENCE).await;
            Json(created).into_response()
        }
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
    }
}

/// Sends lines as they come.
fn stream_lines(lines: mpsc::Receiver<String>) -> Response {
    let body =
        stream::unfold(lines, |mut lines| async move { lines.recv().await.map(|line| (Ok::<_, Infallible>(Bytes::from(line)), lines)) });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(body)).into_response()
}

async fn confirm_account(State(ops): State<Ops>, Json(named): Json<Named>) -> Response {
    let Some(writing) = &ops.node.writing else { return no_writing() };
    match confirm_one(&writing.accounts, named).await {
        Ok((confirmed, receipt)) => {
            ops.node.ports.progress.wait(&receipt.positions.0, PATIENCE).await;
            Json(confirmed).into_response()
        }
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
    }
}

fn no_writing() -> Response {
    refuse(StatusCode::CONFLICT, "this node only projects: ask one with the role `commands` or `queries`")
}

/// An answer that says why not.
fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
