//! The accounts view: profiles, handles with their claims, the directory and the instance's totals.

use schemas::events::{Event, HandleClaimed, HandleHeld};
use schemas::handles::normalise;
use schemas::ids::RelationId;
use schemas::rows::{AccountRow, HandleRow, HandleState, InstanceStatsRow, OpenClaimRow, RowKey, View, keys};

use super::{Context, Projection};
use crate::rows::Rows;

/// The accounts view.
pub(super) struct Accounts;

impl Projection for Accounts {
    fn view(&self) -> View {
        View::Accounts
    }

    fn reads(&self, event: &Event, context: &Context, reads: &mut Vec<RowKey>) {
        match event {
            Event::AccountRegistered(_) | Event::PostPublished(_) | Event::PostDeleted(_) => {
                reads.push(keys::instance_stats(context.partition));
            }
            Event::ProfileChanged(e) => reads.push(keys::account(e.account)),
            Event::HandleChanged(e) => reads.push(keys::account(e.account)),
            Event::HandleClaimed(e) => reads.push(keys::handle(&e.handle)),
            Event::HandleConfirmed(e) => reads.push(keys::handle(&e.handle)),
            Event::HandleLapsed(e) => reads.push(keys::handle(&e.handle)),
            Event::HandleHeld(e) => reads.push(keys::handle(&e.handle)),
            Event::HandleReleased(e) => reads.push(keys::handle(&e.handle)),
            _ => {}
        }
    }

    fn project(&self, event: &Event, context: &Context, rows: &mut Rows) {
        match event {
            Event::AccountRegistered(e) => {
                let row = AccountRow { handle: e.handle.clone(), profile: e.profile.clone(), created_ms: context.time_ms };
                rows.put(keys::account(e.account), &row);
                rows.put(keys::directory(context.partition, e.account), &());
                rows.count(keys::instance_stats(context.partition), |row: &mut InstanceStatsRow| row.accounts += 1);
            }
            Event::ProfileChanged(e) => change_account(rows, keys::account(e.account), |row| row.profile = e.profile.clone()),
            Event::HandleChanged(e) => change_account(rows, keys::account(e.account), |row| row.handle.clone_from(&e.to)),
            Event::HandleClaimed(e) => claim(rows, context, e),
            Event::HandleConfirmed(e) => {
                end_claim(rows, context, &e.handle);
                let row = HandleRow { account: e.account, claim: e.claim, state: HandleState::Confirmed, due_ms: 0 };
                rows.put(keys::handle(&e.handle), &row);
            }
            Event::HandleHeld(e) => hold(rows, context, e),
            Event::HandleLapsed(e) => free(rows, context, &e.handle, e.claim),
            Event::HandleReleased(e) => free(rows, context, &e.handle, e.claim),
            Event::PostPublished(_) => {
                rows.count(keys::instance_stats(context.partition), |row: &mut InstanceStatsRow| row.statuses += 1);
            }
            Event::PostDeleted(_) => {
                let less = |row: &mut InstanceStatsRow| row.statuses = row.statuses.saturating_sub(1);
                rows.count(keys::instance_stats(context.partition), less);
            }
            _ => {}
        }
    }
}

fn change_account(rows: &mut Rows, key: RowKey, change: impl FnOnce(&mut AccountRow)) {
    if let Some(mut row) = rows.get::<AccountRow>(&key) {
        change(&mut row);
        rows.put(key, &row);
    }
}

fn claim(rows: &mut Rows, context: &Context, e: &HandleClaimed) {
    end_claim(rows, context, &e.handle);
    let row = HandleRow { account: e.account, claim: e.claim, state: HandleState::Claimed, due_ms: e.expires_ms };
    rows.put(keys::handle(&e.handle), &row);
    let open = OpenClaimRow { account: e.account, claim: e.claim, held: false };
    rows.put(keys::open_claim(context.partition, e.expires_ms, &normalise(&e.handle)), &open);
}

