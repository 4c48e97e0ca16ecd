//! Reading markers: how far an account has read its timelines.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use infra::http::{ApiError, Caller, Params};
use schemas::commands::{Command, MoveMarker, Receipt};

use super::Writes;

/// The timelines that have markers.
const TIMELINES: [&str; 2] = ["home", "notifications"];

/// `markers.move`: `home[last_read_id]`, `notifications[last_read_id]`.
pub(super) async fn set(State(writes): State<Arc<Writes>>, caller: Caller, params: Params) -> Result<Response, ApiError> {
    let account = caller.user()?;
    let mut moved = Vec::new();
    let mut all = Receipt::default();
    for timeline in TIMELINES {
        let Some(last_read) = params.at(timeline).map(|node| node.u64("last_read_id")).transpose()?.flatten() else { continue };
        let command = MoveMarker { account, timeline: timeline.to_owned(), last_read };
        let receipt = writes.send(&caller, &format!("marker/{timeline}"), Command::MoveMarker(command)).await?;
        receipt.positions.0.into_iter().for_each(|position| all.positions.add(position));
        moved.push(timeline);
    }
    let fresh = writes.settle(&all.positions).await;
    let shown = Writes::shown(writes.reads.markers_json(account, &moved).await.map(Some));
    // Markers have no id of their own to answer with.
    let (fresh, body) = (fresh && shown.is_some(), shown.unwrap_or_else(|| Bytes::from_static(b"{}")));
    Ok(writes.done(&all.positions, fresh, Some(body), 0))
}
