//! What an account counts: its posts, its follows and its followers. Part of the relations view, whose rows decide the latter.

use schemas::AccountId;
use schemas::events::{Event, Visibility};
use schemas::rows::{AccountStatsRow, keys};

use super::Context;
use crate::rows::Rows;

/// Changes a count by one, never below zero.
pub(super) fn step(count: &mut u64, up: bool) {
    *count = if up { *count + 1 } else { count.saturating_sub(1) };
}

/// Changes the counts of an account.
pub(super) fn change(rows: &mut Rows, account: AccountId, change: impl FnOnce(&mut AccountStatsRow)) {
    rows.count(keys::account_stats(account), change);
}

/// The account whose number of posts the event changes.
pub(super) fn poster(event: &Event) -> Option<AccountId> {
    match event {
        Event::PostPublished(e) => Some(e.account),
        Event::PostDeleted(e) => Some(e.account),
        Event::Reblogged(e) => Some(e.account),
        Event::Unreblogged(e) => Some(e.account),
        _ => None,
    }
}

/// Counts posts and reblogs, direct posts excepted.
pub(super) fn count_posts(event: &Event, context: &Context, rows: &mut Rows) {
    let (account, visibility, up) = match event {
        Event::PostPublished(e) => (e.account, e.visibility, true),
        Event::PostDeleted(e) => (e.account, e.visibility, false),
        Event::Reblogged(e) => (e.account, e.visibility, true),
        Event::Unreblogged(e) => (e.account, e.visibility, false),
        _ => return,
    };
    if visibility == Visibility::Direct {
        return;
    }
    change(rows, account, |row| {
        step(&mut row.statuses, up);
        if up {
            row.last_status_ms = row.last_status_ms.max(context.time_ms);
        }
    });
}
