//! A small world for tests: rows as the projectors write them, by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use infra::cache::{StampedViews, Stamps};
use infra::progress::Progress;
use infra::search::SearchIndex;
use infra::search::memory::MemorySearch;
use infra::timelines::{Entry, MemorySource, NaiveTimelines, TimelineSource, Timelines};
use infra::views::memory::MemoryViews;
use infra::views::{Version, ViewBatch, ViewStore};
use schemas::events::{Mention, Profile, ReplyTo, Visibility};
use schemas::rows::{
    AccountRow, AccountStatsRow, AuthorRow, ContentRow, EntryRow, FolloweeRow, FollowerRow, HandleRow, HandleState, InteractionRow,
    MuteRow, PeerRow, RelationRow, RowKey, RowWrite, StatusRow, Table, codec, entry_flags, keys,
};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId, UnixMillis};
use serde::Serialize;

use crate::settings::Settings;
use crate::side::QuerySide;

/// When the world begins: 14 November 2023.
pub(crate) const T0: UnixMillis = 1_700_000_000_000;

pub(crate) struct World {
    pub(crate) views: Arc<dyn ViewStore>,
    pub(crate) source: Arc<MemorySource>,
    pub(crate) timelines: Arc<dyn Timelines>,
    pub(crate) search: Arc<MemorySearch>,
    pub(crate) side: Arc<QuerySide>,
    pub(crate) clock: Arc<AtomicU64>,
    relations: AtomicU64,
}

/// Makes timelines over a source and a clock.
pub(crate) type MakeTimelines = dyn Fn(Arc<dyn TimelineSource>, Arc<dyn Fn() -> UnixMillis + Send + Sync>) -> Arc<dyn Timelines>;

/// The id of a post published that many milliseconds after the beginning.
pub(crate) fn post_id(ms: u64) -> PostId {
    PostId((T0 + ms) << 16)
}

/// A public post with a text.
pub(crate) fn says(author: u64, text: &str) -> StatusRow {
    StatusRow {
        author: AccountId(author),
        visibility: Visibility::Public,
        reblog_of: None,
        content: ContentRow { text: text.to_owned(), ..ContentRow::default() },
        in_reply_to: None,
        app: AppId(0),
        created_ms: T0,
        edited_ms: 0,
        versions: 1,
    }
}

