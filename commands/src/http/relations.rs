//! Writes on other accounts: follow, block, mute, note, and the answers to follow requests. Each answers with the relationship.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Edge, Node, Params, PathId};
use schemas::AccountId;
use schemas::commands::{Command, Follow, FollowerOf, Mute, OnAccount, SetNote};
use schemas::rows::{RelationRow, keys};

use super::Writes;
use super::prepared::{Prepared, Shows};

type Shared = State<Arc<Writes>>;
type Answer = Result<Response, ApiError>;

/// Characters of a private note at the most, as in Mastodon.
const NOTE_CHARS_MAX: usize = 2_000;

/// An act on another account that needs no parameters: its name under idempotency keys, and its command for the caller and the other.
pub(super) type Verb = (&'static str, fn(AccountId, AccountId) -> Command);

pub(super) const UNFOLLOW: Verb = ("unfollow", |account, target| Command::Unfollow(OnAccount { account, target }));
pub(super) const REMOVE_FOLLOWER: Verb = ("remove_follower", |account, follower| Command::RemoveFollower(FollowerOf { account, follower }));
pub(super) const BLOCK: Verb = ("block", |account, target| Command::Block(OnAccount { account, target }));
pub(super) const UNBLOCK: Verb = ("unblock", |account, target| Command::Unblock(OnAccount { account, target }));
pub(super) const UNMUTE: Verb = ("unmute", |account, target| Command::Unmute(OnAccount { account, target }));
pub(super) const AUTHORIZE: Verb = ("authorize", |account, follower| Command::AuthorizeFollow(FollowerOf { account, follower }));
pub(super) const REJECT: Verb = ("reject", |account, follower| Command::RejectFollow(FollowerOf { account, follower }));

/// `accounts.follow`
pub(super) async fn follow(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>, params: Params) -> Answer {
    let prepared = to_follow(&writes, &caller, target, &params).await?;
    writes.run(&caller, prepared).await
}

/// `accounts.unfollow`
pub(super) async fn unfollow(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, target, UNFOLLOW).await
}

/// `accounts.remove_from_followers`
pub(super) async fn remove_follower(State(writes): Shared, caller: Caller, PathId(follower): PathId<AccountId>) -> Answer {
    act(&writes, &caller, follower, REMOVE_FOLLOWER).await
}

/// `accounts.block`
pub(super) async fn block(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, target, BLOCK).await
}

/// `accounts.unblock`
pub(super) async fn unblock(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, target, UNBLOCK).await
}

/// `accounts.mute`
pub(super) async fn mute(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>, params: Params) -> Answer {
    let prepared = to_mute(&writes, &caller, target, &params).await?;
    writes.run(&caller, prepared).await
}

/// `accounts.unmute`
pub(super) async fn unmute(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>) -> Answer {
    act(&writes, &caller, target, UNMUTE).await
}

/// `accounts.note`
pub(super) async fn note(State(writes): Shared, caller: Caller, PathId(target): PathId<AccountId>, params: Params) -> Answer {
    let prepared = to_note(&writes, &caller, target, &params).await?;
    writes.run(&caller, prepared).await
}

/// `follow_requests.authorize`
pub(super) async fn authorize(State(writes): Shared, caller: Caller, PathId(follower): PathId<AccountId>) -> Answer {
    act(&writes, &caller, follower, AUTHORIZE).await
}

/// `follow_requests.reject`
pub(super) async fn reject(State(writes): Shared, caller: Caller, PathId(follower): PathId<AccountId>) -> Answer {
    act(&writes, &caller, follower, REJECT).await
}

async fn act(writes: &Writes, caller: &Caller, other: AccountId, verb: Verb) -> Answer {
    let prepared = to_act(writes, caller, other, verb).await?;
    writes.run(caller, prepared).await
}

/// An act on an account that exists.
pub(super) async fn to_act(writes: &Writes, caller: &Caller, other: AccountId, (name, command): Verb) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    prepared(writes, name, other, command(account, other)).await
}

/// A command on an account that exists.
async fn prepared(writes: &Writes, name: &str, other: AccountId, command: Command) -> Result<Prepared, ApiError> {
    writes.habits(other).await?;
    Ok(Prepared { scope: format!("{name}/{other}"), command, shows: Shows::Account(other) })
}

/// A follow: `reblogs`, `notify` and `languages` as they are sent, else as they stand.
pub(super) async fn to_follow(writes: &Writes, caller: &Caller, target: AccountId, params: &Node) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    writes.habits(target).await?;
    // Whoever blocks the caller is not followed; one's own block `decide` knows.
    if target == account || writes.edge.row::<RelationRow>(keys::blocked_by(account, target)).await?.is_some() {
        return Err(ApiError::Forbidden("This action is not allowed"));
    }
    let renew = writes.reads.follow_is_stale(account, target).await?;
    let languages = params.at("languages").map(|_| params.list("languages").into_iter().map(str::to_owned).collect());
    let (reblogs, notify) = (params.bool("reblogs"), params.bool("notify"));
    let command = Command::Follow(Follow { account, target, reblogs, notify, languages, renew });
    Ok(Prepared { scope: format!("follow/{target}"), command, shows: Shows::Account(target) })
}

/// A mute: `duration` in seconds, 0 for ever; notifications too, unless told otherwise.
pub(super) async fn to_mute(writes: &Writes, caller: &Caller, target: AccountId, params: &Node) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let duration_ms = params.u64("duration")?.unwrap_or(0).saturating_mul(1_000);
    let expires_ms = if duration_ms == 0 { 0 } else { Edge::now_ms().saturating_add(duration_ms).min(i64::MAX as u64) };
    let notifications = params.bool("notifications").unwrap_or(true);
    prepared(writes, "mute", target, Command::Mute(Mute { account, target, notifications, expires_ms })).await
}

/// A private note: an empty `comment` removes it.
pub(super) async fn to_note(writes: &Writes, caller: &Caller, target: AccountId, params: &Node) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let text = params.str("comment").unwrap_or_default().trim().to_owned();
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(ApiError::invalid_param("comment", &format!("is too long (maximum is {NOTE_CHARS_MAX} characters)")));
    }
    prepared(writes, "note", target, Command::SetNote(SetNote { account, target, text })).await
}
