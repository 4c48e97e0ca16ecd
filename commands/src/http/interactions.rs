//! What one does with a post that one sees: reblog, favourite, bookmark, pin, mute its thread, and take it back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Node, Params, PathId};
use schemas::PostId;
use schemas::commands::{Command, OnPost, Reblog, Unreblog};
use schemas::events::Visibility;

use super::Writes;
use super::prepared::{Prepared, Shows};

type Shared = State<Arc<Writes>>;
type Answer = Result<Response, ApiError>;

/// An act on a post: its name under idempotency keys, and its command.
pub(super) type Verb = (&'static str, fn(OnPost) -> Command);

pub(super) const FAVOURITE: Verb = ("favourite", Command::Favourite);
pub(super) const UNFAVOURITE: Verb = ("unfavourite", Command::Unfavourite);
pub(super) const BOOKMARK: Verb = ("bookmark", Command::Bookmark);
pub(super) const UNBOOKMARK: Verb = ("unbookmark", Command::Unbookmark);
pub(super) const PIN: Verb = ("pin", Command::Pin);
pub(super) const UNPIN: Verb = ("unpin", Command::Unpin);
pub(super) const MUTE: Verb = ("mute_conversation", Command::MuteConversation);
pub(super) const UNMUTE: Verb = ("unmute_conversation", Command::UnmuteConversation);

pub(super) async fn reblog(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>, params: Params) -> Answer {
    let prepared = to_reblog(&writes, &caller, post, &params).await?;
    writes.run(&caller, prepared).await
}

pub(super) async fn unreblog(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    let prepared = to_unreblog(&writes, &caller, post).await?;
    writes.run(&caller, prepared).await
}

pub(super) async fn favourite(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, FAVOURITE).await
}

pub(super) async fn unfavourite(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, UNFAVOURITE).await
}

pub(super) async fn bookmark(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, BOOKMARK).await
}

pub(super) async fn unbookmark(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, UNBOOKMARK).await
}

pub(super) async fn pin(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, PIN).await
}

pub(super) async fn unpin(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, UNPIN).await
}

pub(super) async fn mute(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, MUTE).await
}

pub(super) async fn unmute(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, UNMUTE).await
}

async fn act(writes: &Writes, caller: &Caller, post: PostId, verb: Verb) -> Answer {
    let prepared = to_act(writes, caller, post, verb).await?;
    writes.run(caller, prepared).await
}

/// An act on the post that the caller sees; of a reblog, on the original.
pub(super) async fn to_act(writes: &Writes, caller: &Caller, post: PostId, (name, command): Verb) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    let on = OnPost { account, post: seen.original, author: seen.author };
    Ok(Prepared { scope: format!("{name}/{}", seen.original), command: command(on), shows: Shows::Post(seen.original) })
}

/// A reblog, as `visibility` says.
pub(super) async fn to_reblog(writes: &Writes, caller: &Caller, post: PostId, params: &Node) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    let own = seen.author == account;
    // What is not for everyone is passed on by its author only, and what is for those mentioned by nobody.
    if seen.visibility == Visibility::Direct || (seen.visibility == Visibility::Private && !own) {
        return Err(ApiError::NotFound);
    }
    let visibility = match params.filled("visibility") {
        Some(name) => Visibility::named(name).ok_or_else(|| ApiError::invalid_param("visibility", "is not included in the list"))?,
        None => match writes.habits(account).await?.visibility {
            Visibility::Direct => Visibility::Private,
            usual => usual,
        },
    };
    let command = Command::Reblog(Reblog { account, post: seen.original, author: seen.author, visibility });
    Ok(Prepared { scope: format!("reblog/{}", seen.original), command, shows: Shows::Made })
}

/// The end of one's reblog of a post.
pub(super) async fn to_unreblog(writes: &Writes, caller: &Caller, post: PostId) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    let command = Command::Unreblog(Unreblog { account, post: seen.original });
    Ok(Prepared { scope: format!("unreblog/{}", seen.original), command, shows: Shows::Post(seen.original) })
}
