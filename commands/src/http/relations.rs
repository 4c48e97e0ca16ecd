//! Writes on other accounts: follow, block, mute, note, and the answers to follow requests. Each answers with the relationship.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Edge, Params, PathId};
use schemas::AccountId;
use schemas::commands::{Command, Follow, FollowerOf, Mute, OnAccount, SetNote};
use schemas::rows::{RelationRow, keys};

use super::Writes;

type Shared = State<Arc<Writes>>;
type Answer = Result<Response, ApiError>;

/// Characters of a private note at the most, as in Mastodon.
const NOTE_CHARS_MAX: usize = 2_000;

/// Executes what the caller does to an account that exists, and answers with the relationship.
async fn act(writes: &Writes, caller: &Caller, verb: &str, target: AccountId, command: impl FnOnce(AccountId) -> Command + Send) -> Answer {
    let account = caller.user()?;
    writes.habits(target).await?;
    let receipt = writes.send(caller, &format!("{verb}/{target}"), command(account)).await?;
    writes.show_relationship(account, &receipt, target).await
}

/// `accounts.follow`
pub(super) async fn follow(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>, params: Params) -> Answer {
    let reader = caller.user()?;
    writes.habits(target).await?;
    // Whoever blocks the caller is not followed; one's own block `decide` knows.
    if target == reader || writes.edge.row::<RelationRow>(keys::blocked_by(reader, target)).await?.is_some() {
        return Err(ApiError::Forbidden("This action is not allowed"));
    }
    let renew = writes.reads.follow_is_stale(reader, target).await?;
    let languages = params.at("languages").map(|_| params.list("languages").into_iter().map(str::to_owned).collect());
    let (reblogs, notify) = (params.bool("reblogs"), params.bool("notify"));
    act(&writes, &caller, "follow", target, |account| Command::Follow(Follow { account, target, reblogs, notify, languages, renew })).await
}

/// `accounts.unfollow`
pub(super) async fn unfollow(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "unfollow", target, |account| Command::Unfollow(OnAccount { account, target })).await
}

/// `accounts.remove_from_followers`
pub(super) async fn remove_follower(State(writes): Shared, caller: Caller, PathId(follower): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "remove_follower", follower, |account| Command::RemoveFollower(FollowerOf { account, follower })).await
}

/// `accounts.block`
pub(super) async fn block(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "block", target, |account| Command::Block(OnAccount { account, target })).await
}

/// `accounts.unblock`
pub(super) async fn unblock(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "unblock", target, |account| Command::Unblock(OnAccount { account, target })).await
}

/// `accounts.mute`: `duration` in seconds, 0 for ever; notifications too, unless told otherwise.
pub(super) async fn mute(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>, params: Params) -> Answer {
    let duration_ms = params.u64("duration")?.unwrap_or(0).saturating_mul(1_000);
    let expires_ms = if duration_ms == 0 { 0 } else { Edge::now_ms().saturating_add(duration_ms).min(i64::MAX as u64) };
    let notifications = params.bool("notifications").unwrap_or(true);
    act(&writes, &caller, "mute", target, |account| Command::Mute(Mute { account, target, notifications, expires_ms })).await
}

/// `accounts.unmute`
pub(super) async fn unmute(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "unmute", target, |account| Command::Unmute(OnAccount { account, target })).await
}

/// `accounts.note`: an empty `comment` removes it.
pub(super) async fn note(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>, params: Params) -> Answer {
    let text = params.str("comment").unwrap_or_default().trim().to_owned();
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(ApiError::invalid_param("comment", &format!("is too long (maximum is {NOTE_CHARS_MAX} characters)")));
    }
    act(&writes, &caller, "note", target, |account| Command::SetNote(SetNote { account, target, text })).await
}

/// `follow_requests.authorize`
pub(super) async fn authorize(State(writes): Shared, caller: Caller, PathId(follower): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "authorize", follower, |account| Command::AuthorizeFollow(FollowerOf { account, follower })).await
}

/// `follow_requests.reject`
pub(super) async fn reject(State(writes): Shared, caller: Caller, PathId(follower): PathId<AccountId>) -> Answer {
    act(&writes, &caller, "reject", follower, |account| Command::RejectFollow(FollowerOf { account, follower })).await
}
