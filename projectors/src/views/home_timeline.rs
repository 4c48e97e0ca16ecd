//! What home timelines are told of an event: pure, and applied after the rows of the same records are committed.
//!
//! Operations may be repeated, and each says what the committed rows say already: a post is in its author's list, a confirmed follow in
//! the follower's. A block needs none of its own: the follows that it ends are events beside it.

use infra::timelines::{Entry, TimelineOp};
use schemas::events::Event;
use schemas::ids::PostId;
use schemas::rows::EntryRow;

use super::timelines::{entry_of_post, entry_of_reblog};

/// Adds the operations of an event.
pub(crate) fn project(event: &Event, ops: &mut Vec<TimelineOp>) {
    match event {
        Event::PostPublished(e) => {
            ops.push(TimelineOp::Posted(entry(e.post, &entry_of_post(e.account, e.visibility, e.in_reply_to.as_ref()))));
        }
        Event::PostDeleted(e) => {
            ops.push(TimelineOp::Removed(entry(e.post, &entry_of_post(e.account, e.visibility, e.in_reply_to.as_ref()))));
        }
        Event::Reblogged(e) => ops.push(TimelineOp::Posted(entry(e.reblog, &entry_of_reblog(e.account, e.post, e.visibility)))),
        Event::Unreblogged(e) => ops.push(TimelineOp::Removed(entry(e.reblog, &entry_of_reblog(e.account, e.post, e.visibility)))),
        Event::FollowConfirmed(e) => ops.push(TimelineOp::Followed { reader: e.account, author: e.target }),
        // A wish made anew takes the place of a follow that stood.
        Event::FollowRequested(e) => ops.push(TimelineOp::Unfollowed { reader: e.account, author: e.target }),
        Event::FollowEnded(e) => ops.push(TimelineOp::Unfollowed { reader: e.account, author: e.target }),
        Event::Unfollowed(e) => ops.push(TimelineOp::Unfollowed { reader: e.account, author: e.target }),
        _ => {}
    }
}

fn entry(post: PostId, row: &EntryRow) -> Entry {
    Entry { post, author: row.author, flags: row.flags }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::events::{FollowConfirmed, FollowRequested, PostDeleted, Reblogged, Unfollowed, Visibility};
    use schemas::ids::{AccountId, RelationId};
    use schemas::rows::entry_flags;

    const ANA: AccountId = AccountId(1);
    const BOB: AccountId = AccountId(2);

    fn check(event: impl Into<Event>, expected: &[TimelineOp]) {
        let mut ops = Vec::new();
        project(&event.into(), &mut ops);
        assert_eq!(ops, expected);
    }

    #[test]
    fn posts_and_follows_become_operations() {
        let relation = RelationId(9);
        let reblog = Reblogged { reblog: PostId(7), account: ANA, post: PostId(3), author: BOB, visibility: Visibility::Unlisted };
        let flags = entry_flags::REBLOG | entry_flags::of_visibility(Visibility::Unlisted) | entry_flags::of_original(PostId(3));
        check(reblog, &[TimelineOp::Posted(Entry { post: PostId(7), author: ANA, flags })]);
        let visibility = Visibility::Public;
        let deleted = PostDeleted { post: PostId(7), account: ANA, visibility, in_reply_to: None, mentions: vec![], tags: vec![] };
        check(deleted, &[TimelineOp::Removed(Entry { post: PostId(7), author: ANA, flags: 0 })]);
        check(FollowConfirmed { account: ANA, target: BOB, relation }, &[TimelineOp::Followed { reader: ANA, author: BOB }]);
        let over = [TimelineOp::Unfollowed { reader: ANA, author: BOB }];
        check(Unfollowed { account: ANA, target: BOB, relation }, &over);
        let anew = FollowRequested { account: ANA, target: BOB, relation, reblogs: true, notify: false, languages: vec![] };
        check(anew, &over);
    }
}
