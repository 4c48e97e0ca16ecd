//! Follows: a handshake of two partitions, tied by a relation id.
//!
//! The follower's partition holds the wish, the target's the admission; a follow is the conjunction of both. Answers travel as follow-ups
//! that may be late, repeated or out of order, so each side acts only on what names the relation that stands there: the follower's side
//! ignores answers to another relation, the target's side wishes that are not newer than the one it knows, over or not.

use std::cmp::Ordering;

use schemas::AccountId;
use schemas::commands::{AnswerFollow, Follow, FollowerOf, OnAccount, OnFollow, Rejection};
use schemas::events::{
    Event, FollowAccepted, FollowConfirmed, FollowEnded, FollowOptionsChanged, FollowPending, FollowRejected, FollowRequested,
    FollowerRemoved, Unfollowed,
};

use super::limits::{FOLLOW_LANGUAGES_MAX, LANGUAGE_CHARS_MAX, check_chars, check_count};
use super::{Ctx, Decided, Decision, actor, one, unchanged};
use crate::state::{Admission, FollowState, FollowerState, State, StateKey, StateValue};

pub(super) fn follow(c: Follow, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let account = actor(state, c.account)?;
    if c.account == c.target {
        return Err(Rejection::OnOneself);
    }
    if state.block(c.account, c.target).is_some() {
        return Err(Rejection::NotAllowed);
    }
    let named = c.languages.as_deref().unwrap_or_default();
    check_count("languages", named.len(), FOLLOW_LANGUAGES_MAX)?;
    named.iter().try_for_each(|language| check_chars("languages", language, LANGUAGE_CHARS_MAX))?;

    let standing = state.follow(c.account, c.target);
    let reblogs = c.reblogs.or(standing.map(|follow| follow.reblogs)).unwrap_or(true);
    let notify = c.notify.or(standing.map(|follow| follow.notify)).unwrap_or(false);
    let languages = c.languages.or_else(|| standing.map(|follow| follow.languages.clone())).unwrap_or_default();
    let (account, target, following) = (c.account, c.target, account.following);
    match standing {
        Some(follow) if !c.renew => {
            let relation = follow.relation;
            if (follow.reblogs, follow.notify, &follow.languages) == (reblogs, notify, &languages) {
                return unchanged(relation.0);
            }
            one(relation.0, FollowOptionsChanged { account, target, relation, reblogs, notify, languages })
        }
        None if following >= ctx.limits.follows_max => Err(Rejection::FollowCap { limit: ctx.limits.follows_max }),
        _ => {
            let relation = ctx.relation();
            one(relation.0, FollowRequested { account, target, relation, reblogs, notify, languages })
        }
    }
}

pub(super) fn unfollow(c: OnAccount, state: &State) -> Decided {
    actor(state, c.account)?;
    match own_end(state, c.account, c.target) {
        Some(event) => one(event.relation.0, event),
        None => unchanged(0),
    }
}

/// The end of an account's own follow, if there is one.
pub(super) fn own_end(state: &State, account: AccountId, target: AccountId) -> Option<Unfollowed> {
    state.follow(account, target).map(|follow| Unfollowed { account, target, relation: follow.relation })
}

/// The removal of a follower or request, if there is one.
pub(super) fn removal(state: &State, account: AccountId, follower: AccountId) -> Option<FollowerRemoved> {
    let known = state.follower(account, follower).filter(|known| known.admission != Admission::Over);
    known.map(|known| FollowerRemoved { account, follower, relation: known.relation })
}

pub(super) fn answer(c: AnswerFollow, state: &State) -> Decided {
    let AnswerFollow { account, follower, relation } = c;
    let mut events = Vec::with_capacity(1);
    if let Some(known) = state.follower(account, follower) {
        match relation.cmp(&known.relation) {
            Ordering::Less | Ordering::Equal => return unchanged(known.relation.0),
            // The end of the former follow has not arrived yet.
            Ordering::Greater => events.extend(removal(state, account, follower).map(Event::from)),
        }
    }
    let target = state.account(account);
    events.push(if target.is_none() || state.block(account, follower).is_some() {
        FollowRejected { account, follower, relation }.into()
    } else if target.is_some_and(|target| target.profile.locked) {
        FollowPending { account, follower, relation }.into()
    } else {
        FollowAccepted { account, follower, relation }.into()
    });
    Ok(Decision { events, id: relation.0 })
}

