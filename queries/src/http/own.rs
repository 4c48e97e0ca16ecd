//! What is the caller's own: favourites, bookmarks, preferences, markers, and the application of the token.

use axum::extract::State;
use infra::http::{Caller, Params, Routes, reply};
use schemas::AppId;
use schemas::api::entities::AppEntity;
use schemas::rows::AppRow;

use super::{Answer, Shared, found, page, page_ask};
use crate::paging::STATUSES;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes
        .on("favourites.list", favourites)
        .on("bookmarks.list", bookmarks)
        .on("preferences", preferences)
        .on("markers.get", markers)
        .on("apps.verify_credentials", application)
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

async fn application(State(shared): State<Shared>, caller: Caller) -> Answer {
    let row = match caller.app {
        AppId(0) => None,
        app => shared.edge.app(app).await?,
    };
    // An operator's token is of no application that registered.
    let row = row.unwrap_or_else(|| AppRow {
        secret_hash: bytes::Bytes::new(),
        name: "Roost".to_owned(),
        website: None,
        redirect_uris: Vec::new(),
        scopes: caller.scopes.clone(),
        created_ms: 0,
    });
    Ok(reply::value(&AppEntity::new(caller.app, &row)))
}
