//! Posts: one, several, and what hangs on one.

use axum::extract::State;
use infra::http::{Caller, Params, PathId, Routes, reply};
use schemas::PostId;

use super::{Answer, Shared, found, found_page, page_ask};
use crate::paging::ACCOUNTS;
use crate::statuses::STATUSES_MAX;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes
        .on("statuses.get", get)
        .on("statuses.many", many)
        .on("statuses.history", history)
        .on("statuses.source", source)
        .on("statuses.context", context)
        .on("statuses.card", card)
        .on("statuses.favourited_by", favourited_by)
        .on("statuses.reblogged_by", reblogged_by)
}

async fn get(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>) -> Answer {
    found(shared.side.status(caller.account, id, false).await?)
}

async fn many(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ids: Vec<PostId> = params.ids("id", STATUSES_MAX);
    Ok(reply::ok(shared.side.statuses_many(caller.account, &ids).await?))
}

async fn history(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>) -> Answer {
    found(shared.side.history(caller.account, id).await?)
}

async fn source(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>) -> Answer {
    found(shared.side.source(caller.user()?, id).await?)
}

async fn context(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>) -> Answer {
    found(shared.side.context(caller.account, id).await?)
}

/// Links are not fetched: there never is a card.
async fn card(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>) -> Answer {
    found(shared.side.status(caller.account, id, false).await?).map(|_| reply::empty())
}

async fn favourited_by(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    found_page(&caller, shared.side.favourited_by(caller.account, id, ask).await?)
}

async fn reblogged_by(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<PostId>, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    found_page(&caller, shared.side.reblogged_by(caller.account, id, ask).await?)
}
