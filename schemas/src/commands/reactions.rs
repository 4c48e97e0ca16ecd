//! Cross-account rules: which follow-ups an event causes on other partitions.
//!
//! A pure function of the event, applied twice: by the write side right after the acknowledgement, so that the caller sees the whole
//! effect, and by the reactor behind the log, so that a crash in between loses nothing. Both give a follow-up the same command id, hence
//! it takes effect once. What needs a view to be decided (the reblogs of a deleted post, claims that lapse) is the reactor's alone.

use super::Command;
use super::accounts::{ConfirmHandle, HoldHandle};
use super::relations::{AnswerFollow, OnFollow};
use crate::events::Event;
use crate::handles::normalise;
use crate::ids::{RelationId, UnixMillis};

/// How long a handle stays reserved after its account gave it up: 30 days.
pub const HANDLE_HOLD_MS: UnixMillis = 30 * 24 * 3_600_000;

/// The follow-ups of an event decided at `time_ms`, in order.
pub fn react(event: &Event, time_ms: UnixMillis) -> Vec<Command> {
    match event {
        Event::FollowRequested(e) => {
            vec![Command::AnswerFollow(AnswerFollow { account: e.target, follower: e.account, relation: e.relation })]
        }
        Event::FollowAccepted(e) => {
            vec![Command::ConfirmFollow(OnFollow { account: e.follower, target: e.account, relation: e.relation })]
        }
        Event::FollowRejected(e) => vec![Command::EndFollow(OnFollow { account: e.follower, target: e.account, relation: e.relation })],
        Event::FollowerRemoved(e) => vec![Command::EndFollow(OnFollow { account: e.follower, target: e.account, relation: e.relation })],
        Event::Unfollowed(e) => {
            vec![Command::DropFollower(AnswerFollow { account: e.target, follower: e.account, relation: e.relation })]
        }
        Event::AccountRegistered(e) => vec![confirm(&e.handle, e.account)],
        Event::HandleChanged(e) => vec![
            confirm(&e.to, e.account),
            Command::HoldHandle(HoldHandle { handle: normalise(&e.from), account: e.account, until_ms: time_ms + HANDLE_HOLD_MS }),
        ],
        _ => Vec::new(),
    }
}

/// Confirms whatever claim the account has on the handle: it has one at a time.
fn confirm(handle: &str, account: crate::ids::AccountId) -> Command {
    Command::ConfirmHandle(ConfirmHandle { handle: normalise(handle), account, claim: RelationId(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{FollowAccepted, FollowRequested};
    use crate::ids::AccountId;

    fn check(event: impl Into<Event>, expected: &[Command]) {
        assert_eq!(react(&event.into(), 0), expected);
    }

    #[test]
    fn a_wish_is_answered_and_an_admission_confirmed() {
        let (ana, bob, relation) = (AccountId(1), AccountId(2), RelationId(9));
        let wish = FollowRequested { account: ana, target: bob, relation, reblogs: true, notify: false, languages: vec![] };
        check(wish, &[Command::AnswerFollow(AnswerFollow { account: bob, follower: ana, relation })]);
        let admission = FollowAccepted { account: bob, follower: ana, relation };
        check(admission, &[Command::ConfirmFollow(OnFollow { account: ana, target: bob, relation })]);
    }
}
