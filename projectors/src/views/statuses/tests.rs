//! Specs of the statuses view.

use schemas::events::{Bookmarked, Favourited, Pinned, Unbookmarked, Unfavourited};
use schemas::ids::RelationId;
use schemas::rows::PostRow;

use super::super::spec::*;
use super::*;

fn content(text: &str) -> ContentRow {
    ContentRow { text: text.into(), ..ContentRow::default() }
}

fn status(content: ContentRow) -> StatusRow {
    StatusRow {
        author: ANA,
        visibility: Visibility::Public,
        reblog_of: None,
        content,
        in_reply_to: None,
        app: AppId(0),
        created_ms: T0,
        edited_ms: 0,
        versions: 1,
    }
}

fn counts(row_of: StatusCountRow) -> Expected {
    row(keys::status_count(BOB_POST, P), row_of)
}

fn favourited(relation: u64) -> Event {
    Favourited { account: ANA, post: BOB_POST, author: BOB, relation: RelationId(relation) }.into()
}

fn unfavourited(relation: u64) -> Event {
    Unfavourited { account: ANA, post: BOB_POST, author: BOB, relation: RelationId(relation) }.into()
}

fn done(row_of: InteractionRow) -> Expected {
    row(keys::interaction(ANA, BOB_POST), row_of)
}

const LISTED: PostRow = PostRow { post: BOB_POST, author: BOB };

#[test]
fn versions_are_kept_from_the_first_edit_on_and_go_with_the_post() {
    check(&Statuses, &[post(10)], &[row(keys::status(PostId(10)), status(content("post 10")))]);
    let edited = StatusRow { edited_ms: T0, versions: 2, ..status(content("edited 10")) };
    let version = |number, text| row(keys::status_edit(PostId(10), number), StatusEditRow { content: content(text), created_ms: T0 });
    let kept = [row(keys::status(PostId(10)), edited), version(0, "post 10"), version(1, "edited 10")];
    check(&Statuses, &[post(10), tagged_edit(10, &[])], &kept);
    check(&Statuses, &[post(10), tagged_edit(10, &[]), deleted(10)], &[]);
}

#[test]
fn only_open_replies_count_but_all_are_indexed() {
    let reply = |id: u64, visibility| {
        let in_reply_to = Some(ReplyTo { post: BOB_POST, account: BOB });
        let status = StatusRow { in_reply_to, visibility, ..status(content(&format!("post {id}"))) };
        [row(keys::status(PostId(id)), status), row(keys::reply(BOB_POST, PostId(id)), AuthorRow { author: ANA })]
    };
    check(&Statuses, &[private_reply_to(10, BOB_POST)], &reply(10, Visibility::Private));
    let mut expected = reply(10, Visibility::Public).to_vec();
    expected.push(counts(StatusCountRow { replies: 1, last: 1, ..StatusCountRow::default() }));
    check(&Statuses, &[reply_to(10, BOB_POST)], &expected);
    let none = counts(StatusCountRow { last: 2, ..StatusCountRow::default() });
    check(&Statuses, &[reply_to(10, BOB_POST), deleted_reply(10, BOB_POST)], &[none]);
}

#[test]
fn an_edit_mentions_others() {
    let mention = |account: AccountId| Mention { account, handle: "x".into() };
    let mentioning = |event: Event, accounts: &[AccountId]| match event {
        Event::PostPublished(e) => Event::from(PostPublished { mentions: accounts.iter().map(|a| mention(*a)).collect(), ..e }),
        Event::PostEdited(e) => Event::from(PostEdited { mentions: accounts.iter().map(|a| mention(*a)).collect(), ..e }),
        other => other,
    };
    let carol = AccountId(8);
    let mut store = rows_of(&[mentioning(post(10), &[BOB]), mentioning(tagged_edit(10, &[]), &[carol])]);
    store.retain(|(key, _)| key.table == Table::Mention);
    assert_eq!(store, [row(keys::mention(carol, PostId(10)), AuthorRow { author: ANA })]);
}

