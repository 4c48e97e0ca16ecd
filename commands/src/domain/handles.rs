//! Handles: unique by their normalised form, on a partition of their own. A logged saga ties them to accounts:
//!
//! ```text
//!            ClaimHandle           ConfirmHandle          HoldHandle            ReleaseHandle
//!   free ──────────────> claimed ───────────────> confirmed ──────> held ──────────────────────> free
//!     ^                     │                                        │
//!     └──── LapseHandle ────┘  (only after it expired)               └── ClaimHandle by the same account: claimed
//! ```
//!
//! Nothing lapses or is released by a reader's clock: until the log says so, a handle is taken.

use schemas::UnixMillis;
use schemas::commands::{ClaimHandle, ConfirmHandle, HANDLE_HOLD_MS, HoldHandle, LapseHandle, Rejection, ReleaseHandle};
use schemas::events::{Event, HandleClaimed, HandleConfirmed, HandleHeld, HandleLapsed, HandleReleased};
use schemas::handles::{check, is_mail_claim, normalise};

use super::limits::{CLAIM_LIFE_MS, invalid};
use super::{Ctx, Decided, one, unchanged};
use crate::state::{ClaimPhase, HandleState, State, StateKey, StateValue};

pub(super) fn claim(c: ClaimHandle, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    if !is_mail_claim(&c.handle) {
        check(&c.handle).map_err(|problem| invalid("username", &problem.to_string()))?;
    }
    if normalise(&c.handle) != c.handle {
        return Err(invalid("username", "is not in its normalised form"));
    }
    if let Some(standing) = state.handle(&c.handle) {
        if standing.account != c.account {
            return Err(Rejection::HandleTaken);
        }
        // The account comes back to a handle before its hold arrived here: it stays confirmed, and the late hold is out of date.
        if standing.phase == ClaimPhase::Confirmed {
            let claim = ctx.relation();
            return one(claim.0, HandleConfirmed { handle: c.handle, account: c.account, claim });
        }
    }
    // A claim serves once, so whoever asks again gets one of its own.
    let claim = ctx.relation();
    let expires_ms = c.expires_ms.max(ctx.now_ms + CLAIM_LIFE_MS);
    one(claim.0, HandleClaimed { handle: c.handle, account: c.account, claim, expires_ms })
}

pub(super) fn confirm(c: ConfirmHandle, state: &State) -> Decided {
    let standing = state.handle(&c.handle).ok_or(Rejection::NotFound)?;
    if standing.account != c.account {
        return Err(Rejection::HandleTaken);
    }
    if c.claim.0 != 0 && c.claim != standing.claim {
        return Err(Rejection::NotFound);
    }
    match standing.phase {
        ClaimPhase::Claimed { .. } => {
            one(standing.claim.0, HandleConfirmed { handle: c.handle, account: c.account, claim: standing.claim })
        }
        // A confirmation that comes after the account went on to another handle changes nothing.
        ClaimPhase::Confirmed | ClaimPhase::Held { .. } => unchanged(standing.claim.0),
    }
}

pub(super) fn lapse(c: LapseHandle, state: &State, ctx: &Ctx<'_>) -> Decided {
    let Some(standing) = state.handle(&c.handle).filter(|standing| standing.claim == c.claim) else { return unchanged(0) };
    match standing.phase {
        ClaimPhase::Claimed { expires_ms } if ctx.now_ms < expires_ms => Err(Rejection::NotAllowed),
        ClaimPhase::Claimed { .. } => one(c.claim.0, HandleLapsed { handle: c.handle, account: standing.account, claim: c.claim }),
        ClaimPhase::Confirmed | ClaimPhase::Held { .. } => unchanged(c.claim.0),
    }
}

pub(super) fn hold(c: HoldHandle, state: &State) -> Decided {
    let Some(standing) = state.handle(&c.handle).filter(|standing| standing.account == c.account) else { return unchanged(0) };
    let given_up_ms = c.until_ms.saturating_sub(HANDLE_HOLD_MS);
    if matches!(standing.phase, ClaimPhase::Held { .. }) || given_up_ms < standing.spoken_ms {
        return unchanged(standing.claim.0);
    }
    let (claim, until_ms) = (standing.claim, c.until_ms);
    one(claim.0, HandleHeld { handle: c.handle, account: c.account, claim, until_ms })
}

