//! Favourites, bookmarks, pins, muted threads: what an account does with a post that it sees.

use schemas::commands::{OnPost, Rejection};
use schemas::events::{
    Bookmarked, ConversationMuted, ConversationUnmuted, Event, Favourited, Pinned, Unbookmarked, Unfavourited, Unpinned, Visibility,
};
use schemas::{AccountId, PostId, RelationId};

use super::limits::invalid;
use super::{Ctx, Decided, actor, one, posts, unchanged};
use crate::state::{InteractionState, State, StateKey, StateValue};

pub(super) fn favourite(c: OnPost, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let OnPost { account, post, author } = c;
    match standing(state, c)?.favourite {
        Some(relation) => unchanged(relation.0),
        None => {
            let relation = ctx.relation();
            one(relation.0, Favourited { account, post, author, relation })
        }
    }
}

pub(super) fn unfavourite(c: OnPost, state: &State) -> Decided {
    let OnPost { account, post, .. } = c;
    let (relation, author) = undoing(state, c, |known| known.favourite)?;
    relation.map_or_else(|| unchanged(0), |relation| one(relation.0, Unfavourited { account, post, author, relation }))
}

pub(super) fn bookmark(c: OnPost, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let OnPost { account, post, author } = c;
    match standing(state, c)?.bookmark {
        Some(relation) => unchanged(relation.0),
        None => {
            let relation = ctx.relation();
            one(relation.0, Bookmarked { account, post, author, relation })
        }
    }
}

pub(super) fn unbookmark(c: OnPost, state: &State) -> Decided {
    let OnPost { account, post, .. } = c;
    let (relation, author) = undoing(state, c, |known| known.bookmark)?;
    relation.map_or_else(|| unchanged(0), |relation| one(relation.0, Unbookmarked { account, post, author, relation }))
}

pub(super) fn pin(c: OnPost, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let OnPost { account, post, author } = c;
    if author != account {
        return Err(invalid("someone else's post", "cannot be pinned"));
    }
    let pins = actor(state, account)?.pins;
    if posts::own(state, account, post)?.visibility == Visibility::Direct {
        return Err(invalid("posts that are only visible to mentioned users", "cannot be pinned"));
    }
    if let Some(relation) = state.interaction(account, post).and_then(|known| known.pin) {
        return unchanged(relation.0);
    }
    if pins >= ctx.limits.pins_max {
        return Err(Rejection::PinCap { limit: ctx.limits.pins_max });
    }
    let relation = ctx.relation();
    one(relation.0, Pinned { account, post, relation })
}

pub(super) fn unpin(c: OnPost, state: &State) -> Decided {
    let OnPost { account, post, .. } = c;
    let (relation, _) = undoing(state, c, |known| known.pin)?;
    relation.map_or_else(|| unchanged(0), |relation| one(relation.0, Unpinned { account, post, relation }))
}

pub(super) fn mute_conversation(c: OnPost, state: &State) -> Decided {
    let OnPost { account, post, .. } = c;
    if standing(state, c)?.muted { unchanged(0) } else { one(0, ConversationMuted { account, post }) }
}

pub(super) fn unmute_conversation(c: OnPost, state: &State) -> Decided {
    let OnPost { account, post, .. } = c;
    actor(state, account)?;
    let muted = state.interaction(account, post).is_some_and(|known| known.muted);
    if muted { one(0, ConversationUnmuted { account, post }) } else { unchanged(0) }
}

/// What the account did with the post so far; of own posts, whether they are there is known here.
fn standing(state: &State, c: OnPost) -> Result<InteractionState, Rejection> {
    actor(state, c.account)?;
    if c.author == c.account {
        posts::own(state, c.account, c.post)?;
    }
    Ok(state.interaction(c.account, c.post).copied().unwrap_or_default())
}

/// What is to be undone, if it stands, and the post's author as it was known then. The post may be gone.
fn undoing(
    state: &State,
    c: OnPost,
    part: fn(&InteractionState) -> Option<RelationId>,
) -> Result<(Option<RelationId>, AccountId), Rejection> {
    actor(state, c.account)?;
    let known = state.interaction(c.account, c.post);
    Ok((known.and_then(part), known.map_or(c.author, |known| known.author)))
}

/// Changes what an account did with a post; where nothing is left, nothing is kept.
pub(super) fn change(
    state: &mut State,
    (account, post, author): (AccountId, PostId, AccountId),
    change: impl FnOnce(&mut InteractionState),
) {
    let mut interaction = state.interaction(account, post).copied().unwrap_or(InteractionState { author, ..InteractionState::default() });
    if author.0 != 0 {
        interaction.author = author;
    }
    change(&mut interaction);
    let empty = InteractionState { author: interaction.author, ..InteractionState::default() };
    let kept = (interaction != empty).then(|| StateValue::Interaction(Box::new(interaction)));
    state.put(StateKey::Interaction(account, post), kept);
}

