//! Specs of the relations view.

use schemas::events::{
    FollowAccepted, FollowConfirmed, FollowEnded, FollowPending, FollowRejected, FollowerRemoved, Unblocked, Unfollowed, Unmuted,
};
use schemas::rows::AccountStatsRow;

use super::super::spec::*;
use super::*;

fn relation(id: u64) -> RelationId {
    RelationId(id)
}

fn requested(id: u64) -> Event {
    FollowRequested { account: ANA, target: BOB, relation: relation(id), reblogs: true, notify: false, languages: vec![] }.into()
}

fn confirmed(id: u64) -> Event {
    FollowConfirmed { account: ANA, target: BOB, relation: relation(id) }.into()
}

fn unfollowed(id: u64) -> Event {
    Unfollowed { account: ANA, target: BOB, relation: relation(id) }.into()
}

fn pending(id: u64) -> Event {
    FollowPending { account: BOB, follower: ANA, relation: relation(id) }.into()
}

fn accepted(id: u64) -> Event {
    FollowAccepted { account: BOB, follower: ANA, relation: relation(id) }.into()
}

fn followee(id: u64, confirmed: bool) -> Expected {
    let row_of = FolloweeRow { relation: relation(id), confirmed, reblogs: true, notify: false, languages: vec![] };
    row(keys::followee(ANA, BOB), row_of)
}

fn follower(id: u64, accepted: bool) -> Expected {
    row(keys::follower(BOB, ANA), FollowerRow { relation: relation(id), accepted })
}

fn listed(list: Table, account: AccountId, id: u64, peer: AccountId) -> Expected {
    row(keys::listed(list, account, relation(id)), PeerRow { account: peer })
}

fn stats(account: AccountId, stats: AccountStatsRow) -> Expected {
    row(keys::account_stats(account), stats)
}

#[test]
fn a_wish_is_listed_once_confirmed() {
    check(&Relations, &[requested(1)], &[followee(1, false)]);
    let counts = AccountStatsRow { following: 1, last: 2, ..AccountStatsRow::default() };
    let follows = [followee(1, true), listed(Table::FolloweeList, ANA, 1, BOB), stats(ANA, counts.clone())];
    check(&Relations, &[requested(1), confirmed(1)], &follows);
    check(&Relations, &[requested(1), confirmed(1), confirmed(1), unfollowed(9)], &follows);
    let none = AccountStatsRow { last: 3, ..AccountStatsRow::default() };
    check(&Relations, &[requested(1), confirmed(1), unfollowed(1)], &[stats(ANA, none)]);
}

#[test]
fn a_wish_made_anew_replaces_the_standing_one() {
    let none = AccountStatsRow { last: 3, ..AccountStatsRow::default() };
    check(&Relations, &[requested(1), confirmed(1), requested(2)], &[followee(2, false), stats(ANA, none)]);
    let ended = FollowEnded { account: ANA, target: BOB, relation: relation(1) };
    check(&Relations, &[requested(2), ended.into()], &[followee(2, false)]);
}

#[test]
fn a_request_waits_is_granted_or_turned_down() {
    let waits = AccountStatsRow { requests: 1, last: 1, ..AccountStatsRow::default() };
    check(&Relations, &[pending(1)], &[follower(1, false), listed(Table::RequestList, BOB, 1, ANA), stats(BOB, waits)]);
    let granted = AccountStatsRow { followers: 1, last: 2, ..AccountStatsRow::default() };
    let follows = [follower(1, true), listed(Table::FollowerList, BOB, 1, ANA), stats(BOB, granted)];
    check(&Relations, &[pending(1), accepted(1)], &follows);
    let rejected = FollowRejected { account: BOB, follower: ANA, relation: relation(1) };
    check(&Relations, &[pending(1), rejected.into()], &[stats(BOB, AccountStatsRow { last: 2, ..AccountStatsRow::default() })]);
}

#[test]
fn a_follower_is_removed_by_the_standing_relation_only() {
    let removed = |id| Event::from(FollowerRemoved { account: BOB, follower: ANA, relation: relation(id) });
    let counts = |last, followers| AccountStatsRow { followers, last, ..AccountStatsRow::default() };
    let follows = [follower(1, true), listed(Table::FollowerList, BOB, 1, ANA), stats(BOB, counts(1, 1))];
    check(&Relations, &[accepted(1), removed(7)], &follows);
    check(&Relations, &[accepted(1), removed(1)], &[stats(BOB, counts(2, 0))]);
}

#[test]
fn a_block_ends_follows_of_its_record_and_is_taken_back() {
    let blocked = Blocked { account: ANA, target: BOB, relation: relation(5) };
    let stands = [
        row(keys::block(ANA, BOB), RelationRow { relation: relation(5) }),
        row(keys::blocked_by(BOB, ANA), RelationRow { relation: relation(5) }),
        listed(Table::BlockList, ANA, 5, BOB),
    ];
    let counted = stats(ANA, AccountStatsRow { last: 3, ..AccountStatsRow::default() });
    let mut expected = stands.to_vec();
    expected.push(counted);
    check_records(&Relations, &[vec![requested(1)], vec![confirmed(1)], vec![blocked.clone().into(), unfollowed(1)]], &expected);
    let unblocked = |id| Event::from(Unblocked { account: ANA, target: BOB, relation: relation(id) });
    check(&Relations, &[blocked.clone().into(), unblocked(4)], &stands);
    check(&Relations, &[blocked.into(), unblocked(5)], &[]);
}

#[test]
fn a_mute_changes_in_place_and_ends() {
    let muted = |id, notifications| Event::from(Muted { account: ANA, target: BOB, relation: relation(id), notifications, expires_ms: 0 });
    let stands = |id, notifications| {
        let mute = MuteRow { relation: relation(id), notifications, expires_ms: 0 };
        [row(keys::mute(ANA, BOB), mute), listed(Table::MuteList, ANA, id, BOB)]
    };
    check(&Relations, &[muted(5, true), muted(5, false)], &stands(5, false));
    check(&Relations, &[muted(5, true), muted(6, true)], &stands(6, true));
    check(&Relations, &[muted(5, true), Unmuted { account: ANA, target: BOB, relation: relation(5) }.into()], &[]);
}

#[test]
fn an_empty_note_removes_the_note() {
    let note = |text: &str| Event::from(NoteSet { account: ANA, target: BOB, text: text.into() });
    check(&Relations, &[note("met at the fair")], &[row(keys::note(ANA, BOB), NoteRow { text: "met at the fair".into() })]);
    check(&Relations, &[note("met at the fair"), note("")], &[]);
}

#[test]
fn posts_and_reblogs_count_except_direct_ones() {
    let counts = |statuses, last| AccountStatsRow { statuses, last_status_ms: T0, last, ..AccountStatsRow::default() };
    check(&Relations, &[post(10), direct(11)], &[stats(ANA, counts(1, 1))]);
    check(&Relations, &[post(10), reblogged(12, BOB_POST), deleted(10)], &[stats(ANA, counts(1, 3))]);
    check(&Relations, &[reblogged(12, BOB_POST), unreblogged(12, BOB_POST)], &[stats(ANA, counts(0, 2))]);
}