fn rows_of(events: &[Event]) -> Vec<Expected> {
    let mut rows = Rows::default();
    let context = |offset| Context { partition: P, offset, time_ms: T0 };
    let mut reads = Vec::new();
    events.iter().for_each(|event| Statuses.reads(event, &context(0), &mut reads));
    reads.into_iter().for_each(|key| rows.fetched(key, None));
    for (offset, event) in (0..).zip(events) {
        rows.begin(offset);
        Statuses.project(event, &context(offset), &mut rows);
    }
    rows.into_writes().into_iter().filter_map(|write| Some((write.key, write.value?))).collect()
}

#[test]
fn a_favourite_is_counted_listed_and_taken_back() {
    let by = row(keys::favourited_by(BOB_POST, RelationId(7)), AuthorRow { author: ANA });
    let list = row(keys::listed(Table::FavouriteList, ANA, RelationId(7)), LISTED);
    let one = counts(StatusCountRow { favourites: 1, last: 1, ..StatusCountRow::default() });
    let interaction = done(InteractionRow { favourite: Some(RelationId(7)), ..InteractionRow::default() });
    check(&Statuses, &[favourited(7), unfavourited(8)], &[by, list, one, interaction]);
    let none = counts(StatusCountRow { last: 2, ..StatusCountRow::default() });
    check(&Statuses, &[favourited(7), unfavourited(7)], &[none]);
}

#[test]
fn a_reblog_is_a_status_and_is_taken_back() {
    let reblog_of = Some(ReplyTo { post: BOB_POST, account: BOB });
    let stands = [
        row(keys::status(PostId(12)), StatusRow { reblog_of, ..status(ContentRow::default()) }),
        row(keys::reblogged_by(BOB_POST, PostId(12)), AuthorRow { author: ANA }),
        done(InteractionRow { reblog: Some(PostId(12)), ..InteractionRow::default() }),
        counts(StatusCountRow { reblogs: 1, last: 1, ..StatusCountRow::default() }),
    ];
    check(&Statuses, &[reblogged(12, BOB_POST)], &stands);
    let none = counts(StatusCountRow { last: 2, ..StatusCountRow::default() });
    check(&Statuses, &[reblogged(12, BOB_POST), unreblogged(12, BOB_POST)], &[none]);
}

#[test]
fn an_interaction_is_kept_while_anything_of_it_stands() {
    let bookmarked = Bookmarked { account: ANA, post: BOB_POST, author: BOB, relation: RelationId(6) };
    let unbookmarked = Unbookmarked { account: ANA, post: BOB_POST, author: BOB, relation: RelationId(6) };
    let none = counts(StatusCountRow { last: 3, ..StatusCountRow::default() });
    let bookmark = [
        done(InteractionRow { bookmark: Some(RelationId(6)), ..InteractionRow::default() }),
        row(keys::listed(Table::BookmarkList, ANA, RelationId(6)), LISTED),
        none.clone(),
    ];
    let history = [favourited(7), bookmarked.into(), unfavourited(7), unbookmarked.into()];
    check(&Statuses, &history[..3], &bookmark);
    check(&Statuses, &history, &[none]);
}

#[test]
fn a_pin_goes_with_its_post() {
    let pinned = Pinned { account: ANA, post: PostId(10), relation: RelationId(6) };
    let pin = row(keys::interaction(ANA, PostId(10)), InteractionRow { pin: Some(RelationId(6)), ..InteractionRow::default() });
    let listed = row(keys::listed(Table::PinList, ANA, RelationId(6)), PostRow { post: PostId(10), author: ANA });
    check(&Statuses, &[post(10), pinned.clone().into()], &[row(keys::status(PostId(10)), status(content("post 10"))), pin, listed]);
    check(&Statuses, &[post(10), pinned.into(), deleted(10)], &[]);
}
