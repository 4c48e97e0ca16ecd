//! Posts and reblogs. Who sees which post is asked at the edge; that a post is one's own is decided here, exactly.

use schemas::commands::{Content, DeletePost, EditPost, PublishPost, Reblog, Rejection, Unreblog};
use schemas::events::{Event, PostDeleted, PostEdited, PostPublished, Reblogged, Unpinned, Unreblogged, Visibility};
use schemas::{AccountId, PostId};

use super::limits::{LANGUAGE_CHARS_MAX, MENTIONS_MAX, POST_BYTES_MAX, TAGS_MAX, check_chars, check_count, invalid};
use super::{Ctx, Decided, Decision, actor, interactions, one, unchanged};
use crate::state::{PostState, ReblogState, State, StateKey, StateValue};

pub(super) fn publish(c: PublishPost, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    actor(state, c.account)?;
    check_content(&c.content)?;
    let post = ctx.post();
    let PublishPost { account, content, visibility, in_reply_to, app } = c;
    let Content { text, spoiler, sensitive, language, mentions, tags } = content;
    one(post.0, PostPublished { post, account, visibility, text, spoiler, sensitive, language, mentions, tags, in_reply_to, app })
}

pub(super) fn edit(c: EditPost, state: &State) -> Decided {
    let visibility = own(state, c.account, c.post)?.visibility;
    check_content(&c.content)?;
    let EditPost { account, post, content } = c;
    let Content { text, spoiler, sensitive, language, mentions, tags } = content;
    one(post.0, PostEdited { post, account, visibility, text, spoiler, sensitive, language, mentions, tags })
}

pub(super) fn delete(c: DeletePost, state: &State) -> Decided {
    let DeletePost { account, post } = c;
    let PostState { visibility, in_reply_to, mentions, tags, .. } = own(state, account, post)?.clone();
    let mut events = Vec::with_capacity(1);
    if let Some(relation) = state.interaction(account, post).and_then(|interaction| interaction.pin) {
        events.push(Unpinned { account, post, relation }.into());
    }
    events.push(PostDeleted { post, account, visibility, in_reply_to, mentions, tags }.into());
    Ok(Decision { events, id: post.0 })
}

/// The account's own post. One that it does not have, and one that it may not touch, are alike.
pub(super) fn own(state: &State, account: AccountId, post: PostId) -> Result<&PostState, Rejection> {
    state.post(post).filter(|post| post.author == account).ok_or(Rejection::NotFound)
}

pub(super) fn reblog(c: Reblog, state: &State, ctx: &mut Ctx<'_>) -> Decided {
    let Reblog { account, post, author, visibility } = c;
    actor(state, account)?;
    if let Some(standing) = state.interaction(account, post).and_then(|interaction| interaction.reblog) {
        return unchanged(standing.reblog.0);
    }
    if visibility == Visibility::Direct {
        return Err(invalid("visibility", "is not one of public, unlisted, private"));
    }
    let visibility = if author == account {
        match own(state, account, post)?.visibility {
            Visibility::Direct => return Err(Rejection::NotFound),
            // What followers only may see is passed on to followers only.
            Visibility::Private => Visibility::Private,
            Visibility::Public | Visibility::Unlisted => visibility,
        }
    } else {
        visibility
    };
    let reblog = ctx.post();
    one(reblog.0, Reblogged { reblog, account, post, author, visibility })
}

pub(super) fn unreblog(c: Unreblog, state: &State) -> Decided {
    let Unreblog { account, post } = c;
    actor(state, account)?;
    let Some(interaction) = state.interaction(account, post) else { return unchanged(0) };
    let Some(ReblogState { reblog, visibility }) = interaction.reblog else { return unchanged(0) };
    one(reblog.0, Unreblogged { reblog, account, post, author: interaction.author, visibility })
}

fn check_content(content: &Content) -> Result<(), Rejection> {
    if content.text.trim().is_empty() && content.spoiler.trim().is_empty() {
        return Err(invalid("text", "can't be blank"));
    }
    if content.text.len() + content.spoiler.len() > POST_BYTES_MAX {
        return Err(invalid("text", "is too long"));
    }
    check_count("mentions", content.mentions.len(), MENTIONS_MAX)?;
    check_count("tags", content.tags.len(), TAGS_MAX)?;
    check_chars("language", content.language.as_deref().unwrap_or_default(), LANGUAGE_CHARS_MAX)
}

pub(super) fn evolve(state: &mut State, event: &Event) {
    match event {
        Event::PostPublished(e) => {
            let post = PostState {
                author: e.account,
                visibility: e.visibility,
                in_reply_to: e.in_reply_to,
                mentions: e.mentions.clone(),
                tags: e.tags.clone(),
            };
            state.put(StateKey::Post(e.post), Some(StateValue::Post(Box::new(post))));
        }
        Event::PostEdited(e) => {
            if let Some(post) = state.post_mut(e.post) {
                (post.mentions, post.tags) = (e.mentions.clone(), e.tags.clone());
            }
        }
        Event::PostDeleted(e) => state.put(StateKey::Post(e.post), None),
        Event::Reblogged(e) => interactions::change(state, (e.account, e.post, e.author), |interaction| {
            interaction.reblog = Some(ReblogState { reblog: e.reblog, visibility: e.visibility });
        }),
        Event::Unreblogged(e) => interactions::change(state, (e.account, e.post, e.author), |interaction| interaction.reblog = None),
        _ => {}
    }
}

