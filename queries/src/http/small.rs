//! Hashtags, waiting for a position, the OpenAPI document, signs of life.

use std::sync::LazyLock;

use axum::extract::State;
use bytes::Bytes;
use infra::http::{ApiError, Caller, Params, PathText, Routes, reply};
use schemas::PositionToken;
use schemas::api::openapi;
use serde_json::json;

use super::{Answer, Shared};

/// The document never changes while the process lives.
static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes.on("tags.get", tag).on("roost.wait", wait).on("roost.openapi", document).on("streaming.health", alive).on("health", alive)
}

async fn tag(State(shared): State<Shared>, caller: Caller, PathText(name): PathText) -> Answer {
    Ok(reply::ok(shared.side.tag(&name, caller.account.is_some()).await?))
}

async fn wait(State(shared): State<Shared>, params: Params) -> Answer {
    let token = PositionToken::decode(params.required("position")?, shared.edge.keys.position())
        .map_err(|_| ApiError::invalid_param("position", "is not a position of this server"))?;
    let reached = shared.edge.progress.wait(&token.0, shared.edge.settings.patience).await;
    Ok(reply::value(&json!({ "reached": reached })))
}

async fn document() -> Answer {
    Ok(reply::ok(OPENAPI.clone()))
}

async fn alive() -> &'static str {
    "OK"
}
