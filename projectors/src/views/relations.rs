//! The relations view: follows as each side keeps them, requests, blocks, mutes, notes, and the counts of an account.
//!
//! Each side of a follow is written from its own partition; a relation id names one making of it, and what ends a making that no longer
//! stands changes nothing.

use schemas::events::{Blocked, Event, FollowOptionsChanged, FollowRequested, Muted, NoteSet};
use schemas::ids::{AccountId, RelationId};
use schemas::rows::{FolloweeRow, FollowerRow, MuteRow, NoteRow, PeerRow, RelationRow, RowKey, Table, View, keys};

use super::{Context, Projection, stats};
use crate::rows::Rows;

/// The relations view.
pub(super) struct Relations;

impl Projection for Relations {
    fn view(&self) -> View {
        View::Relations
    }

    fn reads(&self, event: &Event, _context: &Context, reads: &mut Vec<RowKey>) {
        let mut followee = |account, target| reads.extend([keys::followee(account, target), keys::account_stats(account)]);
        match event {
            Event::FollowRequested(e) => return followee(e.account, e.target),
            Event::FollowOptionsChanged(e) => return followee(e.account, e.target),
            Event::FollowConfirmed(e) => return followee(e.account, e.target),
            Event::FollowEnded(e) => return followee(e.account, e.target),
            Event::Unfollowed(e) => return followee(e.account, e.target),
            _ => {}
        }
        let mut follower = |account, follower| reads.extend([keys::follower(account, follower), keys::account_stats(account)]);
        match event {
            Event::FollowPending(e) => follower(e.account, e.follower),
            Event::FollowAccepted(e) => follower(e.account, e.follower),
            Event::FollowRejected(e) => follower(e.account, e.follower),
            Event::FollowerRemoved(e) => follower(e.account, e.follower),
            Event::Blocked(e) => reads.push(keys::block(e.account, e.target)),
            Event::Unblocked(e) => reads.push(keys::block(e.account, e.target)),
            Event::Muted(e) => reads.push(keys::mute(e.account, e.target)),
            Event::Unmuted(e) => reads.push(keys::mute(e.account, e.target)),
            other => reads.extend(stats::poster(other).map(keys::account_stats)),
        }
    }

    fn project(&self, event: &Event, context: &Context, rows: &mut Rows) {
        match event {
            Event::FollowRequested(e) => request(rows, e),
            Event::FollowOptionsChanged(e) => change_options(rows, e),
            Event::FollowConfirmed(e) => confirm(rows, e.account, e.target, e.relation),
            Event::FollowEnded(e) => end_followee(rows, e.account, e.target, |row| row.relation == e.relation),
            Event::Unfollowed(e) => end_followee(rows, e.account, e.target, |row| row.relation == e.relation),
            Event::FollowPending(e) => admit(rows, e.account, e.follower, FollowerRow { relation: e.relation, accepted: false }),
            Event::FollowAccepted(e) => admit(rows, e.account, e.follower, FollowerRow { relation: e.relation, accepted: true }),
            Event::FollowRejected(e) => end_follower(rows, e.account, e.follower, |row| row.relation == e.relation),
            Event::FollowerRemoved(e) => end_follower(rows, e.account, e.follower, |row| row.relation == e.relation),
            Event::Blocked(e) => block(rows, e),
            Event::Unblocked(e) => unblock(rows, e.account, e.target, |row| row.relation == e.relation),
            Event::Muted(e) => mute(rows, e),
            Event::Unmuted(e) => unmute(rows, e.account, e.target, |row| row.relation == e.relation),
            Event::NoteSet(e) => note(rows, e),
            other => stats::count_posts(other, context, rows),
        }
    }
}

fn request(rows: &mut Rows, e: &FollowRequested) {
    // A wish made anew replaces the standing one.
    end_followee(rows, e.account, e.target, |_| true);
    let row = FolloweeRow { relation: e.relation, confirmed: false, reblogs: e.reblogs, notify: e.notify, languages: e.languages.clone() };
    rows.put(keys::followee(e.account, e.target), &row);
}

fn change_options(rows: &mut Rows, e: &FollowOptionsChanged) {
    let key = keys::followee(e.account, e.target);
    if let Some(row) = rows.get::<FolloweeRow>(&key)
        && row.relation == e.relation
    {
        rows.put(key, &FolloweeRow { reblogs: e.reblogs, notify: e.notify, languages: e.languages.clone(), ..row });
    }
}

