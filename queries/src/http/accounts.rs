//! Accounts: one, several, by name, their posts, and how the caller stands to them.

use axum::extract::State;
use infra::http::{ApiError, Caller, Params, PathId, Routes, reply};
use schemas::AccountId;

use super::{Answer, Shared, found, found_page, page_ask};
use crate::accounts::ACCOUNTS_MAX;
use crate::paging::STATUSES;
use crate::profile::ProfileFilter;
use crate::relationship::RELATIONSHIPS_MAX;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes
        .on("accounts.get", get)
        .on("accounts.many", many)
        .on("accounts.lookup", lookup)
        .on("accounts.verify_credentials", verify_credentials)
        .on("accounts.statuses", statuses)
        .on("accounts.relationships", relationships)
        .on("accounts.familiar_followers", familiar_followers)
        .on("accounts.lists", nothing_of)
        .on("accounts.featured_tags", nothing_of)
}

async fn get(State(shared): State<Shared>, PathId(id): PathId<AccountId>) -> Answer {
    found(shared.side.account_entity(id, false).await?)
}

async fn many(State(shared): State<Shared>, params: Params) -> Answer {
    let ids: Vec<AccountId> = params.ids("id", ACCOUNTS_MAX);
    Ok(reply::ok(shared.side.accounts_many(&ids).await?))
}

async fn lookup(State(shared): State<Shared>, params: Params) -> Answer {
    let acct = params.filled("acct").ok_or(ApiError::NotFound)?;
    let id = shared.side.lookup(acct).await?.ok_or(ApiError::NotFound)?;
    found(shared.side.account_entity(id, false).await?)
}

async fn verify_credentials(State(shared): State<Shared>, caller: Caller) -> Answer {
    found(shared.side.account_entity(caller.user()?, true).await?)
}

async fn statuses(State(shared): State<Shared>, caller: Caller, PathId(id): PathId<AccountId>, params: Params) -> Answer {
    let ask = page_ask(&params, STATUSES)?;
    let filter = ProfileFilter {
        exclude_replies: params.flag("exclude_replies"),
        exclude_reblogs: params.flag("exclude_reblogs"),
        pinned: params.flag("pinned"),
        only_media: params.flag("only_media"),
        tagged: params.filled("tagged").map(str::to_owned),
    };
    found_page(&caller, shared.side.account_statuses(caller.account, id, &filter, ask).await?)
}

async fn relationships(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ids: Vec<AccountId> = params.ids("id", RELATIONSHIPS_MAX);
    Ok(reply::ok(shared.side.relationships(caller.user()?, &ids).await?))
}

async fn familiar_followers(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ids: Vec<AccountId> = params.ids("id", RELATIONSHIPS_MAX);
    Ok(reply::ok(shared.side.familiar_followers(caller.user()?, &ids).await?))
}

/// Lists and featured hashtags: there are none yet, but clients ask for them on every profile.
async fn nothing_of(State(shared): State<Shared>, PathId(id): PathId<AccountId>) -> Answer {
    found(shared.side.account_entity(id, false).await?).map(|_| reply::ok(bytes::Bytes::from_static(b"[]")))
}
