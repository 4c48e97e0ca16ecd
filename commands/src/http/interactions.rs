//! What one does with a post that one sees: reblog, favourite, bookmark, pin, mute its thread, and take it back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Params, PathId};
use schemas::PostId;
use schemas::commands::{Command, OnPost, Reblog, Unreblog};
use schemas::events::Visibility;

use super::Writes;

type Shared = State<Arc<Writes>>;
type Answer = Result<Response, ApiError>;

pub(super) async fn reblog(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>, params: Params) -> Answer {
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
    let receipt = writes.send(&caller, &format!("reblog/{}", seen.original), command).await?;
    writes.show_post(account, &receipt, PostId(receipt.id)).await
}

pub(super) async fn unreblog(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    let command = Command::Unreblog(Unreblog { account, post: seen.original });
    let receipt = writes.send(&caller, &format!("unreblog/{}", seen.original), command).await?;
    writes.show_post(account, &receipt, seen.original).await
}

pub(super) async fn favourite(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "favourite", Command::Favourite).await
}

pub(super) async fn unfavourite(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "unfavourite", Command::Unfavourite).await
}

pub(super) async fn bookmark(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "bookmark", Command::Bookmark).await
}

pub(super) async fn unbookmark(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "unbookmark", Command::Unbookmark).await
}

pub(super) async fn pin(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "pin", Command::Pin).await
}

pub(super) async fn unpin(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "unpin", Command::Unpin).await
}

pub(super) async fn mute(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "mute_conversation", Command::MuteConversation).await
}

pub(super) async fn unmute(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    act(&writes, &caller, post, "unmute_conversation", Command::UnmuteConversation).await
}

/// Acts on the post that the caller sees (of a reblog: on the original) and shows that.
async fn act(writes: &Writes, caller: &Caller, post: PostId, verb: &str, command: fn(OnPost) -> Command) -> Answer {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    let on = OnPost { account, post: seen.original, author: seen.author };
    let receipt = writes.send(caller, &format!("{verb}/{}", seen.original), command(on)).await?;
    writes.show_post(account, &receipt, seen.original).await
}
