//! Cross-account rules: which follow-ups an event causes on other partitions.
//!
//! A pure function of the event, applied twice: by the write side right after the acknowledgement, so that the caller sees the whole
//! effect, and by the reactor behind the log, so that a crash in between loses nothing. Both give a follow-up the same command id, hence
//! it takes effect once. What needs a view to be decided (the reblogs of a deleted post, claims that lapse) is the reactor's alone.

use super::accounts::{ConfirmHandle, HoldHandle};
use super::relations::{AnswerFollow, OnFollow};
use super::{Command, Envelope};
use crate::events::Event;
use crate::handles::normalise;
use crate::ids::{AccountId, RelationId, UnixMillis};
use crate::log::{CommandId, TraceContext};

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
        // Another spelling of the same handle: nothing to claim, nothing to give up.
        Event::HandleChanged(e) if normalise(&e.from) == normalise(&e.to) => Vec::new(),
        Event::HandleChanged(e) => vec![
            confirm(&e.to, e.account),
            Command::HoldHandle(HoldHandle { handle: normalise(&e.from), account: e.account, until_ms: time_ms + HANDLE_HOLD_MS }),
        ],
        _ => Vec::new(),
    }
}

/// The follow-ups of a whole record, as they are to be sent: by the write side after the acknowledgement and by the reactor behind the
/// log. Ids count the follow-ups over all events of the record, so both give the same ones.
pub fn follow_ups(cause: CommandId, actor: AccountId, trace: TraceContext, time_ms: UnixMillis, events: &[Event]) -> Vec<Envelope> {
    let commands = events.iter().flat_map(|event| react(event, time_ms));
    let envelope = |(step, command)| Envelope { id: cause.follow_up(step), maybe_repeated: true, actor, causation: cause, trace, command };
    (0..).zip(commands).map(envelope).collect()
}

/// Confirms whatever claim the account has on the handle: it has one at a time.
fn confirm(handle: &str, account: AccountId) -> Command {
    Command::ConfirmHandle(ConfirmHandle { handle: normalise(handle), account, claim: RelationId(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{FollowAccepted, FollowRequested, HandleChanged};

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

    #[test]
    fn another_spelling_of_a_handle_confirms_and_holds_nothing() {
        let changed = |to: &str| HandleChanged { account: AccountId(1), from: "ana".into(), to: to.into() };
        check(changed("Ana"), &[]);
        assert_eq!(react(&changed("eva").into(), 0).len(), 2);
    }

    #[test]
    fn follow_ups_of_a_record_count_over_all_its_events() {
        let cause = CommandId(7);
        let renamed = Event::from(HandleChanged { account: AccountId(1), from: "ana".into(), to: "eva".into() });
        let ids: Vec<_> =
            follow_ups(cause, AccountId(1), TraceContext::default(), 0, &[renamed.clone(), renamed]).iter().map(|e| e.id).collect();
        assert_eq!(ids, [0, 1, 2, 3].map(|step| cause.follow_up(step)));
    }
}
