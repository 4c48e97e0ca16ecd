//! From the sum of all commands and events to the file that knows each.

use schemas::UnixMillis;
use schemas::commands::{Command, OnAccount, OnPost};
use schemas::events::Event;

use super::{Ctx, Decided, accounts, blocks, digest, follows, handles, identity, interactions, posts, settings};
use crate::state::{MarkedTimeline, State, StateKey};

/// Appends the keys that deciding the command reads: those that its events change are among them.
pub fn reads(command: &Command, keys: &mut Vec<StateKey>) {
    use StateKey::{Account, App, Block, Code, Follow, Follower, Handle, Interaction, Marker, Mute, Note, Post, Token};
    let of_hash = |hash: &[u8], key: fn([u8; 32]) -> StateKey| digest(hash).map(key);
    let post = |c: &OnPost| [Account(c.account), Post(c.post), Interaction(c.account, c.post)];
    let relation = |c: &OnAccount, key: fn(_, _) -> StateKey| [Account(c.account), key(c.account, c.target)];
    match command {
        Command::RegisterAccount(c) => keys.push(Account(c.account)),
        Command::ChangeProfile(c) => keys.push(Account(c.account)),
        Command::ChangeHandle(c) => keys.push(Account(c.account)),
        Command::ClaimHandle(c) => keys.push(Handle(c.handle.as_str().into())),
        Command::ConfirmHandle(c) => keys.push(Handle(c.handle.as_str().into())),
        Command::LapseHandle(c) => keys.push(Handle(c.handle.as_str().into())),
        Command::HoldHandle(c) => keys.push(Handle(c.handle.as_str().into())),
        Command::ReleaseHandle(c) => keys.push(Handle(c.handle.as_str().into())),
        Command::SetCredentials(c) => keys.push(Account(c.account)),
        Command::ConfirmCredentials(c) => keys.push(Account(c.account)),
        Command::RegisterApp(c) => keys.push(App(c.app)),
        Command::IssueCode(c) => {
            keys.push(Account(c.account));
            keys.extend(of_hash(&c.code_hash, Code));
        }
        Command::RedeemCode(c) => keys.extend(of_hash(&c.code_hash, Code).into_iter().chain(of_hash(&c.token_hash, Token))),
        Command::IssueToken(c) => {
            keys.push(if c.account.0 == 0 { App(c.app) } else { Account(c.account) });
            keys.extend(of_hash(&c.token_hash, Token));
        }
        Command::RevokeToken(c) => keys.extend(of_hash(&c.token_hash, Token)),
        Command::Follow(c) => keys.extend([Account(c.account), Follow(c.account, c.target), Block(c.account, c.target)]),
        Command::Unfollow(c) => keys.extend(relation(c, Follow)),
        Command::AnswerFollow(c) => keys.extend([Account(c.account), Follower(c.account, c.follower), Block(c.account, c.follower)]),
        Command::DropFollower(c) => keys.push(Follower(c.account, c.follower)),
        Command::ConfirmFollow(c) => keys.push(Follow(c.account, c.target)),
        Command::EndFollow(c) => keys.extend([Account(c.account), Follow(c.account, c.target)]),
        Command::AuthorizeFollow(c) | Command::RejectFollow(c) | Command::RemoveFollower(c) => {
            keys.extend([Account(c.account), Follower(c.account, c.follower)]);
        }
        Command::Block(c) => {
            keys.extend(relation(c, Block));
            keys.extend([Follow(c.account, c.target), Follower(c.account, c.target)]);
        }
        Command::Unblock(c) => keys.extend(relation(c, Block)),
        Command::Mute(c) => keys.extend([Account(c.account), Mute(c.account, c.target)]),
        Command::Unmute(c) => keys.extend(relation(c, Mute)),
        Command::SetNote(c) => keys.extend([Account(c.account), Note(c.account, c.target)]),
        Command::PublishPost(c) => keys.push(Account(c.account)),
        Command::EditPost(c) => keys.push(Post(c.post)),
        Command::DeletePost(c) => keys.extend([Account(c.account), Post(c.post), Interaction(c.account, c.post)]),
        Command::Reblog(c) => keys.extend(post(&OnPost { account: c.account, post: c.post, author: c.author })),
        Command::Unreblog(c) => keys.extend([Account(c.account), Interaction(c.account, c.post)]),
        Command::Favourite(c) | Command::Bookmark(c) | Command::Pin(c) | Command::MuteConversation(c) => keys.extend(post(c)),
        Command::Unfavourite(c) | Command::Unbookmark(c) | Command::Unpin(c) | Command::UnmuteConversation(c) => {
            keys.extend([Account(c.account), Interaction(c.account, c.post)]);
        }
        Command::MoveMarker(c) => {
            keys.push(Account(c.account));
            keys.extend(MarkedTimeline::named(&c.timeline).map(|timeline| Marker(c.account, timeline)));
        }
    }
}