fn hold(rows: &mut Rows, context: &Context, e: &HandleHeld) {
    end_claim(rows, context, &e.handle);
    let row = HandleRow { account: e.account, claim: e.claim, state: HandleState::Held, due_ms: e.until_ms };
    rows.put(keys::handle(&e.handle), &row);
    let open = OpenClaimRow { account: e.account, claim: e.claim, held: true };
    rows.put(keys::open_claim(context.partition, e.until_ms, &normalise(&e.handle)), &open);
}

/// Takes the handle's present claim out of those that are due some time.
fn end_claim(rows: &mut Rows, context: &Context, handle: &str) {
    if let Some(row) = rows.get::<HandleRow>(&keys::handle(handle))
        && row.state != HandleState::Confirmed
    {
        rows.delete(keys::open_claim(context.partition, row.due_ms, &normalise(handle)));
    }
}

/// Frees the handle if the claim is still the standing one.
fn free(rows: &mut Rows, context: &Context, handle: &str, claim: RelationId) {
    if rows.get::<HandleRow>(&keys::handle(handle)).is_some_and(|row| row.claim == claim) {
        end_claim(rows, context, handle);
        rows.delete(keys::handle(handle));
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::*;
    use super::*;
    use schemas::events::{AccountRegistered, HandleChanged, HandleConfirmed, HandleLapsed, HandleReleased, Profile, ProfileChanged};

    fn registered() -> Event {
        AccountRegistered { account: ANA, handle: "Ana".into(), profile: Profile::default(), invited_by: NOBODY }.into()
    }

    fn claimed(claim: u64) -> Event {
        HandleClaimed { handle: "ana".into(), account: ANA, claim: RelationId(claim), expires_ms: 900 }.into()
    }

    fn account(handle: &str, profile: Profile) -> AccountRow {
        AccountRow { handle: handle.into(), profile, created_ms: T0 }
    }

    fn handle(claim: u64, state: HandleState, due_ms: u64) -> Expected {
        row(keys::handle("ana"), HandleRow { account: ANA, claim: RelationId(claim), state, due_ms })
    }

    #[test]
    fn an_account_appears_and_changes() {
        let profile = Profile { display_name: "Ana".into(), ..Profile::default() };
        let listed = row(keys::directory(P, ANA), ());
        let totals = |last| row(keys::instance_stats(P), InstanceStatsRow { accounts: 1, statuses: 0, last });
        let changes = [
            registered(),
            ProfileChanged { account: ANA, profile: profile.clone() }.into(),
            HandleChanged { account: ANA, from: "Ana".into(), to: "anita".into() }.into(),
        ];
        check(&Accounts, &changes[..1], &[row(keys::account(ANA), account("Ana", Profile::default())), listed.clone(), totals(1)]);
        check(&Accounts, &changes, &[row(keys::account(ANA), account("anita", profile)), listed, totals(1)]);
    }

    #[test]
    fn a_claim_is_open_until_it_is_confirmed_or_lapses() {
        let open = OpenClaimRow { account: ANA, claim: RelationId(1), held: false };
        check(&Accounts, &[claimed(1)], &[handle(1, HandleState::Claimed, 900), row(keys::open_claim(P, 900, "ana"), open)]);
        let confirmed = HandleConfirmed { handle: "ana".into(), account: ANA, claim: RelationId(1) };
        check(&Accounts, &[claimed(1), confirmed.into()], &[handle(1, HandleState::Confirmed, 0)]);
        let lapsed = HandleLapsed { handle: "ana".into(), account: ANA, claim: RelationId(1) };
        check(&Accounts, &[claimed(1), lapsed.into()], &[]);
    }

    #[test]
    fn a_handle_is_held_and_released_by_its_own_claim_only() {
        let held = HandleHeld { handle: "ana".into(), account: ANA, claim: RelationId(1), until_ms: 5_000 };
        let released = |claim| HandleReleased { handle: "ana".into(), account: ANA, claim: RelationId(claim) };
        let open = OpenClaimRow { account: ANA, claim: RelationId(1), held: true };
        let stands = [handle(1, HandleState::Held, 5_000), row(keys::open_claim(P, 5_000, "ana"), open)];
        check(&Accounts, &[claimed(1), held.clone().into(), released(7).into()], &stands);
        check(&Accounts, &[claimed(1), held.into(), released(1).into()], &[]);
    }
}