pub(super) fn evolve(state: &mut State, event: &Event) {
    match event {
        Event::Favourited(e) => change(state, (e.account, e.post, e.author), |known| known.favourite = Some(e.relation)),
        Event::Unfavourited(e) => change(state, (e.account, e.post, e.author), |known| known.favourite = None),
        Event::Bookmarked(e) => change(state, (e.account, e.post, e.author), |known| known.bookmark = Some(e.relation)),
        Event::Unbookmarked(e) => change(state, (e.account, e.post, e.author), |known| known.bookmark = None),
        Event::Pinned(e) => {
            change(state, (e.account, e.post, e.account), |known| known.pin = Some(e.relation));
            if let Some(account) = state.account_mut(e.account) {
                account.pins += 1;
            }
        }
        Event::Unpinned(e) => {
            change(state, (e.account, e.post, e.account), |known| known.pin = None);
            if let Some(account) = state.account_mut(e.account) {
                account.pins = account.pins.saturating_sub(1);
            }
        }
        Event::ConversationMuted(e) => mute_thread(state, e.account, e.post, true),
        Event::ConversationUnmuted(e) => mute_thread(state, e.account, e.post, false),
        _ => {}
    }
}

/// The event does not name the author: it stays unknown until something is done that another event must name it for.
fn mute_thread(state: &mut State, account: AccountId, post: PostId, muted: bool) {
    change(state, (account, post, AccountId(0)), |known| known.muted = muted);
}

#[cfg(test)]
mod specs {
    use schemas::commands::Command;

    use super::*;
    use crate::domain::Limits;
    use crate::domain::spec::*;

    const P: PostId = PostId(900);
    const R: RelationId = RelationId(9);
    const BOBS: OnPost = OnPost { account: ANA, post: P, author: BOB };
    const OWN: OnPost = OnPost { account: ANA, post: P, author: ANA };

    fn favourited(author: AccountId) -> Event {
        Favourited { account: ANA, post: P, author, relation: id(0).into() }.into()
    }

    fn pinned(post: PostId, relation: RelationId) -> Event {
        Pinned { account: ANA, post, relation }.into()
    }

    fn own_post(visibility: Visibility) -> [Event; 2] {
        [registered(ANA), published(P, ANA, visibility)]
    }

    #[test]
    fn favouriting() {
        given([registered(ANA)]).when(Command::Favourite(BOBS)).then([favourited(BOB)]).answers(id(0).0).again_changes_nothing();
        given(own_post(Visibility::Direct)).when(Command::Favourite(OWN)).then([favourited(ANA)]);
        given([registered(ANA)]).when(Command::Favourite(OWN)).then_rejected(Rejection::NotFound);
        given([]).when(Command::Favourite(BOBS)).then_rejected(Rejection::NotFound);
        let undone = Unfavourited { account: ANA, post: P, author: BOB, relation: id(0).into() };
        given([registered(ANA), favourited(BOB)]).when(Command::Unfavourite(BOBS)).then([undone.into()]).again_changes_nothing();
    }

    #[test]
    fn bookmarking() {
        let bookmarked = Bookmarked { account: ANA, post: P, author: BOB, relation: id(0).into() };
        let undone = Unbookmarked { account: ANA, post: P, author: BOB, relation: id(0).into() };
        given([registered(ANA)]).when(Command::Bookmark(BOBS)).then([bookmarked.clone().into()]).again_changes_nothing();
        given([registered(ANA), bookmarked.into()]).when(Command::Unbookmark(BOBS)).then([undone.into()]).again_changes_nothing();
        given([registered(ANA)]).when(Command::Unbookmark(BOBS)).then([]);
    }

    #[test]
    fn one_undoing_leaves_the_rest() {
        let muted = ConversationMuted { account: ANA, post: P };
        let unmuted = ConversationUnmuted { account: ANA, post: P };
        let standing = [registered(ANA), favourited(BOB), muted.clone().into()];
        given(standing.clone()).when(Command::MuteConversation(BOBS)).then([]);
        given(standing.clone()).when(Command::UnmuteConversation(BOBS)).then([unmuted.clone().into()]).again_changes_nothing();
        given(standing.into_iter().chain([unmuted.into()])).when(Command::Favourite(BOBS)).then([]).answers(id(0).0);
        given([registered(ANA)]).when(Command::MuteConversation(BOBS)).then([muted.into()]).again_changes_nothing();
    }

    #[test]
    fn pinning() {
        given(own_post(Visibility::Private)).when(Command::Pin(OWN)).then([pinned(P, id(0).into())]).again_changes_nothing();
        given([registered(ANA)]).when(Command::Pin(BOBS)).then_invalid("someone else's post", "cannot be pinned");
        given([registered(ANA)]).when(Command::Pin(OWN)).then_rejected(Rejection::NotFound);
        let problem = ("posts that are only visible to mentioned users", "cannot be pinned");
        given(own_post(Visibility::Direct)).when(Command::Pin(OWN)).then_invalid(problem.0, problem.1);
        let undone = Unpinned { account: ANA, post: P, relation: R };
        given(own_post(Visibility::Public).into_iter().chain([pinned(P, R)]))
            .when(Command::Unpin(OWN))
            .then([undone.into()])
            .again_changes_nothing();
    }

    #[test]
    fn pins_are_capped() {
        let capped = |events: Vec<Event>| {
            given(own_post(Visibility::Public).into_iter().chain(events)).limited(Limits { follows_max: 1, pins_max: 1 })
        };
        let (other, relation) = (PostId(901), R);
        capped(vec![pinned(other, R)]).when(Command::Pin(OWN)).then_rejected(Rejection::PinCap { limit: 1 });
        let unpinned = Unpinned { account: ANA, post: other, relation };
        capped(vec![pinned(other, R), unpinned.into()]).when(Command::Pin(OWN)).then([pinned(P, id(0).into())]);
    }
}
