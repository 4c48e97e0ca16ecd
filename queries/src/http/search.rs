//! Search.

use axum::extract::State;
use infra::http::{ApiError, Caller, Params, Routes, reply};

use super::{Answer, Shared};
use crate::search::{HITS, HITS_MAX, Kind, OFFSET_MAX, PostSearch, SearchAsk};

const UNSIGNED_OFFSET: &str = "Search queries pagination is not supported without authentication";
const UNSIGNED_RESOLVE: &str = "Search queries that resolve remote resources are not supported without authentication";

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes.on("search.v2", search).on("accounts.search", accounts)
}

async fn search(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    if caller.account.is_none() && params.u64("offset")?.is_some_and(|offset| offset > 0) {
        return Err(ApiError::Unauthorized(UNSIGNED_OFFSET));
    }
    if caller.account.is_none() && params.flag("resolve") {
        return Err(ApiError::Unauthorized(UNSIGNED_RESOLVE));
    }
    let kind = match params.filled("type") {
        None => None,
        Some("accounts") => Some(Kind::Accounts),
        Some("statuses") => Some(Kind::Statuses),
        Some("hashtags") => Some(Kind::Hashtags),
        Some(_) => return Err(ApiError::invalid_param("type", "is not included in the list")),
    };
    let ask = ask(&params, kind, HITS)?;
    Ok(reply::ok(shared.side.search(caller.account, &ask).await?))
}

async fn accounts(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = ask(&params, Some(Kind::Accounts), HITS_MAX)?;
    Ok(reply::ok(shared.side.search_accounts(caller.user()?, &ask).await?))
}

fn ask(params: &Params, kind: Option<Kind>, usual: usize) -> Result<SearchAsk, ApiError> {
    let q = params.str("q").ok_or_else(|| ApiError::BadRequest("param is missing or the value is empty: q".to_owned()))?;
    let number = |name: &str, usual: usize| -> Result<usize, ApiError> {
        Ok(params.u64(name)?.map_or(usual, |number| usize::try_from(number).unwrap_or(usize::MAX)))
    };
    Ok(SearchAsk {
        q: q.to_owned(),
        kind,
        limit: number("limit", usual)?.clamp(1, HITS_MAX),
        offset: number("offset", 0)?.min(OFFSET_MAX),
        following: params.flag("following"),
        posts: PostSearch { author: params.id("account_id")?, max_id: params.id("max_id")?, min_id: params.id("min_id")? },
    })
}
