//! Blocks, mutes and private notes. A block ends follows both ways, in the same record.

use schemas::commands::{Mute, OnAccount, Rejection, SetNote};
use schemas::events::{Blocked, Event, Muted, NoteSet, Unblocked, Unmuted};

use super::limits::{PRIVATE_NOTE_CHARS_MAX, check_chars};
use super::{Ctx, Decided, Decision, actor, follows, one, unchanged};
use crate::state::{MuteState, State, StateKey, StateValue};

pub(super) fn block(c: OnAccount, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let OnAccount { account, target } = c;
    actor(state, account)?;
    if account == target {
        return Err(Rejection::OnOneself);
    }
    if let Some(standing) = state.block(account, target) {
        return unchanged(standing.0);
    }
    let relation = ctx.relation();
    let mut events = vec![Blocked { account, target, relation }.into()];
    events.extend(follows::removal(state, account, target).map(Event::from));
    events.extend(follows::own_end(state, account, target).map(Event::from));
    Ok(Decision { events, id: relation.0 })
}

pub(super) fn unblock(c: OnAccount, state: &State) -> Decided {
    let OnAccount { account, target } = c;
    actor(state, account)?;
    match state.block(account, target) {
        Some(relation) => one(relation.0, Unblocked { account, target, relation }),
        None => unchanged(0),
    }
}

pub(super) fn mute(c: Mute, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let Mute { account, target, notifications, expires_ms } = c;
    actor(state, account)?;
    if account == target {
        return Err(Rejection::OnOneself);
    }
    let standing = state.mute(account, target);
    if let Some(mute) = standing.filter(|mute| (mute.notifications, mute.expires_ms) == (notifications, expires_ms)) {
        return unchanged(mute.relation.0);
    }
    // A changed mute keeps its place in the list.
    let relation = standing.map_or_else(|| ctx.relation(), |mute| mute.relation);
    one(relation.0, Muted { account, target, relation, notifications, expires_ms })
}

pub(super) fn unmute(c: OnAccount, state: &State) -> Decided {
    let OnAccount { account, target } = c;
    actor(state, account)?;
    match state.mute(account, target) {
        Some(mute) => one(mute.relation.0, Unmuted { account, target, relation: mute.relation }),
        None => unchanged(0),
    }
}

pub(super) fn set_note(c: SetNote, state: &State) -> Decided {
    let SetNote { account, target, text } = c;
    actor(state, account)?;
    if state.note(account, target) == text {
        return unchanged(0);
    }
    check_chars("comment", &text, PRIVATE_NOTE_CHARS_MAX)?;
    one(0, NoteSet { account, target, text })
}

pub(super) fn evolve(state: &mut State, event: &Event) {
    match event {
        Event::Blocked(e) => state.put(StateKey::Block(e.account, e.target), Some(StateValue::Block(e.relation))),
        Event::Unblocked(e) => state.put(StateKey::Block(e.account, e.target), None),
        Event::Muted(e) => {
            let mute = MuteState { relation: e.relation, notifications: e.notifications, expires_ms: e.expires_ms };
            state.put(StateKey::Mute(e.account, e.target), Some(StateValue::Mute(mute)));
        }
        Event::Unmuted(e) => state.put(StateKey::Mute(e.account, e.target), None),
        Event::NoteSet(e) => {
            let note = (!e.text.is_empty()).then(|| StateValue::Note(e.text.as_str().into()));
            state.put(StateKey::Note(e.account, e.target), note);
        }
        _ => {}
    }
}

#[cfg(test)]
mod specs {
    use schemas::RelationId;
    use schemas::commands::Command;
    use schemas::events::{FollowAccepted, FollowPending, FollowRequested, FollowerRemoved, Unfollowed};

    use super::*;
    use crate::domain::spec::*;

    const R: RelationId = RelationId(9);
    const ON_BOB: OnAccount = OnAccount { account: ANA, target: BOB };

    fn blocked(relation: RelationId) -> Event {
        Blocked { account: ANA, target: BOB, relation }.into()
    }

    fn muted(relation: RelationId, expires_ms: u64) -> Event {
        Muted { account: ANA, target: BOB, relation, notifications: true, expires_ms }.into()
    }

    #[test]
    fn blocking() {
        let block = || Command::Block(ON_BOB);
        given([registered(ANA)]).when(block()).then([blocked(id(0).into())]).answers(id(0).0).again_changes_nothing();
        given([registered(ANA)]).when(Command::Block(OnAccount { account: ANA, target: ANA })).then_rejected(Rejection::OnOneself);
        given([]).when(block()).then_rejected(Rejection::NotFound);
        let unblocked = Unblocked { account: ANA, target: BOB, relation: R };
        given([registered(ANA), blocked(R)]).when(Command::Unblock(ON_BOB)).then([unblocked.into()]).again_changes_nothing();
    }

    #[test]
    fn a_block_ends_follows_both_ways_in_one_record() {
        let wish = FollowRequested { account: ANA, target: BOB, relation: R, reblogs: true, notify: false, languages: vec![] };
        let gone = FollowerRemoved { account: ANA, follower: BOB, relation: R };
        let left = Unfollowed { account: ANA, target: BOB, relation: R };
        let accepted = Event::from(FollowAccepted { account: ANA, follower: BOB, relation: R });
        let pending = Event::from(FollowPending { account: ANA, follower: BOB, relation: R });
        for admission in [accepted, pending] {
            given([registered(ANA), wish.clone().into(), admission]).when(Command::Block(ON_BOB)).then([
                blocked(id(0).into()),
                gone.clone().into(),
                left.clone().into(),
            ]);
        }
        given([registered(ANA), gone.clone().into(), wish.into()]).when(Command::Block(ON_BOB)).then([blocked(id(0).into()), left.into()]);
    }

    #[test]
    fn muting() {
        let mute = |expires_ms| Mute { account: ANA, target: BOB, notifications: true, expires_ms };
        given([registered(ANA)]).when(mute(0)).then([muted(id(0).into(), 0)]).answers(id(0).0).again_changes_nothing();
        given([registered(ANA), muted(R, 0)]).when(mute(5)).then([muted(R, 5)]).answers(R.0);
        given([registered(ANA)]).when(Mute { target: ANA, ..mute(0) }).then_rejected(Rejection::OnOneself);
        let unmuted = Unmuted { account: ANA, target: BOB, relation: R };
        given([registered(ANA), muted(R, 0)]).when(Command::Unmute(ON_BOB)).then([unmuted.into()]).again_changes_nothing();
    }

    #[test]
    fn noting() {
        let note = |text: &str| SetNote { account: ANA, target: BOB, text: text.into() };
        let set = |text: &str| Event::from(NoteSet { account: ANA, target: BOB, text: text.into() });
        given([registered(ANA)]).when(note("kind")).then([set("kind")]).again_changes_nothing();
        given([registered(ANA), set("kind")]).when(note("")).then([set("")]).again_changes_nothing();
        given([registered(ANA)]).when(note("")).then([]);
        given([registered(ANA)]).when(note(&"x".repeat(2_001))).then_invalid("comment", "is too long (maximum is 2000 characters)");
    }
}
