//! The statuses view: posts with their versions and replies, and what was done with them.
//!
//! A deletion takes away what the author's partition wrote; favourites, bookmarks and boosts of others point at nothing afterwards and
//! are filtered when read.

mod interactions;

use schemas::AccountId;
use schemas::events::{Event, Mention, PostDeleted, PostEdited, PostPublished, Reblogged, ReplyTo, Unreblogged, Visibility};
use schemas::ids::{AppId, PostId};
use schemas::rows::{AuthorRow, ContentRow, InteractionRow, RowKey, StatusCountRow, StatusEditRow, StatusRow, Table, View, keys};

use super::{Context, Projection};
use crate::rows::Rows;

/// The statuses view.
pub(super) struct Statuses;

impl Projection for Statuses {
    fn view(&self) -> View {
        View::Statuses
    }

    fn reads(&self, event: &Event, context: &Context, reads: &mut Vec<RowKey>) {
        let count = |post| keys::status_count(post, context.partition);
        match event {
            Event::PostPublished(e) => reads.extend(counted_parent(e.in_reply_to.as_ref(), e.visibility).map(count)),
            Event::PostEdited(e) => reads.push(keys::status(e.post)),
            Event::PostDeleted(e) => {
                reads.extend([keys::status(e.post), keys::interaction(e.account, e.post)]);
                reads.extend(counted_parent(e.in_reply_to.as_ref(), e.visibility).map(count));
            }
            Event::Reblogged(e) => reads.extend([keys::interaction(e.account, e.post), count(e.post)]),
            Event::Unreblogged(e) => reads.extend([keys::interaction(e.account, e.post), count(e.post)]),
            other => interactions::reads(other, context, reads),
        }
    }

    fn project(&self, event: &Event, context: &Context, rows: &mut Rows) {
        match event {
            Event::PostPublished(e) => publish(rows, context, e),
            Event::PostEdited(e) => edit(rows, context, e),
            Event::PostDeleted(e) => delete(rows, context, e),
            Event::Reblogged(e) => reblog(rows, context, e),
            Event::Unreblogged(e) => unreblog(rows, context, e),
            other => interactions::project(other, context, rows),
        }
    }
}

/// The post whose count of replies a reply changes: only replies that anyone may see count.
fn counted_parent(in_reply_to: Option<&ReplyTo>, visibility: Visibility) -> Option<PostId> {
    in_reply_to.filter(|_| visibility.is_open()).map(|parent| parent.post)
}

fn count_reply(rows: &mut Rows, context: &Context, parent: Option<PostId>, by: i64) {
    if let Some(parent) = parent {
        rows.count(keys::status_count(parent, context.partition), |row: &mut StatusCountRow| row.replies += by);
    }
}

fn publish(rows: &mut Rows, context: &Context, e: &PostPublished) {
    let content = ContentRow {
        text: e.text.clone(),
        spoiler: e.spoiler.clone(),
        sensitive: e.sensitive,
        language: e.language.clone(),
        mentions: e.mentions.clone(),
        tags: e.tags.clone(),
    };
    let row = StatusRow {
        author: e.account,
        visibility: e.visibility,
        reblog_of: None,
        content,
        in_reply_to: e.in_reply_to,
        app: e.app,
        created_ms: context.time_ms,
        edited_ms: 0,
        versions: 1,
    };
    rows.put(keys::status(e.post), &row);
    put_mentions(rows, e.account, e.post, &e.mentions);
    if let Some(parent) = &e.in_reply_to {
        rows.put(keys::reply(parent.post, e.post), &AuthorRow { author: e.account });
    }
    count_reply(rows, context, counted_parent(e.in_reply_to.as_ref(), e.visibility), 1);
}

fn edit(rows: &mut Rows, context: &Context, e: &PostEdited) {
    let key = keys::status(e.post);
    let Some(row) = rows.get::<StatusRow>(&key) else { return };
    let content = ContentRow {
        text: e.text.clone(),
        spoiler: e.spoiler.clone(),
        sensitive: e.sensitive,
        language: e.language.clone(),
        mentions: e.mentions.clone(),
        tags: e.tags.clone(),
    };
    delete_mentions(rows, e.post, &row.content.mentions);
    put_mentions(rows, e.account, e.post, &e.mentions);
    if row.versions == 1 {
        rows.put(keys::status_edit(e.post, 0), &StatusEditRow { content: row.content.clone(), created_ms: row.created_ms });
    }
    rows.put(keys::status_edit(e.post, row.versions), &StatusEditRow { content: content.clone(), created_ms: context.time_ms });
    rows.put(key, &StatusRow { content, edited_ms: context.time_ms, versions: row.versions + 1, ..row });
}

fn delete(rows: &mut Rows, context: &Context, e: &PostDeleted) {
    let key = keys::status(e.post);
    let Some(row) = rows.get::<StatusRow>(&key) else { return };
    rows.delete(key);
    if row.versions > 1 {
        for version in 0..row.versions {
            rows.delete(keys::status_edit(e.post, version));
        }
    }
    delete_mentions(rows, e.post, &row.content.mentions);
    if let Some(parent) = &e.in_reply_to {
        rows.delete(keys::reply(parent.post, e.post));
    }
    count_reply(rows, context, counted_parent(e.in_reply_to.as_ref(), e.visibility), -1);
    unpin(rows, e.account, e.post);
}

fn unpin(rows: &mut Rows, account: AccountId, post: PostId) {
    let mut row = interactions::of(rows, account, post);
    if let Some(pin) = row.pin.take() {
        rows.delete(keys::listed(Table::PinList, account, pin));
        interactions::put(rows, account, post, &row);
    }
}

fn put_mentions(rows: &mut Rows, author: AccountId, post: PostId, mentions: &[Mention]) {
    for mention in mentions {
        rows.put(keys::mention(mention.account, post), &AuthorRow { author });
    }
}

fn delete_mentions(rows: &mut Rows, post: PostId, mentions: &[Mention]) {
    for mention in mentions {
        rows.delete(keys::mention(mention.account, post));
    }
}

fn reblog(rows: &mut Rows, context: &Context, e: &Reblogged) {
    let row = StatusRow {
        author: e.account,
        visibility: e.visibility,
        reblog_of: Some(ReplyTo { post: e.post, account: e.author }),
        content: ContentRow::default(),
        in_reply_to: None,
        app: AppId(0),
        created_ms: context.time_ms,
        edited_ms: 0,
        versions: 1,
    };
    rows.put(keys::status(e.reblog), &row);
    rows.put(keys::reblogged_by(e.post, e.reblog), &AuthorRow { author: e.account });
    let done = InteractionRow { reblog: Some(e.reblog), ..interactions::of(rows, e.account, e.post) };
    interactions::put(rows, e.account, e.post, &done);
    rows.count(keys::status_count(e.post, context.partition), |row: &mut StatusCountRow| row.reblogs += 1);
}

fn unreblog(rows: &mut Rows, context: &Context, e: &Unreblogged) {
    let done = interactions::of(rows, e.account, e.post);
    if done.reblog != Some(e.reblog) {
        return;
    }
    rows.delete(keys::status(e.reblog));
    rows.delete(keys::reblogged_by(e.post, e.reblog));
    interactions::put(rows, e.account, e.post, &InteractionRow { reblog: None, ..done });
    rows.count(keys::status_count(e.post, context.partition), |row: &mut StatusCountRow| row.reblogs -= 1);
}

#[cfg(test)]
mod tests;