/// Decides a command. All that it [`reads`] must be loaded.
pub fn decide(command: Command, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    match command {
        Command::RegisterAccount(c) => accounts::register(c, state, ctx),
        Command::ChangeProfile(c) => accounts::change_profile(c, state),
        Command::ChangeHandle(c) => accounts::change_handle(c, state, ctx),
        Command::ClaimHandle(c) => handles::claim(c, state, ctx),
        Command::ConfirmHandle(c) => handles::confirm(c, state),
        Command::LapseHandle(c) => handles::lapse(c, state, ctx),
        Command::HoldHandle(c) => handles::hold(c, state),
        Command::ReleaseHandle(c) => handles::release(c, state, ctx),
        Command::SetCredentials(c) => identity::set_credentials(c, state),
        Command::ConfirmCredentials(c) => identity::confirm_credentials(c, state),
        Command::RegisterApp(c) => identity::register_app(c, state),
        Command::IssueCode(c) => identity::issue_code(c, state, ctx),
        Command::RedeemCode(c) => identity::redeem_code(c, state, ctx),
        Command::IssueToken(c) => identity::issue_token(c, state),
        Command::RevokeToken(c) => identity::revoke_token(c, state),
        Command::Follow(c) => follows::follow(c, state, ctx),
        Command::Unfollow(c) => follows::unfollow(c, state),
        Command::AnswerFollow(c) => follows::answer(c, state),
        Command::ConfirmFollow(c) => follows::confirm(c, state),
        Command::EndFollow(c) => follows::end(c, state),
        Command::DropFollower(c) => follows::drop_follower(c, state),
        Command::AuthorizeFollow(c) => follows::authorize(c, state),
        Command::RejectFollow(c) => follows::reject(c, state),
        Command::RemoveFollower(c) => follows::remove(c, state),
        Command::Block(c) => blocks::block(c, state, ctx),
        Command::Unblock(c) => blocks::unblock(c, state),
        Command::Mute(c) => blocks::mute(c, state, ctx),
        Command::Unmute(c) => blocks::unmute(c, state),
        Command::SetNote(c) => blocks::set_note(c, state),
        Command::PublishPost(c) => posts::publish(c, state, ctx),
        Command::EditPost(c) => posts::edit(c, state),
        Command::DeletePost(c) => posts::delete(c, state),
        Command::Reblog(c) => posts::reblog(c, state, ctx),
        Command::Unreblog(c) => posts::unreblog(c, state),
        Command::Favourite(c) => interactions::favourite(c, state, ctx),
        Command::Unfavourite(c) => interactions::unfavourite(c, state),
        Command::Bookmark(c) => interactions::bookmark(c, state, ctx),
        Command::Unbookmark(c) => interactions::unbookmark(c, state),
        Command::Pin(c) => interactions::pin(c, state, ctx),
        Command::Unpin(c) => interactions::unpin(c, state),
        Command::MuteConversation(c) => interactions::mute_conversation(c, state),
        Command::UnmuteConversation(c) => interactions::unmute_conversation(c, state),
        Command::MoveMarker(c) => settings::move_marker(c, state),
    }
}

