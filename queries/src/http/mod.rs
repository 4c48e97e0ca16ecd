//! The read side's HTTP resources: each handler reads its parameters, asks the query service, and answers with bytes.

mod account_lists;
mod accounts;
mod instance;
mod own;
mod search;
mod small;
mod statuses;
mod timelines;

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use infra::http::{ApiError, Caller, Edge, PageParams, Params, Pieces, Routes, reply};

use crate::error::QueryError;
use crate::paging::{Links, Page, PageAsk};
use crate::side::QuerySide;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    side: Arc<QuerySide>,
    edge: Arc<Edge>,
}

type Answer = Result<Response, ApiError>;

/// The routes of the query service: every operation of `Side::Read`, those of OAuth excepted. [`infra::http::finish`] goes around it.
pub fn routes(side: Arc<QuerySide>, edge: Arc<Edge>) -> axum::Router {
    mounted(edge.clone()).into_router(Shared { side, edge })
}

fn mounted(edge: Arc<Edge>) -> Routes<Shared> {
    let routes = timelines::mount(Routes::new(edge));
    let routes = statuses::mount(routes);
    let routes = accounts::mount(routes);
    let routes = account_lists::mount(routes);
    let routes = own::mount(routes);
    let routes = search::mount(routes);
    let routes = instance::mount(routes);
    small::mount(routes)
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        if error.is_retryable() { Self::Unavailable(error.to_string()) } else { Self::Internal(error.to_string()) }
    }
}

/// The page that is asked for; `limits` are the usual and the highest one.
fn page_ask(params: &Params, (usual, most): (usize, usize)) -> Result<PageAsk, ApiError> {
    let PageParams { max_id, since_id, min_id, limit } = PageParams::new(params, usual, most)?;
    Ok(PageAsk { max_id, since_id, min_id, limit })
}

/// A page with its links.
fn page(caller: &Caller, page: Page<Bytes>) -> Response {
    let Links { next, prev } = page.links;
    let mut response = reply::ok(page.items);
    infra::http::Links { next, prev }.write(caller, &mut response);
    response
}

/// A page in pieces, with its links.
fn page_of_pieces(caller: &Caller, page: Page<Pieces>) -> Response {
    let Links { next, prev } = page.links;
    let mut response = reply::pieces(page.items);
    infra::http::Links { next, prev }.write(caller, &mut response);
    response
}

/// A page of something that the caller may not see, or that is not there: 404.
fn found_page(caller: &Caller, found: Option<Page<Bytes>>) -> Answer {
    found.map(|found| page(caller, found)).ok_or(ApiError::NotFound)
}

/// What the caller may not see, or is not there: 404.
fn found(body: Option<Bytes>) -> Answer {
    body.map(reply::ok).ok_or(ApiError::NotFound)
}

#[cfg(test)]
mod tests;
