//! What an account does with a post: one row per (account, post), and the lists by account and by post.

use schemas::AccountId;
use schemas::events::{Event, Favourited, Unfavourited};
use schemas::ids::{PostId, RelationId};
use schemas::rows::{AuthorRow, InteractionRow, PostRow, RowKey, StatusCountRow, Table, keys};

use super::super::Context;
use crate::rows::Rows;

/// What the account did with the post so far.
pub(super) fn of(rows: &Rows, account: AccountId, post: PostId) -> InteractionRow {
    rows.get(&keys::interaction(account, post)).unwrap_or_default()
}

/// Keeps what the account did with the post; nothing done, no row.
pub(super) fn put(rows: &mut Rows, account: AccountId, post: PostId, row: &InteractionRow) {
    let key = keys::interaction(account, post);
    match *row == InteractionRow::default() {
        true => rows.delete(key),
        false => rows.put(key, row),
    }
}

pub(super) fn reads(event: &Event, context: &Context, reads: &mut Vec<RowKey>) {
    let count = |post| keys::status_count(post, context.partition);
    match event {
        Event::Favourited(e) => reads.extend([keys::interaction(e.account, e.post), count(e.post)]),
        Event::Unfavourited(e) => reads.extend([keys::interaction(e.account, e.post), count(e.post)]),
        Event::Bookmarked(e) => reads.push(keys::interaction(e.account, e.post)),
        Event::Unbookmarked(e) => reads.push(keys::interaction(e.account, e.post)),
        Event::Pinned(e) => reads.push(keys::interaction(e.account, e.post)),
        Event::Unpinned(e) => reads.push(keys::interaction(e.account, e.post)),
        Event::ConversationMuted(e) => reads.push(keys::interaction(e.account, e.post)),
        Event::ConversationUnmuted(e) => reads.push(keys::interaction(e.account, e.post)),
        _ => {}
    }
}

pub(super) fn project(event: &Event, context: &Context, rows: &mut Rows) {
    match event {
        Event::Favourited(e) => favourite(rows, context, e),
        Event::Unfavourited(e) => unfavourite(rows, context, e),
        Event::Bookmarked(e) => {
            let listed = PostRow { post: e.post, author: e.author };
            list(rows, Table::BookmarkList, e.account, listed, e.relation, |row| &mut row.bookmark);
        }
        Event::Unbookmarked(e) => {
            unlist(rows, Table::BookmarkList, (e.account, e.post), e.relation, |row| &mut row.bookmark);
        }
        Event::Pinned(e) => {
            let listed = PostRow { post: e.post, author: e.account };
            list(rows, Table::PinList, e.account, listed, e.relation, |row| &mut row.pin);
        }
        Event::Unpinned(e) => {
            unlist(rows, Table::PinList, (e.account, e.post), e.relation, |row| &mut row.pin);
        }
        Event::ConversationMuted(e) => {
            let row = InteractionRow { muted: true, ..of(rows, e.account, e.post) };
            put(rows, e.account, e.post, &row);
        }
        Event::ConversationUnmuted(e) => {
            let row = InteractionRow { muted: false, ..of(rows, e.account, e.post) };
            put(rows, e.account, e.post, &row);
        }
        _ => {}
    }
}

fn favourite(rows: &mut Rows, context: &Context, e: &Favourited) {
    let before = of(rows, e.account, e.post).favourite;
    if let Some(relation) = before {
        rows.delete(keys::favourited_by(e.post, relation));
    }
    let listed = PostRow { post: e.post, author: e.author };
    list(rows, Table::FavouriteList, e.account, listed, e.relation, |row| &mut row.favourite);
    rows.put(keys::favourited_by(e.post, e.relation), &AuthorRow { author: e.account });
    if before.is_none() {
        rows.count(keys::status_count(e.post, context.partition), |row: &mut StatusCountRow| row.favourites += 1);
    }
}

fn unfavourite(rows: &mut Rows, context: &Context, e: &Unfavourited) {
    if unlist(rows, Table::FavouriteList, (e.account, e.post), e.relation, |row| &mut row.favourite) {
        rows.delete(keys::favourited_by(e.post, e.relation));
        rows.count(keys::status_count(e.post, context.partition), |row: &mut StatusCountRow| row.favourites -= 1);
    }
}

/// Which relation of an interaction is meant.
type Part = fn(&mut InteractionRow) -> &mut Option<RelationId>;

/// Makes a relation of the account to the post, in place of a standing one of its kind.
fn list(rows: &mut Rows, list: Table, account: AccountId, listed: PostRow, relation: RelationId, part: Part) {
    let mut row = of(rows, account, listed.post);
    if let Some(before) = part(&mut row).replace(relation) {
        rows.delete(keys::listed(list, account, before));
    }
    put(rows, account, listed.post, &row);
    rows.put(keys::listed(list, account, relation), &listed);
}

/// Ends a relation of the account to the post, and says whether it stood.
fn unlist(rows: &mut Rows, list: Table, (account, post): (AccountId, PostId), relation: RelationId, part: Part) -> bool {
    let mut row = of(rows, account, post);
    if *part(&mut row) != Some(relation) {
        return false;
    }
    *part(&mut row) = None;
    put(rows, account, post, &row);
    rows.delete(keys::listed(list, account, relation));
    true
}