pub(super) fn release(c: ReleaseHandle, state: &State, ctx: &Ctx<'_>) -> Decided {
    let Some(standing) = state.handle(&c.handle).filter(|standing| standing.claim == c.claim) else { return unchanged(0) };
    match standing.phase {
        ClaimPhase::Held { until_ms } if ctx.now_ms < until_ms => Err(Rejection::NotAllowed),
        ClaimPhase::Held { .. } => one(c.claim.0, HandleReleased { handle: c.handle, account: standing.account, claim: c.claim }),
        ClaimPhase::Claimed { .. } | ClaimPhase::Confirmed => unchanged(c.claim.0),
    }
}

pub(super) fn evolve(state: &mut State, event: &Event, time_ms: UnixMillis) {
    let (handle, next) = match event {
        Event::HandleClaimed(e) => {
            let phase = ClaimPhase::Claimed { expires_ms: e.expires_ms };
            // Who comes back to a held handle speaks for it after giving it up, also within one millisecond, and never less than before.
            let before_ms = state.handle(&e.handle).filter(|standing| standing.account == e.account).map(|standing| match standing.phase {
                ClaimPhase::Held { until_ms } => until_ms.saturating_sub(HANDLE_HOLD_MS) + 1,
                ClaimPhase::Claimed { .. } | ClaimPhase::Confirmed => standing.spoken_ms,
            });
            let spoken_ms = before_ms.map_or(time_ms, |before_ms| time_ms.max(before_ms));
            (&e.handle, Some(HandleState { account: e.account, claim: e.claim, phase, spoken_ms }))
        }
        Event::HandleConfirmed(e) => {
            // Confirming the standing claim is not speaking anew.
            let same = state.handle(&e.handle).filter(|standing| standing.claim == e.claim);
            let spoken_ms = same.map_or(time_ms, |standing| standing.spoken_ms);
            (&e.handle, Some(HandleState { account: e.account, claim: e.claim, phase: ClaimPhase::Confirmed, spoken_ms }))
        }
        Event::HandleHeld(e) => {
            let phase = ClaimPhase::Held { until_ms: e.until_ms };
            (&e.handle, Some(HandleState { account: e.account, claim: e.claim, phase, spoken_ms: time_ms }))
        }
        Event::HandleLapsed(e) => (&e.handle, None),
        Event::HandleReleased(e) => (&e.handle, None),
        _ => return,
    };
    state.put(StateKey::Handle(handle.as_str().into()), next.map(StateValue::Handle));
}

#[cfg(test)]
mod specs {
    use schemas::{AccountId, RelationId};

    use super::*;
    use crate::domain::spec::*;

    const EXPIRES: UnixMillis = NOW + CLAIM_LIFE_MS;
    const UNTIL: UnixMillis = NOW + HANDLE_HOLD_MS;

    fn claimed(account: AccountId, claim: u64) -> Event {
        HandleClaimed { handle: "ana".into(), account, claim: id(claim).into(), expires_ms: EXPIRES }.into()
    }

    fn confirmed(claim: u64) -> Event {
        HandleConfirmed { handle: "ana".into(), account: ANA, claim: id(claim).into() }.into()
    }

    fn held(claim: u64) -> Event {
        HandleHeld { handle: "ana".into(), account: ANA, claim: id(claim).into(), until_ms: UNTIL }.into()
    }

    fn claim_for(account: AccountId) -> ClaimHandle {
        ClaimHandle { handle: "ana".into(), account, expires_ms: 0 }
    }

    fn confirm_for(account: AccountId, claim: RelationId) -> ConfirmHandle {
        ConfirmHandle { handle: "ana".into(), account, claim }
    }

    fn hold(until_ms: UnixMillis) -> HoldHandle {
        HoldHandle { handle: "ana".into(), account: ANA, until_ms }
    }

