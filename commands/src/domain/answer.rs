//! The id that a record answers with: what its receipt says again when the command is repeated, also after a restart.

use schemas::events::Event;

/// The id that a command's events answer with; 0 for none. Of a block it is the block, else what the last event is about.
pub fn answered(events: &[Event]) -> u64 {
    let block = events.iter().find(|event| matches!(event, Event::Blocked(_)));
    block.or(events.last()).map_or(0, id)
}

fn id(event: &Event) -> u64 {
    match event {
        Event::AccountRegistered(e) => e.account.0,
        Event::ProfileChanged(e) => e.account.0,
        Event::HandleChanged(e) => e.account.0,
        Event::HandleClaimed(e) => e.claim.0,
        Event::HandleConfirmed(e) => e.claim.0,
        Event::HandleLapsed(e) => e.claim.0,
        Event::HandleHeld(e) => e.claim.0,
        Event::HandleReleased(e) => e.claim.0,
        Event::CredentialsSet(e) => e.account.0,
        Event::CredentialsConfirmed(e) => e.account.0,
        Event::AppRegistered(e) => e.app.0,
        Event::CodeIssued(_) | Event::CodeRedeemed(_) | Event::TokenIssued(_) | Event::TokenRevoked(_) => 0,
        Event::FollowRequested(e) => e.relation.0,
        Event::FollowOptionsChanged(e) => e.relation.0,
        Event::FollowConfirmed(e) => e.relation.0,
        Event::FollowEnded(e) => e.relation.0,
        Event::Unfollowed(e) => e.relation.0,
        Event::FollowPending(e) => e.relation.0,
        Event::FollowAccepted(e) => e.relation.0,
        Event::FollowRejected(e) => e.relation.0,
        Event::FollowerRemoved(e) => e.relation.0,
        Event::Blocked(e) => e.relation.0,
        Event::Unblocked(e) => e.relation.0,
        Event::Muted(e) => e.relation.0,
        Event::Unmuted(e) => e.relation.0,
        Event::PostPublished(e) => e.post.0,
        Event::PostEdited(e) => e.post.0,
        Event::PostDeleted(e) => e.post.0,
        Event::Reblogged(e) => e.reblog.0,
        Event::Unreblogged(e) => e.reblog.0,
        Event::Favourited(e) => e.relation.0,
        Event::Unfavourited(e) => e.relation.0,
        Event::Bookmarked(e) => e.relation.0,
        Event::Unbookmarked(e) => e.relation.0,
        Event::Pinned(e) => e.relation.0,
        Event::Unpinned(e) => e.relation.0,
        Event::NoteSet(_) | Event::ConversationMuted(_) | Event::ConversationUnmuted(_) | Event::MarkerMoved(_) => 0,
    }
}
