//! Lists of accounts: followers, followees, requests, blocks, mutes.

use axum::extract::State;
use infra::http::{Caller, Params, PathId, Routes};
use schemas::AccountId;

use super::{Answer, Shared, found_page, page, page_ask};
use crate::paging::ACCOUNTS;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes
        .on("accounts.followers", followers)
        .on("accounts.following", following)
        .on("follow_requests.list", follow_requests)
        .on("blocks.list", blocks)
        .on("mutes.list", mutes)
}

async fn followers(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<AccountId>, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    found_page(&caller, shared.side.followers(caller.account, id, ask).await?)
}

async fn following(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<AccountId>, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    found_page(&caller, shared.side.following(caller.account, id, ask).await?)
}

async fn follow_requests(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    Ok(page(&caller, shared.side.follow_requests(caller.user()?, ask).await?))
}

async fn blocks(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    Ok(page(&caller, shared.side.blocks(caller.user()?, ask).await?))
}

async fn mutes(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, ACCOUNTS)?;
    Ok(page(&caller, shared.side.mutes(caller.user()?, ask).await?))
}