fn confirm(rows: &mut Rows, account: AccountId, target: AccountId, relation: RelationId) {
    let key = keys::followee(account, target);
    if let Some(row) = rows.get::<FolloweeRow>(&key)
        && row.relation == relation
        && !row.confirmed
    {
        rows.put(key, &FolloweeRow { confirmed: true, ..row });
        rows.put(keys::listed(Table::FolloweeList, account, relation), &PeerRow { account: target });
        stats::change(rows, account, |row| row.following += 1);
    }
}

fn end_followee(rows: &mut Rows, account: AccountId, target: AccountId, is_meant: impl Fn(&FolloweeRow) -> bool) {
    let key = keys::followee(account, target);
    let Some(row) = rows.get::<FolloweeRow>(&key).filter(is_meant) else { return };
    rows.delete(key);
    if row.confirmed {
        rows.delete(keys::listed(Table::FolloweeList, account, row.relation));
        stats::change(rows, account, |row| stats::step(&mut row.following, false));
    }
}

/// Writes the followed's side, pending or accepted, in place of what stands.
fn admit(rows: &mut Rows, account: AccountId, follower: AccountId, row: FollowerRow) {
    end_follower(rows, account, follower, |_| true);
    let list = if row.accepted { Table::FollowerList } else { Table::RequestList };
    rows.put(keys::listed(list, account, row.relation), &PeerRow { account: follower });
    rows.put(keys::follower(account, follower), &row);
    count_follower(rows, account, row.accepted, true);
}

fn end_follower(rows: &mut Rows, account: AccountId, follower: AccountId, is_meant: impl Fn(&FollowerRow) -> bool) {
    let key = keys::follower(account, follower);
    let Some(row) = rows.get::<FollowerRow>(&key).filter(is_meant) else { return };
    rows.delete(key);
    let list = if row.accepted { Table::FollowerList } else { Table::RequestList };
    rows.delete(keys::listed(list, account, row.relation));
    count_follower(rows, account, row.accepted, false);
}

fn count_follower(rows: &mut Rows, account: AccountId, accepted: bool, up: bool) {
    stats::change(rows, account, |row| stats::step(if accepted { &mut row.followers } else { &mut row.requests }, up));
}

fn block(rows: &mut Rows, e: &Blocked) {
    unblock(rows, e.account, e.target, |_| true);
    let row = RelationRow { relation: e.relation };
    rows.put(keys::block(e.account, e.target), &row);
    rows.put(keys::blocked_by(e.target, e.account), &row);
    rows.put(keys::listed(Table::BlockList, e.account, e.relation), &PeerRow { account: e.target });
}

fn unblock(rows: &mut Rows, account: AccountId, target: AccountId, is_meant: impl Fn(&RelationRow) -> bool) {
    let key = keys::block(account, target);
    let Some(row) = rows.get::<RelationRow>(&key).filter(is_meant) else { return };
    rows.delete(key);
    rows.delete(keys::blocked_by(target, account));
    rows.delete(keys::listed(Table::BlockList, account, row.relation));
}

fn mute(rows: &mut Rows, e: &Muted) {
    unmute(rows, e.account, e.target, |_| true);
    let row = MuteRow { relation: e.relation, notifications: e.notifications, expires_ms: e.expires_ms };
    rows.put(keys::mute(e.account, e.target), &row);
    rows.put(keys::listed(Table::MuteList, e.account, e.relation), &PeerRow { account: e.target });
}

fn unmute(rows: &mut Rows, account: AccountId, target: AccountId, is_meant: impl Fn(&MuteRow) -> bool) {
    let key = keys::mute(account, target);
    let Some(row) = rows.get::<MuteRow>(&key).filter(is_meant) else { return };
    rows.delete(key);
    rows.delete(keys::listed(Table::MuteList, account, row.relation));
}

fn note(rows: &mut Rows, e: &NoteSet) {
    let key = keys::note(e.account, e.target);
    match e.text.is_empty() {
        true => rows.delete(key),
        false => rows.put(key, &NoteRow { text: e.text.clone() }),
    }
}

#[cfg(test)]
mod tests;