#[cfg(test)]
mod specs {
    use schemas::RelationId;
    use schemas::commands::OnPost;
    use schemas::events::{Mention, Pinned, ReplyTo};

    use super::*;
    use crate::domain::spec::*;

    const P: PostId = PostId(900);

    fn content(text: &str) -> Content {
        Content { text: text.into(), tags: vec!["rust".into()], ..Content::default() }
    }

    fn publish(text: &str) -> PublishPost {
        PublishPost { account: ANA, content: content(text), visibility: Visibility::Public, in_reply_to: None, app: schemas::AppId(0) }
    }

    fn deleted(visibility: Visibility) -> PostDeleted {
        PostDeleted { post: P, account: ANA, visibility, in_reply_to: None, mentions: vec![], tags: vec![] }
    }

    fn reblog(account: AccountId, visibility: Visibility) -> Reblog {
        Reblog { account, post: P, author: ANA, visibility }
    }

    fn reblogged(account: AccountId, visibility: Visibility) -> Event {
        Reblogged { reblog: id(0).into(), account, post: P, author: ANA, visibility }.into()
    }

    #[test]
    fn publishing() {
        let post = PostPublished { tags: vec!["rust".into()], text: "hi #rust".into(), ..a_post(id(0).into(), ANA, Visibility::Public) };
        given([registered(ANA)]).when(publish("hi #rust")).then([post.into()]).answers(id(0).0);
        given([]).when(publish("hi")).then_rejected(Rejection::NotFound);
        given([registered(ANA)]).when(publish(" \n")).then_invalid("text", "can't be blank");
        given([registered(ANA)]).when(publish(&"x".repeat(POST_BYTES_MAX + 1))).then_invalid("text", "is too long");
    }

    #[test]
    fn editing_changes_what_a_deletion_carries() {
        let edit = |account| EditPost { account, post: P, content: content("new") };
        let edited = PostEdited {
            post: P,
            account: ANA,
            visibility: Visibility::Private,
            text: "new".into(),
            spoiler: String::new(),
            sensitive: false,
            language: None,
            mentions: vec![],
            tags: vec!["rust".into()],
        };
        let standing = [registered(ANA), registered(BOB), published(P, ANA, Visibility::Private)];
        given(standing.clone()).when(edit(ANA)).then([edited.clone().into()]).answers(P.0);
        given(standing.clone()).when(edit(BOB)).then_rejected(Rejection::NotFound);
        given([registered(ANA)]).when(edit(ANA)).then_rejected(Rejection::NotFound);
        given(standing.into_iter().chain([edited.into()])).when(DeletePost { account: ANA, post: P }).then([PostDeleted {
            tags: vec!["rust".into()],
            ..deleted(Visibility::Private)
        }
        .into()]);
    }

    #[test]
    fn deleting() {
        let delete = |account| DeletePost { account, post: P };
        let reply = PostPublished {
            in_reply_to: Some(ReplyTo { post: PostId(5), account: BOB }),
            mentions: vec![Mention { account: BOB, handle: "bob".into() }],
            ..a_post(P, ANA, Visibility::Direct)
        };
        let gone = PostDeleted { in_reply_to: reply.in_reply_to, mentions: reply.mentions.clone(), ..deleted(Visibility::Direct) };
        given([registered(ANA), reply.into()]).when(delete(ANA)).then([gone.into()]);
        let standing = published(P, ANA, Visibility::Public);
        given([registered(ANA), standing.clone()]).when(delete(BOB)).then_rejected(Rejection::NotFound);
        given([registered(ANA), standing.clone(), deleted(Visibility::Public).into()]).when(delete(ANA)).then_rejected(Rejection::NotFound);
        let pin = Pinned { account: ANA, post: P, relation: RelationId(9) };
        let unpinned = Unpinned { account: ANA, post: P, relation: RelationId(9) };
        given([registered(ANA), standing, pin.into()]).when(delete(ANA)).then([unpinned.into(), deleted(Visibility::Public).into()]);
    }

    #[test]
    fn reblogging() {
        use Visibility::{Direct, Private, Public, Unlisted};
        let anothers = || given([registered(BOB)]);
        anothers().when(reblog(BOB, Unlisted)).then([reblogged(BOB, Unlisted)]).answers(id(0).0).again_changes_nothing();
        anothers().when(reblog(BOB, Direct)).then_invalid("visibility", "is not one of public, unlisted, private");
        let own = |visibility| given([registered(ANA), published(P, ANA, visibility)]);
        own(Public).when(reblog(ANA, Public)).then([reblogged(ANA, Public)]);
        own(Private).when(reblog(ANA, Public)).then([reblogged(ANA, Private)]);
        own(Direct).when(reblog(ANA, Public)).then_rejected(Rejection::NotFound);
        given([registered(ANA)]).when(reblog(ANA, Public)).then_rejected(Rejection::NotFound);
    }

    #[test]
    fn taking_a_reblog_back() {
        let unreblog = || Unreblog { account: BOB, post: P };
        let undone = Unreblogged { reblog: id(0).into(), account: BOB, post: P, author: ANA, visibility: Visibility::Unlisted };
        given([registered(BOB), reblogged(BOB, Visibility::Unlisted)])
            .when(unreblog())
            .then([undone.into()])
            .answers(id(0).0)
            .again_changes_nothing();
        given([registered(BOB)]).when(unreblog()).then([]);
        let favourite = schemas::commands::Command::Favourite(OnPost { account: BOB, post: P, author: ANA });
        given([registered(BOB), reblogged(BOB, Visibility::Public)]).when(favourite).then_events(1);
    }
}
