//! The timelines view: author, public and tag lists, and how tags are used.
//!
//! Lists hold entries with flags, enough to skip an entry without its post. Home timelines are computed of author lists elsewhere
//! (`home_timeline.rs` tells them what changed).

use schemas::AccountId;
use schemas::events::{Event, PostDeleted, PostEdited, PostPublished, ReplyTo, Visibility};
use schemas::ids::PostId;
use schemas::rows::keys::DAY_MS;
use schemas::rows::{EntryRow, RowKey, TagUseRow, TagsRow, View, entry_flags, keys};

use super::{Context, Projection};
use crate::rows::Rows;

/// Accounts remembered per tag, day and partition, to count each once.
const RECENT_ACCOUNTS_MAX: usize = 64;

/// The timelines view.
pub(super) struct Timelines;

impl Projection for Timelines {
    fn view(&self) -> View {
        View::Timelines
    }

    fn reads(&self, event: &Event, context: &Context, reads: &mut Vec<RowKey>) {
        match event {
            Event::PostPublished(e) if e.visibility == Visibility::Public => read_tag_uses(&e.tags, context, reads),
            Event::PostEdited(e) if e.visibility == Visibility::Public => {
                reads.extend([keys::post_tags(e.post), keys::author_list(e.account, e.post)]);
                read_tag_uses(&e.tags, context, reads);
            }
            _ => {}
        }
    }

    fn project(&self, event: &Event, context: &Context, rows: &mut Rows) {
        match event {
            Event::PostPublished(e) => publish(rows, context, e),
            Event::PostEdited(e) if e.visibility == Visibility::Public => edit(rows, context, e),
            Event::PostDeleted(e) => delete(rows, e),
            Event::Reblogged(e) => rows.put(keys::author_list(e.account, e.reblog), &entry_of_reblog(e.account, e.post, e.visibility)),
            Event::Unreblogged(e) => rows.delete(keys::author_list(e.account, e.reblog)),
            _ => {}
        }
    }
}

/// The entry of a post.
pub(super) fn entry_of_post(author: AccountId, visibility: Visibility, in_reply_to: Option<&ReplyTo>) -> EntryRow {
    let reply = match in_reply_to {
        Some(parent) if parent.account == author => entry_flags::SELF_REPLY,
        Some(_) => entry_flags::REPLY,
        None => 0,
    };
    EntryRow { author, flags: entry_flags::of_visibility(visibility) | reply }
}

/// The entry of a reblog.
pub(super) fn entry_of_reblog(author: AccountId, original: PostId, visibility: Visibility) -> EntryRow {
    EntryRow { author, flags: entry_flags::of_visibility(visibility) | entry_flags::REBLOG | entry_flags::of_original(original) }
}

fn day(context: &Context) -> u64 {
    context.time_ms / DAY_MS
}

fn read_tag_uses(tags: &[String], context: &Context, reads: &mut Vec<RowKey>) {
    reads.extend(tags.iter().map(|tag| keys::tag_use(tag, day(context), context.partition)));
}

fn publish(rows: &mut Rows, context: &Context, e: &PostPublished) {
    let entry = entry_of_post(e.account, e.visibility, e.in_reply_to.as_ref());
    rows.put(keys::author_list(e.account, e.post), &entry);
    if e.visibility != Visibility::Public {
        return;
    }
    rows.put(keys::public_list(e.post), &entry);
    for tag in &e.tags {
        put_tag(rows, context, tag, e.post, &entry);
    }
    put_post_tags(rows, e.post, &e.tags);
}

fn edit(rows: &mut Rows, context: &Context, e: &PostEdited) {
    let Some(entry) = rows.get::<EntryRow>(&keys::author_list(e.account, e.post)) else { return };
    let before = rows.get::<TagsRow>(&keys::post_tags(e.post)).map(|row| row.tags).unwrap_or_default();
    for tag in before.iter().filter(|tag| !e.tags.contains(tag)) {
        rows.delete(keys::tag_list(tag, e.post));
    }
    for tag in e.tags.iter().filter(|tag| !before.contains(tag)) {
        put_tag(rows, context, tag, e.post, &entry);
    }
    put_post_tags(rows, e.post, &e.tags);
}