    #[test]
    fn claiming() {
        given([]).when(claim_for(ANA)).then([claimed(ANA, 0)]).answers(id(0).0);
        given([claimed(ANA, 0)]).when(claim_for(BOB)).then_rejected(Rejection::HandleTaken);
        given([claimed(ANA, 0), confirmed(0)]).when(claim_for(BOB)).then_rejected(Rejection::HandleTaken);
        given([]).when(ClaimHandle { handle: "Ana".into(), ..claim_for(ANA) }).then_invalid("username", "is not in its normalised form");
        given([]).when(ClaimHandle { handle: "admin".into(), ..claim_for(ANA) }).then_invalid("username", "is reserved");
    }

    #[test]
    fn an_expired_claim_is_taken_until_it_lapses() {
        given([claimed(ANA, 0)]).at(EXPIRES + 1).when(claim_for(BOB)).then_rejected(Rejection::HandleTaken);
        let lapse = || LapseHandle { handle: "ana".into(), claim: id(0).into() };
        let lapsed = HandleLapsed { handle: "ana".into(), account: ANA, claim: id(0).into() };
        given([claimed(ANA, 0)]).when(lapse()).then_rejected(Rejection::NotAllowed);
        given([claimed(ANA, 0)]).at(EXPIRES).when(lapse()).then([lapsed.clone().into()]).again_changes_nothing();
        given([claimed(ANA, 0), confirmed(0)]).at(EXPIRES).when(lapse()).then([]);
        given([claimed(ANA, 0), lapsed.into()]).when(claim_for(BOB)).then([claimed(BOB, 0)]);
    }

    #[test]
    fn a_claim_is_renewed_by_its_account() {
        let later = NOW + 9;
        let renewed = HandleClaimed { handle: "ana".into(), account: ANA, claim: id_at(later), expires_ms: later + CLAIM_LIFE_MS };
        given([claimed(ANA, 0)]).at(later).when(claim_for(ANA)).then([renewed.into()]);
    }

    #[test]
    fn confirming() {
        for claim in [RelationId(0), id(0).into()] {
            given([claimed(ANA, 0)]).when(confirm_for(ANA, claim)).then([confirmed(0)]).again_changes_nothing();
        }
        given([]).when(confirm_for(ANA, RelationId(0))).then_rejected(Rejection::NotFound);
        given([claimed(BOB, 0)]).when(confirm_for(ANA, RelationId(0))).then_rejected(Rejection::HandleTaken);
        given([claimed(ANA, 0)]).when(confirm_for(ANA, RelationId(9))).then_rejected(Rejection::NotFound);
    }

    #[test]
    fn giving_up_and_coming_back() {
        given([claimed(ANA, 0), confirmed(0)]).when(hold(UNTIL)).then([held(0)]).again_changes_nothing();
        given([claimed(ANA, 0), confirmed(0), held(0)]).when(claim_for(BOB)).then_rejected(Rejection::HandleTaken);
        given([claimed(ANA, 0), confirmed(0), held(0)]).when(claim_for(ANA)).then([claimed(ANA, 0)]);
        given([claimed(ANA, 0), confirmed(0), held(0)]).when(confirm_for(ANA, RelationId(0))).then([]);
    }

    #[test]
    fn a_hold_that_comes_after_the_account_came_back_is_out_of_date() {
        given([claimed(ANA, 0), confirmed(0)]).when(claim_for(ANA)).then([confirmed(0)]).answers(id(0).0);
        let back = given([claimed(ANA, 0), confirmed(0)]);
        back.at(NOW + 9).when(claim_for(ANA)).then([HandleConfirmed { handle: "ana".into(), account: ANA, claim: id_at(NOW + 9) }.into()]);
        given([claimed(ANA, 0)]).when(hold(UNTIL - 1)).then([]);
    }

    #[test]
    fn releasing() {
        let release = || ReleaseHandle { handle: "ana".into(), claim: id(0).into() };
        let released = HandleReleased { handle: "ana".into(), account: ANA, claim: id(0).into() };
        let given_up = [claimed(ANA, 0), confirmed(0), held(0)];
        given(given_up.clone()).when(release()).then_rejected(Rejection::NotAllowed);
        given(given_up.clone()).at(UNTIL).when(release()).then([released.clone().into()]).again_changes_nothing();
        given([claimed(ANA, 0), confirmed(0)]).at(UNTIL).when(release()).then([]);
        given(given_up.into_iter().chain([released.into()])).when(claim_for(BOB)).then([claimed(BOB, 0)]);
    }
}
