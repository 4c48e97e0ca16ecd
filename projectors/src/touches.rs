//! What an event touches: the accounts, posts and applications by which records behind a dead letter are held back.
//!
//! Two events that may read or write a common row of one view share a number here, totals of a partition and of a tag excepted: those
//! only count.

use schemas::events::{Event, Mention, ReplyTo};
use schemas::handles::normalise;

/// Adds what the event touches.
pub fn touches(event: &Event, touched: &mut Vec<u64>) {
    match event {
        Event::AccountRegistered(e) => touched.push(e.account.0),
        Event::ProfileChanged(e) => touched.push(e.account.0),
        Event::HandleChanged(e) => touched.push(e.account.0),
        Event::HandleClaimed(e) => touched.extend([e.account.0, handle(&e.handle)]),
        Event::HandleConfirmed(e) => touched.extend([e.account.0, handle(&e.handle)]),
        Event::HandleLapsed(e) => touched.extend([e.account.0, handle(&e.handle)]),
        Event::HandleHeld(e) => touched.extend([e.account.0, handle(&e.handle)]),
        Event::HandleReleased(e) => touched.extend([e.account.0, handle(&e.handle)]),
        Event::CredentialsSet(e) => touched.push(e.account.0),
        Event::CredentialsConfirmed(e) => touched.push(e.account.0),
        Event::AppRegistered(e) => touched.push(e.app.0),
        Event::CodeIssued(e) => touched.push(e.account.0),
        Event::CodeRedeemed(e) => touched.push(e.account.0),
        Event::TokenIssued(e) => touched.extend([e.account.0, e.app.0]),
        Event::TokenRevoked(e) => touched.extend([e.account.0, e.app.0]),
        Event::FollowRequested(e) => touched.extend([e.account.0, e.target.0]),
        Event::FollowOptionsChanged(e) => touched.extend([e.account.0, e.target.0]),
        Event::FollowConfirmed(e) => touched.extend([e.account.0, e.target.0]),
        Event::FollowEnded(e) => touched.extend([e.account.0, e.target.0]),
        Event::Unfollowed(e) => touched.extend([e.account.0, e.target.0]),
        Event::FollowPending(e) => touched.extend([e.account.0, e.follower.0]),
        Event::FollowAccepted(e) => touched.extend([e.account.0, e.follower.0]),
        Event::FollowRejected(e) => touched.extend([e.account.0, e.follower.0]),
        Event::FollowerRemoved(e) => touched.extend([e.account.0, e.follower.0]),
        Event::Blocked(e) => touched.extend([e.account.0, e.target.0]),
        Event::Unblocked(e) => touched.extend([e.account.0, e.target.0]),
        Event::Muted(e) => touched.extend([e.account.0, e.target.0]),
        Event::Unmuted(e) => touched.extend([e.account.0, e.target.0]),
        Event::NoteSet(e) => touched.extend([e.account.0, e.target.0]),
        Event::PostPublished(e) => post(touched, [e.account.0, e.post.0], e.in_reply_to.as_ref(), &e.mentions),
        Event::PostEdited(e) => post(touched, [e.account.0, e.post.0], None, &e.mentions),
        Event::PostDeleted(e) => post(touched, [e.account.0, e.post.0], e.in_reply_to.as_ref(), &e.mentions),
        Event::Reblogged(e) => touched.extend([e.account.0, e.reblog.0, e.post.0]),
        Event::Unreblogged(e) => touched.extend([e.account.0, e.reblog.0, e.post.0]),
        Event::Favourited(e) => touched.extend([e.account.0, e.post.0]),
        Event::Unfavourited(e) => touched.extend([e.account.0, e.post.0]),
        Event::Bookmarked(e) => touched.extend([e.account.0, e.post.0]),
        Event::Unbookmarked(e) => touched.extend([e.account.0, e.post.0]),
        Event::Pinned(e) => touched.extend([e.account.0, e.post.0]),
        Event::Unpinned(e) => touched.extend([e.account.0, e.post.0]),
        Event::ConversationMuted(e) => touched.extend([e.account.0, e.post.0]),
        Event::ConversationUnmuted(e) => touched.extend([e.account.0, e.post.0]),
        Event::MarkerMoved(e) => touched.push(e.account.0),
    }
}

/// What a record touches, each number once; zeros, which name nothing, left out.
pub(crate) fn of_record(events: &[Event]) -> Vec<u64> {
    let mut touched = Vec::new();
    events.iter().for_each(|event| touches(event, &mut touched));
    touched.retain(|number| *number != 0);
    touched.sort_unstable();
    touched.dedup();
    touched
}

fn post(touched: &mut Vec<u64>, own: [u64; 2], in_reply_to: Option<&ReplyTo>, mentions: &[Mention]) {
    touched.extend(own);
    touched.extend(in_reply_to.map(|parent| parent.post.0));
    touched.extend(mentions.iter().map(|mention| mention.account.0));
}

/// A handle as a number: FNV-1a 64, the top bit set so that it meets no id. Kept with dead letters: never change it.
pub(crate) fn handle(text: &str) -> u64 {
    let hash = normalise(text).bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash | 1 << 63
}
