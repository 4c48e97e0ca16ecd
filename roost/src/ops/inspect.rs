//! The log's events, for `replay-tools inspect --ops`: read no faster than the caller takes them.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use replay_tools::inspect::{Asked, Inspection};
use replay_tools::ops::{self, LINES_MAX};
use tokio::sync::mpsc;

use super::{Ops, refuse, stream_lines};

pub(super) async fn inspect(State(ops): State<Ops>, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, &rejection.body_text()),
    };
    let ports = &ops.node.ports;
    let inspection = asked.filter(&*ports.views).await.and_then(|filter| Inspection::new(&ports.log, filter));
    let inspection = match inspection {
        Ok(inspection) => inspection,
        Err(error) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
    };
    let (sender, lines) = mpsc::channel(LINES_MAX);
    let mut ending = ops.ending.clone();
    let stop = async move {
        // An error: whoever could tell is gone, which says the same.
        let _ = ending.wait_for(|ending| *ending).await;
    };
    tokio::spawn(ops::inspect(inspection, asked.follow, sender, stop));
    stream_lines(lines)
}