/// Someone mentioned.
pub(crate) fn mention(account: u64) -> Mention {
    Mention { account: AccountId(account), handle: format!("u{account}") }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&|source, _| Arc::new(NaiveTimelines::new(source)))
    }

    pub(crate) fn with(timelines: &MakeTimelines) -> Self {
        let stamps = Arc::new(Stamps::new());
        let views: Arc<dyn ViewStore> = Arc::new(StampedViews::new(Arc::new(MemoryViews::new()), stamps.clone()));
        let source = Arc::new(MemorySource::new());
        let clock = Arc::new(AtomicU64::new(T0));
        let told = clock.clone();
        let tells: Arc<dyn Fn() -> UnixMillis + Send + Sync> = Arc::new(move || told.load(Ordering::SeqCst));
        let timelines = timelines(source.clone(), tells.clone());
        let search = Arc::new(MemorySearch::new());
        let index: Arc<dyn SearchIndex> = search.clone();
        let settings = Settings { version: "1.2.3".to_owned(), ..Settings::at("https://roost.example", 4) };
        let progress = Arc::new(Progress::new(1, 4));
        let side = QuerySide::new(views.clone(), stamps, timelines.clone(), index, progress, settings, tells);
        Self { views, source, timelines, search, side, clock, relations: AtomicU64::new(T0 << 16) }
    }

    /// A service over the same rows and timelines whose caches are empty, and stay true only until the next write.
    pub(crate) fn fresh_side(&self) -> Arc<QuerySide> {
        let (stamps, progress, told) = (Arc::new(Stamps::new()), Arc::new(Progress::new(1, 4)), self.clock.clone());
        let settings = Settings { version: "1.2.3".to_owned(), ..Settings::at("https://roost.example", 4) };
        let tells = Arc::new(move || told.load(Ordering::SeqCst));
        QuerySide::new(self.views.clone(), stamps, self.timelines.clone(), self.search.clone(), progress, settings, tells)
    }

    pub(crate) async fn write(&self, writes: Vec<(RowKey, Option<bytes::Bytes>)>) {
        let writes = writes.into_iter().map(|(key, value)| RowWrite { key, value, offset: 0 }).collect();
        self.views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.expect("memory takes all");
    }

    pub(crate) async fn put<T: Serialize>(&self, key: RowKey, row: &T) {
        self.write(vec![(key, Some(codec::encode(row)))]).await;
    }

    pub(crate) async fn remove(&self, key: RowKey) {
        self.write(vec![(key, None)]).await;
    }

    fn relation(&self) -> RelationId {
        RelationId(self.relations.fetch_add(1 << 16, Ordering::SeqCst))
    }

    pub(crate) async fn account(&self, id: u64, change: impl FnOnce(&mut Profile)) {
        let mut profile = Profile::default();
        change(&mut profile);
        let handle = format!("u{id}");
        let confirmed = HandleRow { account: AccountId(id), claim: RelationId(0), state: HandleState::Confirmed, due_ms: 0 };
        self.put(keys::handle(&handle), &confirmed).await;
        self.put(keys::account(AccountId(id)), &AccountRow { handle, profile, created_ms: T0 }).await;
        self.put(keys::account_stats(AccountId(id)), &AccountStatsRow::default()).await;
        self.put(keys::directory(PartitionId(0), AccountId(id)), &()).await;
    }

    /// Publishes a post or reblog, in all lists.
    pub(crate) async fn publish(&self, id: PostId, row: StatusRow) {
        self.put(keys::status(id), &row).await;
        if let Some(parent) = &row.in_reply_to {
            self.put(keys::reply(parent.post, id), &AuthorRow { author: row.author }).await;
        }
        let entry = EntryRow { author: row.author, flags: flags(&row) };
        self.put(keys::author_list(row.author, id), &entry).await;
        if row.visibility == Visibility::Public && row.reblog_of.is_none() {
            self.put(keys::public_list(id), &entry).await;
            for tag in &row.content.tags {
                self.put(keys::tag_list(tag, id), &entry).await;
            }
        }
        let posted = self.source.post(Entry { post: id, author: row.author, flags: entry.flags });
        self.timelines.apply(&[posted]).await.expect("apply");
    }

    pub(crate) async fn reblog(&self, id: PostId, by: u64, of: PostId, author: u64) {
        let reblog_of = Some(ReplyTo { post: of, account: AccountId(author) });
        self.publish(id, StatusRow { reblog_of, ..says(by, "") }).await;
    }

    pub(crate) async fn delete(&self, id: PostId, row: &StatusRow) {
        self.remove(keys::status(id)).await;
        self.remove(keys::author_list(row.author, id)).await;
        self.remove(keys::public_list(id)).await;
        let removed = self.source.remove(Entry { post: id, author: row.author, flags: flags(row) });
        self.timelines.apply(&[removed]).await.expect("apply");
    }

    pub(crate) async fn follow(&self, reader: u64, author: u64) {
        let (relation, from, to) = (self.relation(), AccountId(reader), AccountId(author));
        let wish = FolloweeRow { relation, confirmed: true, reblogs: true, notify: false, languages: Vec::new() };
        self.put(keys::followee(from, to), &wish).await;
        self.put(keys::follower(to, from), &FollowerRow { relation, accepted: true }).await;
        self.put(keys::listed(Table::FolloweeList, from, relation), &PeerRow { account: to }).await;
        self.put(keys::listed(Table::FollowerList, to, relation), &PeerRow { account: from }).await;
        self.timelines.apply(&[self.source.follow(from, to)]).await.expect("apply");
    }

    pub(crate) async fn unfollow(&self, reader: u64, author: u64) {
        let (from, to) = (AccountId(reader), AccountId(author));
        self.remove(keys::followee(from, to)).await;
        self.remove(keys::follower(to, from)).await;
        self.timelines.apply(&[self.source.unfollow(from, to)]).await.expect("apply");
    }

    pub(crate) async fn block(&self, account: u64, target: u64) {
        let (row, from, to) = (RelationRow { relation: self.relation() }, AccountId(account), AccountId(target));
        self.unfollow(account, target).await;
        self.unfollow(target, account).await;
        self.put(keys::block(from, to), &row).await;
        self.put(keys::blocked_by(to, from), &row).await;
        self.put(keys::listed(Table::BlockList, from, row.relation), &PeerRow { account: to }).await;
    }

    pub(crate) async fn unblock(&self, account: u64, target: u64) {
        self.remove(keys::block(AccountId(account), AccountId(target))).await;
        self.remove(keys::blocked_by(AccountId(target), AccountId(account))).await;
    }

    pub(crate) async fn mute(&self, account: u64, target: u64, expires_ms: UnixMillis) {
        let relation = self.relation();
        self.put(keys::mute(AccountId(account), AccountId(target)), &MuteRow { relation, notifications: true, expires_ms }).await;
        let listed = keys::listed(Table::MuteList, AccountId(account), relation);
        self.put(listed, &PeerRow { account: AccountId(target) }).await;
    }

    pub(crate) async fn unmute(&self, account: u64, target: u64) {
        self.remove(keys::mute(AccountId(account), AccountId(target))).await;
    }

    pub(crate) async fn interact(&self, account: u64, post: PostId, row: InteractionRow) {
        self.put(keys::interaction(AccountId(account), post), &row).await;
    }
}

fn flags(row: &StatusRow) -> u32 {
    let reply = match &row.in_reply_to {
        Some(parent) if parent.account == row.author => entry_flags::SELF_REPLY,
        Some(_) => entry_flags::REPLY,
        None => 0,
    };
    let reblog = row.reblog_of.map_or(0, |of| entry_flags::REBLOG | entry_flags::of_original(of.post));
    entry_flags::of_visibility(row.visibility) | reply | reblog
}