pub(super) fn confirm(c: OnFollow, state: &State) -> Decided {
    let OnFollow { account, target, relation } = c;
    match state.follow(account, target) {
        Some(follow) if follow.relation == relation && !follow.confirmed => one(relation.0, FollowConfirmed { account, target, relation }),
        _ => unchanged(relation.0),
    }
}

pub(super) fn end(c: OnFollow, state: &State) -> Decided {
    let OnFollow { account, target, relation } = c;
    match state.follow(account, target) {
        Some(follow) if follow.relation == relation => one(relation.0, FollowEnded { account, target, relation }),
        _ => unchanged(relation.0),
    }
}

pub(super) fn drop_follower(c: AnswerFollow, state: &State) -> Decided {
    match removal(state, c.account, c.follower).filter(|removed| removed.relation == c.relation) {
        Some(removed) => one(c.relation.0, removed),
        None => unchanged(c.relation.0),
    }
}

pub(super) fn authorize(c: FollowerOf, state: &State) -> Decided {
    let relation = pending(c, state)?.relation;
    one(relation.0, FollowAccepted { account: c.account, follower: c.follower, relation })
}

pub(super) fn reject(c: FollowerOf, state: &State) -> Decided {
    let relation = pending(c, state)?.relation;
    one(relation.0, FollowRejected { account: c.account, follower: c.follower, relation })
}

fn pending(c: FollowerOf, state: &State) -> Result<FollowerState, Rejection> {
    actor(state, c.account)?;
    let known = state.follower(c.account, c.follower).filter(|known| known.admission == Admission::Pending);
    known.copied().ok_or(Rejection::NotFound)
}

pub(super) fn remove(c: FollowerOf, state: &State) -> Decided {
    actor(state, c.account)?;
    match removal(state, c.account, c.follower) {
        Some(removed) => one(removed.relation.0, removed),
        None => unchanged(0),
    }
}

pub(super) fn evolve(state: &mut State, event: &Event) {
    match event {
        Event::FollowRequested(e) => {
            if state.follow(e.account, e.target).is_none()
                && let Some(account) = state.account_mut(e.account)
            {
                account.following += 1;
            }
            let follow = FollowState {
                relation: e.relation,
                confirmed: false,
                reblogs: e.reblogs,
                notify: e.notify,
                languages: e.languages.clone(),
            };
            state.put(StateKey::Follow(e.account, e.target), Some(StateValue::Follow(follow)));
        }
        Event::FollowOptionsChanged(e) => {
            if let Some(follow) = state.follow_mut(e.account, e.target) {
                (follow.reblogs, follow.notify, follow.languages) = (e.reblogs, e.notify, e.languages.clone());
            }
        }
        Event::FollowConfirmed(e) => {
            if let Some(follow) = state.follow_mut(e.account, e.target) {
                follow.confirmed = true;
            }
        }
        Event::FollowEnded(e) => over(state, e.account, e.target),
        Event::Unfollowed(e) => over(state, e.account, e.target),
        Event::FollowPending(e) => {
            admit(state, (e.account, e.follower), FollowerState { relation: e.relation, admission: Admission::Pending })
        }
        Event::FollowAccepted(e) => {
            admit(state, (e.account, e.follower), FollowerState { relation: e.relation, admission: Admission::Accepted });
        }
        Event::FollowRejected(e) => {
            admit(state, (e.account, e.follower), FollowerState { relation: e.relation, admission: Admission::Over })
        }
        Event::FollowerRemoved(e) => {
            admit(state, (e.account, e.follower), FollowerState { relation: e.relation, admission: Admission::Over })
        }
        _ => {}
    }
}

fn over(state: &mut State, account: AccountId, target: AccountId) {
    if state.follow(account, target).is_none() {
        return;
    }
    state.put(StateKey::Follow(account, target), None);
    if let Some(account) = state.account_mut(account) {
        account.following = account.following.saturating_sub(1);
    }
}

fn admit(state: &mut State, (account, follower): (AccountId, AccountId), known: FollowerState) {
    state.put(StateKey::Follower(account, follower), Some(StateValue::Follower(known)));
}

#[cfg(test)]
mod specs;
