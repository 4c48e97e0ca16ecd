//! The specs of views as data: given events, exactly these rows.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemas::events::{Event, PostDeleted, PostEdited, PostPublished, Reblogged, ReplyTo, Unreblogged, Visibility};
use schemas::ids::{AppId, PostId};
use schemas::rows::{RowKey, codec};
use schemas::{AccountId, PartitionId, UnixMillis};
use serde::Serialize;

use super::{Context, Projection};
use crate::rows::Rows;

pub(super) const NOBODY: AccountId = AccountId(0);
pub(super) const ANA: AccountId = AccountId(1);
pub(super) const BOB: AccountId = AccountId(2);
pub(super) const BOB_POST: PostId = PostId(5);
pub(super) const P: PartitionId = PartitionId(3);
pub(super) const T0: UnixMillis = 1_700_000_000_000;

/// A row that is to be there.
pub(super) type Expected = (RowKey, Bytes);

pub(super) fn row(key: RowKey, row: impl Serialize) -> Expected {
    (key, codec::encode(&row))
}

/// Projects the events, each a record of its own from offset 0 on, and compares all rows; then the same in one batch.
pub(super) fn check(view: &dyn Projection, events: &[Event], expected: &[Expected]) {
    let records: Vec<Vec<Event>> = events.iter().map(|event| vec![event.clone()]).collect();
    check_records(view, &records, expected);
}

/// The same for records of several events.
pub(super) fn check_records(view: &dyn Projection, records: &[Vec<Event>], expected: &[Expected]) {
    let expected: BTreeMap<RowKey, Bytes> = expected.iter().cloned().collect();
    for batch in [1, records.len().max(1)] {
        let mut store = BTreeMap::new();
        for (index, batch_records) in records.chunks(batch).enumerate() {
            project(view, index * batch, batch_records, &mut store);
        }
        assert!(store.keys().all(|key: &RowKey| key.table.view() == view.view()), "a view writes its own tables");
        assert_eq!(named(&store), named(&expected), "in batches of {batch}");
    }
}

fn project(view: &dyn Projection, first: usize, records: &[Vec<Event>], store: &mut BTreeMap<RowKey, Bytes>) {
    let mut rows = Rows::default();
    let context = |index: usize| Context { partition: P, offset: (first + index) as u64, time_ms: T0 };
    let mut reads = Vec::new();
    for (index, events) in records.iter().enumerate() {
        events.iter().for_each(|event| view.reads(event, &context(index), &mut reads));
    }
    for key in reads {
        let value = store.get(&key).cloned();
        rows.fetched(key, value);
    }
    for (index, events) in records.iter().enumerate() {
        rows.begin(context(index).offset);
        events.iter().for_each(|event| view.project(event, &context(index), &mut rows));
    }
    for write in rows.into_writes() {
        match write.value {
            Some(value) => store.insert(write.key, value),
            None => store.remove(&write.key),
        };
    }
}

fn named(rows: &BTreeMap<RowKey, Bytes>) -> Vec<(&'static str, &RowKey, &Bytes)> {
    rows.iter().map(|(key, value)| (key.table.name(), key, value)).collect()
}

fn published(id: u64, visibility: Visibility, tags: &[&str], in_reply_to: Option<ReplyTo>) -> PostPublished {
    PostPublished {
        post: PostId(id),
        account: ANA,
        visibility,
        text: format!("post {id}"),
        spoiler: String::new(),
        sensitive: false,
        language: None,
        mentions: Vec::new(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        in_reply_to,
        app: AppId(0),
    }
}

pub(super) fn post(id: u64) -> Event {
    published(id, Visibility::Public, &[], None).into()
}

pub(super) fn direct(id: u64) -> Event {
    published(id, Visibility::Direct, &[], None).into()
}

pub(super) fn tagged_post(id: u64, tags: &[&str]) -> Event {
    published(id, Visibility::Public, tags, None).into()
}

pub(super) fn reply_to(id: u64, parent: PostId) -> Event {
    published(id, Visibility::Public, &[], Some(ReplyTo { post: parent, account: BOB })).into()
}

pub(super) fn private_reply_to(id: u64, parent: PostId) -> Event {
    published(id, Visibility::Private, &[], Some(ReplyTo { post: parent, account: BOB })).into()
}

pub(super) fn tagged_edit(id: u64, tags: &[&str]) -> Event {
    let e = published(id, Visibility::Public, tags, None);
    PostEdited {
        post: e.post,
        account: e.account,
        visibility: e.visibility,
        text: format!("edited {id}"),
        spoiler: e.spoiler,
        sensitive: e.sensitive,
        language: e.language,
        mentions: e.mentions,
        tags: e.tags,
    }
    .into()
}

pub(super) fn tagged_delete(id: u64, tags: &[&str]) -> Event {
    deletion(id, tags, None)
}

pub(super) fn deleted(id: u64) -> Event {
    deletion(id, &[], None)
}

pub(super) fn deleted_reply(id: u64, parent: PostId) -> Event {
    deletion(id, &[], Some(ReplyTo { post: parent, account: BOB }))
}

fn deletion(id: u64, tags: &[&str], in_reply_to: Option<ReplyTo>) -> Event {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    PostDeleted { post: PostId(id), account: ANA, visibility: Visibility::Public, in_reply_to, mentions: Vec::new(), tags }.into()
}

pub(super) fn reblogged(id: u64, post: PostId) -> Event {
    Reblogged { reblog: PostId(id), account: ANA, post, author: BOB, visibility: Visibility::Public }.into()
}

pub(super) fn unreblogged(id: u64, post: PostId) -> Event {
    Unreblogged { reblog: PostId(id), account: ANA, post, author: BOB, visibility: Visibility::Public }.into()
}