/// Appends the keys that an event changes on the ground of what they hold: to be loaded before [`evolve`]. What an event replaces without
/// looking is not among them.
pub fn keys_of(event: &Event, keys: &mut Vec<StateKey>) {
    use StateKey::{Account, Follow, Interaction, Post};
    match event {
        Event::ProfileChanged(e) => keys.push(Account(e.account)),
        Event::HandleChanged(e) => keys.push(Account(e.account)),
        Event::HandleClaimed(e) => keys.push(StateKey::Handle(e.handle.as_str().into())),
        Event::HandleConfirmed(e) => keys.push(StateKey::Handle(e.handle.as_str().into())),
        Event::CredentialsSet(e) => keys.push(Account(e.account)),
        Event::CredentialsConfirmed(e) => keys.push(Account(e.account)),
        Event::FollowRequested(e) => keys.extend([Account(e.account), Follow(e.account, e.target)]),
        Event::FollowOptionsChanged(e) => keys.push(Follow(e.account, e.target)),
        Event::FollowConfirmed(e) => keys.push(Follow(e.account, e.target)),
        Event::FollowEnded(e) => keys.extend([Account(e.account), Follow(e.account, e.target)]),
        Event::Unfollowed(e) => keys.extend([Account(e.account), Follow(e.account, e.target)]),
        Event::PostEdited(e) => keys.push(Post(e.post)),
        Event::Reblogged(e) => keys.push(Interaction(e.account, e.post)),
        Event::Unreblogged(e) => keys.push(Interaction(e.account, e.post)),
        Event::Favourited(e) => keys.push(Interaction(e.account, e.post)),
        Event::Unfavourited(e) => keys.push(Interaction(e.account, e.post)),
        Event::Bookmarked(e) => keys.push(Interaction(e.account, e.post)),
        Event::Unbookmarked(e) => keys.push(Interaction(e.account, e.post)),
        Event::Pinned(e) => keys.extend([Account(e.account), Interaction(e.account, e.post)]),
        Event::Unpinned(e) => keys.extend([Account(e.account), Interaction(e.account, e.post)]),
        Event::ConversationMuted(e) => keys.push(Interaction(e.account, e.post)),
        Event::ConversationUnmuted(e) => keys.push(Interaction(e.account, e.post)),
        _ => {}
    }
}

/// Changes the state by what happened at `time_ms`. All [`keys_of`] the event must be loaded.
pub fn evolve(state: &mut State, event: &Event, time_ms: UnixMillis) {
    use Event as E;
    match event {
        E::AccountRegistered(_) | E::ProfileChanged(_) | E::HandleChanged(_) => accounts::evolve(state, event, time_ms),
        E::HandleClaimed(_) | E::HandleConfirmed(_) | E::HandleLapsed(_) | E::HandleHeld(_) | E::HandleReleased(_) => {
            handles::evolve(state, event, time_ms);
        }
        E::CredentialsSet(_)
        | E::CredentialsConfirmed(_)
        | E::AppRegistered(_)
        | E::CodeIssued(_)
        | E::CodeRedeemed(_)
        | E::TokenIssued(_)
        | E::TokenRevoked(_) => identity::evolve(state, event),
        E::FollowRequested(_)
        | E::FollowOptionsChanged(_)
        | E::FollowConfirmed(_)
        | E::FollowEnded(_)
        | E::Unfollowed(_)
        | E::FollowPending(_)
        | E::FollowAccepted(_)
        | E::FollowRejected(_)
        | E::FollowerRemoved(_) => follows::evolve(state, event),
        E::Blocked(_) | E::Unblocked(_) | E::Muted(_) | E::Unmuted(_) | E::NoteSet(_) => blocks::evolve(state, event),
        E::PostPublished(_) | E::PostEdited(_) | E::PostDeleted(_) | E::Reblogged(_) | E::Unreblogged(_) => posts::evolve(state, event),
        E::Favourited(_)
        | E::Unfavourited(_)
        | E::Bookmarked(_)
        | E::Unbookmarked(_)
        | E::Pinned(_)
        | E::Unpinned(_)
        | E::ConversationMuted(_)
        | E::ConversationUnmuted(_) => interactions::evolve(state, event),
        E::MarkerMoved(_) => settings::evolve(state, event),
    }
}
