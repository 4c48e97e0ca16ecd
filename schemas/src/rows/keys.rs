//! The keys of every table, built of ids: the one place that knows their layout.

use super::table::{KeyPart, PartBuilder, RowKey, Table, View};
use crate::ids::{AccountId, AppId, PartitionId, PostId, RelationId, UnixMillis};
use crate::log::Offset;

/// One number as a key part.
pub fn id(value: u64) -> KeyPart {
    PartBuilder::default().u64(value).done()
}

/// Reads the number that a key part begins with.
pub fn id_of(part: &[u8]) -> Option<u64> {
    part.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Text as a key part.
pub fn text(value: &str) -> KeyPart {
    PartBuilder::default().text(value).done()
}

/// Reads the text of a key part.
pub fn text_of(part: &[u8]) -> Option<&str> {
    part.split(|byte| *byte == 0).next().and_then(|bytes| std::str::from_utf8(bytes).ok())
}

fn row(table: Table, pk: KeyPart, sk: KeyPart) -> RowKey {
    RowKey::new(table, pk, sk)
}

fn single(table: Table, key: u64) -> RowKey {
    row(table, id(key), KeyPart::new())
}

fn pair(table: Table, pk: u64, sk: u64) -> RowKey {
    row(table, id(pk), id(sk))
}

/// Key of an account's profile.
pub fn account(account: AccountId) -> RowKey {
    single(Table::Account, account.0)
}

/// Key of an account's own counts.
pub fn account_stats(account: AccountId) -> RowKey {
    single(Table::AccountStats, account.0)
}

/// Key of a normalised handle.
pub fn handle(normalised: &str) -> RowKey {
    row(Table::Handle, text(normalised), KeyPart::new())
}

/// Partition key of a partition's open claims and held handles, by due time.
pub fn open_claims_of(partition: PartitionId) -> KeyPart {
    PartBuilder::default().u16(partition.0).done()
}

/// Key of an open claim or held handle, due at a time.
pub fn open_claim(partition: PartitionId, due_ms: UnixMillis, normalised: &str) -> RowKey {
    row(Table::OpenClaim, open_claims_of(partition), PartBuilder::default().u64(due_ms).text(normalised).done())
}

/// Key of an account in the directory of all accounts (one partition key per source partition).
pub fn directory(partition: PartitionId, account: AccountId) -> RowKey {
    row(Table::Directory, PartBuilder::default().u16(partition.0).done(), id(account.0))
}

/// Partition key of the instance's totals.
pub fn instance() -> KeyPart {
    id(0)
}

/// Key of a partition's share of the instance's totals.
pub fn instance_stats(partition: PartitionId) -> RowKey {
    row(Table::InstanceStats, instance(), PartBuilder::default().u16(partition.0).done())
}

/// Key of a wish to follow.
pub fn followee(account: AccountId, target: AccountId) -> RowKey {
    pair(Table::Followee, account.0, target.0)
}

/// Key of an admission, as the followed side keeps it.
pub fn follower(account: AccountId, follower: AccountId) -> RowKey {
    pair(Table::Follower, account.0, follower.0)
}

/// Key of a relation in one of the lists of relations of an account (`FolloweeList`, `FollowerList`, `RequestList`, `BlockList`,
/// `MuteList`, `FavouriteList`, `BookmarkList`, `PinList`).
pub fn listed(list: Table, account: AccountId, relation: RelationId) -> RowKey {
    pair(list, account.0, relation.0)
}

/// Key of a block.
pub fn block(account: AccountId, target: AccountId) -> RowKey {
    pair(Table::Block, account.0, target.0)
}

/// Key of a block as the blocked reads it.
pub fn blocked_by(blocked: AccountId, account: AccountId) -> RowKey {
    pair(Table::BlockedBy, blocked.0, account.0)
}

/// Key of a mute.
pub fn mute(account: AccountId, target: AccountId) -> RowKey {
    pair(Table::Mute, account.0, target.0)
}

/// Key of a private note.
pub fn note(account: AccountId, target: AccountId) -> RowKey {
    pair(Table::Note, account.0, target.0)
}

/// Key of a post or reblog.
pub fn status(post: PostId) -> RowKey {
    single(Table::Status, post.0)
}

/// Key of a version of a post, counted from 0.
pub fn status_edit(post: PostId, version: u64) -> RowKey {
    pair(Table::StatusEdit, post.0, version)
}

/// Key of a source partition's share of a post's counts.
pub fn status_count(post: PostId, partition: PartitionId) -> RowKey {
    row(Table::StatusCount, id(post.0), PartBuilder::default().u16(partition.0).done())
}

/// Key of a direct reply.
pub fn reply(parent: PostId, post: PostId) -> RowKey {
    pair(Table::Reply, parent.0, post.0)
}

/// Key of what an account did with a post.
pub fn interaction(account: AccountId, post: PostId) -> RowKey {
    pair(Table::Interaction, account.0, post.0)
}

/// The tag that begins the partition key of what an account did with a post, among the rows of [`Table::Decision`]; both ids follow.
pub const DECIDED_INTERACTION: u8 = 9;

/// The post that a row is about, in the tables whose rows are mostly looked for in vain: what an account did with a post, what a post counts.
pub fn post_of(table: Table, pk: &[u8], sk: &[u8]) -> Option<PostId> {
    match (table, pk) {
        (Table::Interaction, _) => id_of(sk),
        (Table::StatusCount, _) => id_of(pk),
        (Table::Decision, [DECIDED_INTERACTION, ids @ ..]) => ids.get(8..).and_then(id_of),
        _ => None,
    }
    .map(PostId)
}

/// Key of a favourite as the post lists it.
pub fn favourited_by(post: PostId, relation: RelationId) -> RowKey {
    pair(Table::FavouritedBy, post.0, relation.0)
}

/// Key of a reblog as the original lists it.
pub fn reblogged_by(post: PostId, reblog: PostId) -> RowKey {
    pair(Table::RebloggedBy, post.0, reblog.0)
}

/// Key of a mention.
pub fn mention(account: AccountId, post: PostId) -> RowKey {
    pair(Table::Mention, account.0, post.0)
}

/// Key of an entry of an author's list.
pub fn author_list(author: AccountId, post: PostId) -> RowKey {
    pair(Table::AuthorList, author.0, post.0)
}

/// Milliseconds of a time bucket, as a power of two: 2^31 ms, about 25 days. No partition of a time-ordered table grows without bound.
pub const BUCKET_BITS: u32 = 31;

/// The bucket that holds a post's time.
pub fn bucket_of(post: PostId) -> u64 {
    post.snowflake().ms() >> BUCKET_BITS
}

/// Partition key of a bucket of the public timeline.
pub fn public_bucket(bucket: u64) -> KeyPart {
    id(bucket)
}

/// Key of an entry of the public timeline.
pub fn public_list(post: PostId) -> RowKey {
    row(Table::PublicList, public_bucket(bucket_of(post)), id(post.0))
}

/// Partition key of a bucket of a tag's timeline.
pub fn tag_bucket(tag: &str, bucket: u64) -> KeyPart {
    PartBuilder::default().text(tag).u64(bucket).done()
}

/// Key of an entry of a tag's timeline.
pub fn tag_list(tag: &str, post: PostId) -> RowKey {
    row(Table::TagList, tag_bucket(tag, bucket_of(post)), id(post.0))
}

/// Milliseconds of a day.
pub const DAY_MS: u64 = 86_400_000;

/// Key of a source partition's share of a tag's use on a day (days since 1970).
pub fn tag_use(tag: &str, day: u64, partition: PartitionId) -> RowKey {
    row(Table::TagUse, text(tag), PartBuilder::default().u64(day).u16(partition.0).done())
}

/// Partition key of the names of all tags.
pub fn tag_names() -> KeyPart {
    id(0)
}

/// Key of a tag's name.
pub fn tag_name(tag: &str) -> RowKey {
    row(Table::TagName, tag_names(), text(tag))
}

/// Key of the tags of a post.
pub fn post_tags(post: PostId) -> RowKey {
    single(Table::PostTags, post.0)
}

/// Key of an application.
pub fn app(app: AppId) -> RowKey {
    single(Table::App, app.0)
}

/// Key of a token, by SHA-256.
pub fn token(hash: &[u8]) -> RowKey {
    row(Table::Token, PartBuilder::default().raw(hash).done(), KeyPart::new())
}

/// Key of an authorization code, by SHA-256.
pub fn auth_code(hash: &[u8]) -> RowKey {
    row(Table::AuthCode, PartBuilder::default().raw(hash).done(), KeyPart::new())
}

/// Key of an account's credentials.
pub fn credential(account: AccountId) -> RowKey {
    single(Table::Credential, account.0)
}

/// Key of a token in the list of its account's.
pub fn token_of(account: AccountId, hash: &[u8]) -> RowKey {
    row(Table::TokenOf, id(account.0), PartBuilder::default().raw(hash).done())
}

/// Key of a reading marker.
pub fn marker(account: AccountId, timeline: &str) -> RowKey {
    row(Table::Marker, id(account.0), text(timeline))
}

/// Partition key of what a partition's reactors have yet to send.
pub fn outbox_of(partition: PartitionId) -> KeyPart {
    PartBuilder::default().u16(partition.0).done()
}

/// Key of something to be sent: the record that causes it, and its number among the record's events.
pub fn outbox(partition: PartitionId, offset: Offset, number: u16) -> RowKey {
    row(Table::Outbox, outbox_of(partition), PartBuilder::default().u64(offset).u16(number).done())
}

/// Partition key of the dead letters of a view's version in a partition.
pub fn dead_letters_of(view: View, version: u32, partition: PartitionId) -> KeyPart {
    PartBuilder::default().u16(view as u16).u64(u64::from(version)).u16(partition.0).done()
}

/// Key of a dead letter.
pub fn dead_letter(view: View, version: u32, partition: PartitionId, offset: Offset) -> RowKey {
    row(Table::DeadLetter, dead_letters_of(view, version, partition), id(offset))
}

/// Reads view, version and partition from a [`dead_letters_of`].
pub fn dead_letters_origin(part: &[u8]) -> Option<(View, u32, PartitionId)> {
    let (view, rest) = part.split_first_chunk::<2>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let partition = rest.first_chunk::<2>()?;
    let view = View::ALL.into_iter().find(|known| *known as u16 == u16::from_be_bytes(*view))?;
    Some((view, u32::try_from(u64::from_be_bytes(*version)).ok()?, PartitionId(u16::from_be_bytes(*partition))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_ids_do() {
        let mut keys: Vec<_> = [9, 1, 300, 256].map(|post| author_list(AccountId(5), PostId(post))).to_vec();
        keys.sort();
        assert_eq!(keys.iter().filter_map(|key| id_of(&key.sk)).collect::<Vec<_>>(), [1, 9, 256, 300]);
    }

    #[test]
    fn rows_about_posts_name_them() {
        let check = |key: RowKey, post: Option<u64>| assert_eq!(post_of(key.table, &key.pk, &key.sk), post.map(PostId), "{key:?}");
        check(interaction(AccountId(5), PostId(300)), Some(300));
        check(status_count(PostId(300), PartitionId(7)), Some(300));
        check(status(PostId(300)), None);
        let decided = |tag| PartBuilder::default().raw(&[tag]).u64(5).u64(300).done();
        check(row(Table::Decision, decided(DECIDED_INTERACTION), KeyPart::new()), Some(300));
        check(row(Table::Decision, decided(8), KeyPart::new()), None);
    }

    #[test]
    fn text_parts_come_back() {
        assert_eq!(text_of(&text("straße")), Some("straße"));
        assert_eq!(text_of(&tag_bucket("rust", 7)), Some("rust"));
    }
}
