//! Commands that other processes of the instance pass on to the owner of a partition (docs/decisions/0011-roles-in-processes.md).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use commands::forward::{COMMANDS_PATH, MANY_COMMANDS_PATH};
use commands::handle::WriteSide;
use infra::clock::now_ms;
use infra::keys::InstanceKeys;
use infra::peers::{CALL_BYTES_MAX, is_genuine};
use schemas::commands::wire::{Answer, decode_envelope, decode_envelopes, encode_answer, encode_answers};

/// What the resource needs.
#[derive(Clone)]
pub(super) struct Internal {
    pub(super) side: Arc<WriteSide>,
    pub(super) keys: InstanceKeys,
}

/// The route, for a node that decides.
pub(super) fn routes(internal: Internal) -> Router {
    let router = Router::new().route(COMMANDS_PATH, post(execute)).route(MANY_COMMANDS_PATH, post(execute_all));
    router.layer(DefaultBodyLimit::max(CALL_BYTES_MAX)).with_state(internal)
}

async fn execute(State(internal): State<Internal>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_genuine(&internal.keys, COMMANDS_PATH, &headers, &body, now_ms()) {
        return stranger();
    }
    let envelope = match decode_envelope(&body) {
        Ok(envelope) => envelope,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    };
    let answer = internal.side.execute_here(envelope).await.map_or(Answer::NotHere, Answer::Decided);
    encode_answer(&answer).into_response()
}

async fn execute_all(State(internal): State<Internal>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_genuine(&internal.keys, MANY_COMMANDS_PATH, &headers, &body, now_ms()) {
        return stranger();
    }
    let envelopes = match decode_envelopes(&body) {
        Ok(envelopes) => envelopes,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    };
    let answers = internal.side.execute_all_here(envelopes).await;
    let answers: Vec<Answer> = answers.into_iter().map(|answer| answer.map_or(Answer::NotHere, Answer::Decided)).collect();
    encode_answers(&answers).into_response()
}

fn stranger() -> Response {
    let why = "not from a process of this instance: secrets differ, or clocks are more than a minute apart";
    (StatusCode::UNAUTHORIZED, why).into_response()
}
