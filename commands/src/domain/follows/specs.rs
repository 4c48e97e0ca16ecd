//! What following means, as data.

use schemas::RelationId;
use schemas::commands::Command;
use schemas::events::Blocked;

use super::*;
use crate::domain::Limits;
use crate::domain::spec::*;

const R: RelationId = RelationId(9);
const LATER: RelationId = RelationId(10);

fn follow(account: AccountId, target: AccountId) -> Follow {
    Follow { account, target, reblogs: None, notify: None, languages: None, renew: false }
}

fn requested(relation: RelationId) -> Event {
    FollowRequested { account: ANA, target: BOB, relation, reblogs: true, notify: false, languages: vec![] }.into()
}

fn told_bob(relation: RelationId) -> AnswerFollow {
    AnswerFollow { account: BOB, follower: ANA, relation }
}

fn told_ana(relation: RelationId) -> OnFollow {
    OnFollow { account: ANA, target: BOB, relation }
}

const OF_BOB: FollowerOf = FollowerOf { account: BOB, follower: ANA };

fn accepted(relation: RelationId) -> Event {
    FollowAccepted { account: BOB, follower: ANA, relation }.into()
}

fn pending(relation: RelationId) -> Event {
    FollowPending { account: BOB, follower: ANA, relation }.into()
}

fn rejected(relation: RelationId) -> Event {
    FollowRejected { account: BOB, follower: ANA, relation }.into()
}

fn removed(relation: RelationId) -> Event {
    FollowerRemoved { account: BOB, follower: ANA, relation }.into()
}

fn unfollowed(relation: RelationId) -> Event {
    Unfollowed { account: ANA, target: BOB, relation }.into()
}

fn ended(relation: RelationId) -> Event {
    FollowEnded { account: ANA, target: BOB, relation }.into()
}

fn confirmed(relation: RelationId) -> Event {
    FollowConfirmed { account: ANA, target: BOB, relation }.into()
}

#[test]
fn wishing() {
    given([registered(ANA)]).when(follow(ANA, BOB)).then([requested(id(0).into())]).answers(id(0).0).again_changes_nothing();
    given([registered(ANA)]).when(follow(ANA, ANA)).then_rejected(Rejection::OnOneself);
    given([]).when(follow(ANA, BOB)).then_rejected(Rejection::NotFound);
    let block = Blocked { account: ANA, target: BOB, relation: R };
    given([registered(ANA), block.into()]).when(follow(ANA, BOB)).then_rejected(Rejection::NotAllowed);
}

#[test]
fn changing_what_is_wanted_of_a_follow() {
    let changed = |notify| FollowOptionsChanged { account: ANA, target: BOB, relation: R, reblogs: true, notify, languages: vec![] };
    let wanted = |notify| Follow { notify: Some(notify), ..follow(ANA, BOB) };
    given([registered(ANA), requested(R)]).when(wanted(true)).then([changed(true).into()]).answers(R.0).again_changes_nothing();
    given([registered(ANA), requested(R)]).when(wanted(false)).then([]).answers(R.0);
    given([registered(ANA), requested(R), changed(true).into()]).when(follow(ANA, BOB)).then([]);
    let many = vec!["en".to_owned(); 65];
    given([registered(ANA)])
        .when(Follow { languages: Some(many), ..follow(ANA, BOB) })
        .then_invalid("languages", "has too many entries (maximum is 64)");
}

#[test]
fn asking_anew_keeps_what_is_wanted_and_does_not_count_twice() {
    let changed = FollowOptionsChanged { account: ANA, target: BOB, relation: R, reblogs: false, notify: true, languages: vec![] };
    let anew = FollowRequested { account: ANA, target: BOB, relation: id(0).into(), reblogs: false, notify: true, languages: vec![] };
    let renew = || Follow { renew: true, ..follow(ANA, BOB) };
    let standing = || given([registered(ANA), requested(R), changed.clone().into()]).limited(Limits { follows_max: 1, pins_max: 1 });
    standing().when(renew()).then([anew.into()]);
    standing().when(follow(ANA, CARL)).then_rejected(Rejection::FollowCap { limit: 1 });
}

