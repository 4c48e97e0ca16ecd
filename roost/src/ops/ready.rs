//! `/readyz`: whether this process can do what its roles need, and what is missing if not.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use infra::views::Version;
use schemas::PartitionId;
use schemas::rows::View;
use serde::Serialize;

use super::Ops;
use crate::node::Node;

/// Records that views may trail the log while the node still counts as ready.
const LAG_RECORDS_MAX: u64 = 10_000;
/// How long log and views may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Serialize)]
struct Ready {
    ready: bool,
    /// What is missing, in words.
    missing: Vec<String>,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    partition: u16,
    end: u64,
    projected: u64,
    lag: u64,
    /// Whether this process decides it.
    writes: bool,
    /// Whether this process projects it.
    projects: bool,
}

/// 200 once log and views answer and this process does what its roles say, else 503.
pub(super) async fn ready(State(ops): State<Ops>) -> Response {
    let looked = tokio::time::timeout(PATIENCE, look(&ops.node)).await;
    let ready = looked.unwrap_or_else(|_| Ready {
        ready: false,
        missing: vec![format!("log or views do not answer within {} s", PATIENCE.as_secs())],
        partitions: Vec::new(),
    });
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready)).into_response()
}

async fn look(node: &Node) -> Ready {
    let (mut missing, mut partitions) = (Vec::new(), Vec::new());
    let projecting = node.projectors.as_ref().map(projectors::Projectors::partitions).unwrap_or_default();
    for partition in node.ports.partitions() {
        let end = match node.ports.log.bounds(partition).await {
            Ok(bounds) => bounds.end,
            Err(error) => {
                missing.push(error.to_string());
                break;
            }
        };
        let projected = node.ports.progress.next(partition);
        let lag = end.saturating_sub(projected);
        let (writes, projects) = (node.write_side.as_ref().is_some_and(|side| side.is_open(partition)), projecting.contains(&partition));
        if projects && lag > LAG_RECORDS_MAX {
            missing.push(format!("the views of partition {partition} trail the log by {lag} records"));
        }
        partitions.push(Partition { partition: partition.0, end, projected, lag, writes, projects });
    }
    if let Err(error) = node.ports.views.checkpoint(Version::Live, View::Statuses, PartitionId(0)).await {
        missing.push(error.to_string());
    }
    if let Some(ties) = &node.ties {
        missing.extend(ties.missing(|partition| partitions.get(usize::from(partition.0)).is_some_and(|known| known.writes)));
    }
    Ready { ready: missing.is_empty(), missing, partitions }
}
