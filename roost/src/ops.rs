//! The operators' port: metrics, readiness, and what `roost accounts` and `replay-tools` ask of a running server.

mod inspect;
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
use serde::Serialize;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::accounts::{Named, Wanted, confirm_one, open};
use crate::node::Node;

/// Records that views may trail the log while the node still counts as ready.
const READY_LAG_RECORDS_MAX: u64 = 10_000;
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
    let tools = ops.node.projectors.is_some().then(|| replay::routes(ops.node.clone()));
    let own = Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .route("/ops/accounts", post(create_account))
        .route("/ops/inspect", get(inspect::inspect))
        .route("/ops/accounts/confirm", post(confirm_account))
        .with_state(ops);
    tools.into_iter().fold(own, Router::merge)
}

#[derive(Serialize)]
struct Lag {
    partition: u16,
    end: u64,
    projected: u64,
    lag: u64,
}

/// 200 once every partition's views are close behind its log, else 503; the body says how far each is.
async fn ready(State(ops): State<Ops>) -> Response {
    let mut lags = Vec::new();
    for partition in ops.node.ports.partitions() {
        match ops.node.ports.log.bounds(partition).await {
            Ok(bounds) => {
                let projected = ops.node.ports.progress.next(partition);
                lags.push(Lag { partition: partition.0, end: bounds.end, projected, lag: bounds.end.saturating_sub(projected) });
            }
            Err(error) => {
                return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "error": error.to_string() }))).into_response();
            }
        }
    }
    let ready = ops.node.projectors.is_none() || lags.iter().all(|lag| lag.lag <= READY_LAG_RECORDS_MAX);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "partitions": lags }))).into_response()
}

async fn render(State(ops): State<Ops>) -> Response {
    match &ops.metrics {
        Some(metrics) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response(),
        None => (StatusCode::NOT_FOUND, "metrics are not recorded in this process").into_response(),
    }
}

async fn create_account(State(ops): State<Ops>, Json(wanted): Json<Wanted>) -> Response {
    let Some(commands) = &ops.node.commands else { return refuse(StatusCode::CONFLICT, "this node has not the role `commands`") };
    match open(&commands.accounts, wanted).await {
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
    let Some(commands) = &ops.node.commands else { return refuse(StatusCode::CONFLICT, "this node has not the role `commands`") };
    match confirm_one(&commands.accounts, named).await {
        Ok((confirmed, receipt)) => {
            ops.node.ports.progress.wait(&receipt.positions.0, PATIENCE).await;
            Json(confirmed).into_response()
        }
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
    }
}

/// An answer that says why not.
fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