#[test]
fn the_cap_counts_wishes_that_stand() {
    let capped = |events: Vec<Event>| given(events).limited(Limits { follows_max: 1, pins_max: 1 });
    let to_carl = FollowRequested { account: ANA, target: CARL, relation: id(0).into(), reblogs: true, notify: false, languages: vec![] };
    capped(vec![registered(ANA), requested(R)]).when(follow(ANA, CARL)).then_rejected(Rejection::FollowCap { limit: 1 });
    capped(vec![registered(ANA), requested(R), unfollowed(R)]).when(follow(ANA, CARL)).then([to_carl.clone().into()]);
    capped(vec![registered(ANA), requested(R), ended(R)]).when(follow(ANA, CARL)).then([to_carl.into()]);
}

#[test]
fn unfollowing() {
    let unfollow = || Command::Unfollow(OnAccount { account: ANA, target: BOB });
    given([registered(ANA), requested(R)]).when(unfollow()).then([unfollowed(R)]).again_changes_nothing();
    given([registered(ANA)]).when(unfollow()).then([]);
}

#[test]
fn answering_a_wish() {
    let answer = |relation| Command::AnswerFollow(told_bob(relation));
    let block = Blocked { account: BOB, target: ANA, relation: R };
    given([registered(BOB)]).when(answer(R)).then([accepted(R)]).again_changes_nothing();
    given([locked(BOB)]).when(answer(R)).then([pending(R)]).again_changes_nothing();
    given([registered(BOB), block.into()]).when(answer(R)).then([rejected(R)]).again_changes_nothing();
    given([]).when(answer(R)).then([rejected(R)]);
}

#[test]
fn a_wish_is_answered_once_and_only_if_it_is_newer() {
    let answer = |relation| Command::AnswerFollow(told_bob(relation));
    for over in [removed(LATER), rejected(LATER)] {
        given([registered(BOB), accepted(LATER), over.clone()]).when(answer(LATER)).then([]);
        given([registered(BOB), accepted(LATER), over.clone()]).when(answer(R)).then([]);
        given([registered(BOB), accepted(LATER), over]).when(answer(RelationId(11))).then([accepted(RelationId(11))]);
    }
    given([registered(BOB), accepted(R)]).when(answer(LATER)).then([removed(R), accepted(LATER)]);
    given([locked(BOB), pending(R)]).when(answer(LATER)).then([removed(R), pending(LATER)]);
}

#[test]
fn what_the_follower_is_told() {
    let standing = || given([registered(ANA), requested(R)]);
    standing().when(Command::ConfirmFollow(told_ana(R))).then([confirmed(R)]).again_changes_nothing();
    standing().when(Command::ConfirmFollow(told_ana(LATER))).then([]);
    standing().when(Command::EndFollow(told_ana(R))).then([ended(R)]).again_changes_nothing();
    standing().when(Command::EndFollow(told_ana(LATER))).then([]);
    given([registered(ANA)]).when(Command::ConfirmFollow(told_ana(R))).then([]);
}

#[test]
fn a_follower_that_left_is_dropped() {
    given([registered(BOB), accepted(R)]).when(Command::DropFollower(told_bob(R))).then([removed(R)]).again_changes_nothing();
    given([registered(BOB), accepted(R)]).when(Command::DropFollower(told_bob(LATER))).then([]);
    given([registered(BOB)]).when(Command::DropFollower(told_bob(R))).then([]);
}

#[test]
fn requests_are_granted_or_turned_down() {
    given([locked(BOB), pending(R)]).when(Command::AuthorizeFollow(OF_BOB)).then([accepted(R)]).answers(R.0);
    given([locked(BOB), pending(R)]).when(Command::RejectFollow(OF_BOB)).then([rejected(R)]);
    for command in [Command::AuthorizeFollow(OF_BOB), Command::RejectFollow(OF_BOB)] {
        given([locked(BOB)]).when(command.clone()).then_rejected(Rejection::NotFound);
        given([locked(BOB), pending(R), accepted(R)]).when(command).then_rejected(Rejection::NotFound);
    }
}

#[test]
fn followers_are_removed() {
    for standing in [accepted(R), pending(R)] {
        given([locked(BOB), standing]).when(Command::RemoveFollower(OF_BOB)).then([removed(R)]).again_changes_nothing();
    }
    given([registered(BOB)]).when(Command::RemoveFollower(OF_BOB)).then([]);
}
