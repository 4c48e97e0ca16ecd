//! What is the caller's own: favourites, bookmarks, preferences, markers.

use axum::extract::State;
use infra::http::{Caller, Params, Routes, reply};

use super::{Answer, Shared, found, page, page_ask};
use crate::paging::STATUSES;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes.on("favourites.list", favourites).on("bookmarks.list", bookmarks).on("preferences", preferences).on("markers.get", markers)
}

async fn favourites(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, STATUSES)?;
    Ok(page(&caller, shared.side.favourites(caller.user()?, ask).await?))
}

async fn bookmarks(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, STATUSES)?;
    Ok(page(&caller, shared.side.bookmarks(caller.user()?, ask).await?))
}

async fn preferences(State(shared): State<Shared>, caller: Caller) -> Answer {
    found(shared.side.preferences(caller.user()?).await?)
}

async fn markers(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    Ok(reply::ok(shared.side.markers(caller.user()?, &params.list("timeline")).await?))
}