fn delete(rows: &mut Rows, e: &PostDeleted) {
    rows.delete(keys::author_list(e.account, e.post));
    if e.visibility != Visibility::Public {
        return;
    }
    rows.delete(keys::public_list(e.post));
    for tag in &e.tags {
        rows.delete(keys::tag_list(tag, e.post));
    }
    put_post_tags(rows, e.post, &[]);
}

fn put_post_tags(rows: &mut Rows, post: PostId, tags: &[String]) {
    match tags.is_empty() {
        true => rows.delete(keys::post_tags(post)),
        false => rows.put(keys::post_tags(post), &TagsRow { tags: tags.to_vec() }),
    }
}

/// Lists the post under the tag and counts the use; a use stays counted when the post goes.
fn put_tag(rows: &mut Rows, context: &Context, tag: &str, post: PostId, entry: &EntryRow) {
    rows.put(keys::tag_list(tag, post), entry);
    rows.put(keys::tag_name(tag), &());
    rows.count(keys::tag_use(tag, day(context), context.partition), |row: &mut TagUseRow| {
        row.uses += 1;
        if !row.recent.contains(&entry.author) {
            row.accounts += 1;
            row.recent.insert(0, entry.author);
            row.recent.truncate(RECENT_ACCOUNTS_MAX);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::spec::*;
    use super::*;

    fn entry(flags: u32) -> EntryRow {
        EntryRow { author: ANA, flags }
    }

    fn tag_use(tag: &str, uses: u64, last: u64) -> Expected {
        row(keys::tag_use(tag, T0 / DAY_MS, P), TagUseRow { uses, accounts: 1, recent: vec![ANA], last })
    }

    #[test]
    fn public_posts_are_everywhere_others_with_their_author_only() {
        let listed = |flags| row(keys::author_list(ANA, PostId(10)), entry(flags));
        check(&Timelines, &[post(10)], &[listed(0), row(keys::public_list(PostId(10)), entry(0))]);
        check(&Timelines, &[direct(10)], &[listed(3 << 4)]);
        let reply = row(keys::author_list(ANA, PostId(11)), entry(entry_flags::REPLY));
        check(&Timelines, &[reply_to(11, BOB_POST)], &[reply, row(keys::public_list(PostId(11)), entry(entry_flags::REPLY))]);
        check(&Timelines, &[post(10), deleted(10)], &[]);
    }

    #[test]
    fn reblogs_are_with_their_author_only() {
        let flags = entry_flags::REBLOG | entry_flags::of_original(BOB_POST);
        check(&Timelines, &[reblogged(12, BOB_POST)], &[row(keys::author_list(ANA, PostId(12)), entry(flags))]);
        check(&Timelines, &[reblogged(12, BOB_POST), unreblogged(12, BOB_POST)], &[]);
    }

    #[test]
    fn an_edit_moves_a_post_between_tags() {
        let tagged = |tag: &str| row(keys::tag_list(tag, PostId(10)), entry(0));
        let name = |tag: &str| row(keys::tag_name(tag), ());
        let tags = |tags: &[&str]| row(keys::post_tags(PostId(10)), TagsRow { tags: tags.iter().map(|tag| (*tag).into()).collect() });
        let everywhere = [row(keys::author_list(ANA, PostId(10)), entry(0)), row(keys::public_list(PostId(10)), entry(0))];
        let mut expected = everywhere.to_vec();
        expected.extend([tagged("b"), tagged("c"), name("a"), name("b"), name("c"), tags(&["b", "c"])]);
        expected.extend([tag_use("a", 1, 1), tag_use("b", 1, 1), tag_use("c", 1, 2)]);
        check(&Timelines, &[tagged_post(10, &["a", "b"]), tagged_edit(10, &["b", "c"])], &expected);
        let used = [name("a"), tag_use("a", 2, 2), row(keys::author_list(ANA, PostId(11)), entry(0))];
        let mut expected = used.to_vec();
        expected.extend([row(keys::public_list(PostId(11)), entry(0)), row(keys::tag_list("a", PostId(11)), entry(0))]);
        expected.push(row(keys::post_tags(PostId(11)), TagsRow { tags: vec!["a".into()] }));
        check(&Timelines, &[tagged_post(10, &["a"]), tagged_post(11, &["a"]), tagged_delete(10, &["a"])], &expected);
    }
}
