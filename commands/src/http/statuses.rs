//! One's own posts: publish, edit, delete.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Node, Params, PathId};
use infra::readside::SeenPost;
use schemas::PostId;
use schemas::commands::{Command, DeletePost, EditPost, PublishPost, Unreblog};
use schemas::events::{ReplyTo, Visibility};

use super::Writes;
use super::content::{self, Defaults};
use super::prepared::{Prepared, Shows};

type Shared = State<Arc<Writes>>;
type Answer = Result<Response, ApiError>;

/// `statuses.create`
pub(super) async fn create(State(writes): Shared, caller: Caller, params: Params) -> Answer {
    let prepared = to_create(&writes, &caller, &params).await?;
    writes.run(&caller, prepared).await
}

/// `statuses.edit`
pub(super) async fn edit(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>, params: Params) -> Answer {
    let prepared = to_edit(&writes, &caller, post, &params).await?;
    writes.run(&caller, prepared).await
}

/// `statuses.delete`: answers with the post as it was, and its text, so that clients can offer to write it anew.
pub(super) async fn delete(State(writes): Shared, caller: Caller, PathId(post): PathId<PostId>) -> Answer {
    let account = caller.user()?;
    let Prepared { scope, command, .. } = to_delete(&writes, &caller, post).await?;
    let body = writes.reads.status_json(account, post, true).await?.ok_or(ApiError::NotFound)?;
    let receipt = writes.send(&caller, &scope, command).await?;
    let fresh = writes.settle(&receipt.positions).await;
    Ok(writes.done(&receipt.positions, fresh, Some(body), post.0))
}

/// A new post: see [`content::read`], and `visibility` and `in_reply_to_id`.
pub(super) async fn to_create(writes: &Writes, caller: &Caller, params: &Node) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let habits = writes.habits(account).await?;
    let visibility = match params.filled("visibility") {
        Some(name) => Visibility::named(name).ok_or_else(|| ApiError::invalid_param("visibility", "is not included in the list"))?,
        None => habits.visibility,
    };
    let defaults = Defaults { sensitive: habits.sensitive, language: habits.language };
    let content = content::read(writes, caller, params, defaults).await?;
    let in_reply_to = match params.id::<PostId>("in_reply_to_id")? {
        Some(parent) => Some(replied_to(&writes.seen(account, parent).await?)),
        None => None,
    };
    let command = Command::PublishPost(PublishPost { account, content, visibility, in_reply_to, app: caller.app });
    Ok(Prepared { scope: "publish".to_owned(), command, shows: Shows::Made })
}

/// A reply to a reblog answers the original.
fn replied_to(seen: &SeenPost) -> ReplyTo {
    ReplyTo { post: seen.original, account: seen.author }
}

/// Another version of one's post.
pub(super) async fn to_edit(writes: &Writes, caller: &Caller, post: PostId, params: &Node) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    if seen.row.author != account || seen.row.reblog_of.is_some() {
        return Err(ApiError::NotFound);
    }
    let former = seen.row.content;
    let defaults = Defaults { sensitive: former.sensitive, language: former.language };
    let content = content::read(writes, caller, params, defaults).await?;
    let command = Command::EditPost(EditPost { account, post, content });
    Ok(Prepared { scope: format!("edit/{post}"), command, shows: Shows::Post(post) })
}

/// The end of one's post or reblog.
pub(super) async fn to_delete(writes: &Writes, caller: &Caller, post: PostId) -> Result<Prepared, ApiError> {
    let account = caller.user()?;
    let seen = writes.seen(account, post).await?;
    if seen.row.author != account {
        return Err(ApiError::NotFound);
    }
    let command = match seen.row.reblog_of {
        Some(original) => Command::Unreblog(Unreblog { account, post: original.post }),
        None => Command::DeletePost(DeletePost { account, post }),
    };
    Ok(Prepared { scope: format!("delete/{post}"), command, shows: Shows::Post(post) })
}
