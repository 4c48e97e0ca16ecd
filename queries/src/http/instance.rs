//! What the server says of itself, and how accounts are found from outside.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use infra::http::{ApiError, Params, Routes, reply};
use schemas::api::entities::timestamp;
use serde_json::json;

use super::{Answer, Shared};
use crate::instance::AboutServer;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes
        .on("instance.v1", |state: State<Shared>| about(state, AboutServer::InstanceV1))
        .on("instance.v2", |state: State<Shared>| about(state, AboutServer::InstanceV2))
        .on("nodeinfo.v20", |state: State<Shared>| about(state, AboutServer::Nodeinfo20))
        .on("nodeinfo.v21", |state: State<Shared>| about(state, AboutServer::Nodeinfo21))
        .on("nodeinfo.index", nodeinfo_index)
        .on("instance.peers", peers)
        .on("instance.activity", activity)
        .on("instance.rules", rules)
        .on("instance.extended_description", extended_description)
        .on("instance.privacy_policy", privacy_policy)
        .on("hostmeta", host_meta)
        .on("webfinger", webfinger)
}

async fn about(State(shared): State<Shared>, what: AboutServer) -> Answer {
    Ok(reply::ok(shared.side.about(what).await?))
}

async fn nodeinfo_index(State(shared): State<Shared>) -> Answer {
    Ok(reply::ok(shared.side.nodeinfo_index()))
}

async fn peers() -> Answer {
    Ok(reply::ok(Bytes::from_static(b"[]")))
}

async fn activity(State(shared): State<Shared>) -> Answer {
    Ok(reply::ok(shared.side.activity_by_week().await?))
}

async fn rules(State(shared): State<Shared>) -> Answer {
    Ok(reply::ok(shared.side.rules()))
}

async fn extended_description(State(shared): State<Shared>) -> Answer {
    Ok(reply::value(&json!({ "updated_at": timestamp(0), "content": shared.side.description_html() })))
}

async fn privacy_policy(State(shared): State<Shared>) -> Answer {
    Ok(reply::ok(shared.side.privacy_policy()))
}

async fn host_meta(State(shared): State<Shared>) -> Response {
    typed(shared.side.host_meta(), "application/xrd+xml; charset=utf-8")
}

async fn webfinger(State(shared): State<Shared>, params: Params) -> Answer {
    let resource = params.filled("resource").ok_or_else(|| ApiError::BadRequest("resource is missing".to_owned()))?;
    let document = shared.side.webfinger(resource).await?.ok_or(ApiError::NotFound)?;
    Ok(typed(document, "application/jrd+json; charset=utf-8"))
}

fn typed(body: impl IntoResponse, kind: &'static str) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
