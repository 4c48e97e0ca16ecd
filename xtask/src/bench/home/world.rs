//! Readers, the authors whom they follow, and their posts, as rows in memory; a query service and its routes over them.

use anyhow::Result;
use axum::Router;
use infra::cache::{StampedViews, Stamps};
use infra::http::{Edge, Settings as EdgeSettings, finish};
use infra::keys::{InstanceKeys, sha256};
use infra::progress::Progress;
use infra::search::memory::MemorySearch;
use infra::timelines::ring::{RingOptions, RingTimelines};
use infra::timelines::{Timelines, ViewSource};
use infra::views::memory::MemoryViews;
use infra::views::{Version, ViewBatch, ViewStore};
use queries::{QuerySide, Settings};
use schemas::events::{Profile, ReplyTo, Visibility};
use schemas::rows::{
    AccountRow, AccountStatsRow, ContentRow, EntryRow, FolloweeRow, InteractionRow, PeerRow, RowKey, RowWrite, StatusCountRow, StatusRow,
    Table, TokenRow, codec, entry_flags, keys,
};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId};
use serde::Serialize;
use std::sync::Arc;

const T0_MS: u64 = 1_700_000_000_000;
const READERS_FROM: u64 = 1_000_000;
const POSTS_PER_AUTHOR: u64 = 12;
const PARTITIONS: u16 = 8;
/// 140 characters, the length of a post in workload W1.
const TEXT: &str = "a post of a hundred and forty characters, with a #hashtag, as people write when they are given more room than that, measured in workload W1.";
const NOTE: &str = "Writes about birds, trains and the weather.\nFormerly elsewhere. https://example.org/about";

/// The token of a reader.
pub(super) fn token(reader: u64) -> String {
    format!("bench-token-of-reader-{reader}")
}

/// A small instance in memory.
pub(super) struct World {
    views: Arc<dyn ViewStore>,
    edge: Arc<Edge>,
    pub(super) side: Arc<QuerySide>,
    pub(super) timelines: Arc<dyn Timelines>,
}

impl World {
    /// Makes readers who each follow `followees` authors and `celebrities` whom all follow.
    pub(super) async fn new(readers: u64, followees: u64, celebrities: u64) -> Result<Self> {
        let stamps = Arc::new(Stamps::new());
        let views: Arc<dyn ViewStore> = Arc::new(StampedViews::new(Arc::new(MemoryViews::new()), stamps.clone()));
        let progress = Arc::new(Progress::new(1, PARTITIONS));
        let source = Arc::new(ViewSource::new(views.clone()));
        let clock: queries::Clock = Arc::new(|| T0_MS + 86_400_000);
        let timelines: Arc<dyn Timelines> = Arc::new(RingTimelines::new(source, clock.clone(), RingOptions::default()));
        let search = Arc::new(MemorySearch::new());
        let settings = Settings::at("https://bench.example", PARTITIONS);
        let side = QuerySide::new(views.clone(), stamps.clone(), timelines.clone(), search, progress.clone(), settings, clock);
        let edge_settings = EdgeSettings { rate_limits: false, ..EdgeSettings::default() };
        let edge = Arc::new(Edge::new(views.clone(), stamps, progress, InstanceKeys::new([7; 32]), edge_settings));
        let world = Self { views, edge, side, timelines };
        let authors = followees * 4;
        for author in 0..authors + celebrities {
            let followers = if author < authors { readers * followees / authors } else { 300_000 };
            world.author(author, followers, authors + celebrities).await?;
        }
        for reader in 0..readers {
            let near = (0..followees).map(|n| (reader * 7 + n * 3) % authors);
            world.a_reader(reader, near.chain(authors..authors + celebrities)).await?;
        }
        Ok(world)
    }

    /// The account of a reader.
    pub(super) fn reader(&self, reader: u64) -> AccountId {
        AccountId(READERS_FROM + reader)
    }

    /// The routes, as a server has them.
    pub(super) fn router(&self) -> Router {
        finish(queries::http::routes(self.side.clone(), self.edge.clone()), self.edge.clone())
    }

    async fn account(&self, writes: &mut Vec<RowWrite>, account: AccountId, followers: u64) {
        let profile = Profile { display_name: format!("Person number {account}"), note: NOTE.to_owned(), ..Profile::default() };
        put(writes, keys::account(account), &AccountRow { handle: format!("person_{account}"), profile, created_ms: T0_MS });
        put(
            writes,
            keys::account_stats(account),
            &AccountStatsRow { statuses: 1_234, following: 70, followers, ..AccountStatsRow::default() },
        );
    }

    /// An author with its posts, a quarter of them reblogs of the next author's.
    async fn author(&self, author: u64, followers: u64, authors: u64) -> Result<()> {
        let mut writes = Vec::new();
        self.account(&mut writes, AccountId(author), followers).await;
        for n in 0..POSTS_PER_AUTHOR {
            let id = post(author, n);
            let reblogged = (n > 0 && (author + n) % 4 == 3).then(|| ((author + 1) % authors, n - 1));
            let row = StatusRow {
                author: AccountId(author),
                visibility: Visibility::Public,
                reblog_of: reblogged.map(|(of, n)| ReplyTo { post: post(of, n), account: AccountId(of) }),
                content: match reblogged {
                    Some(_) => ContentRow::default(),
                    None => ContentRow {
                        text: TEXT.to_owned(),
                        tags: vec!["hashtag".to_owned()],
                        language: Some("en".to_owned()),
                        ..ContentRow::default()
                    },
                },
                in_reply_to: None,
                app: AppId(0),
                created_ms: id.snowflake().ms(),
                edited_ms: 0,
                versions: 1,
            };
            put(&mut writes, keys::status(id), &row);
            put(&mut writes, keys::status_count(id, PartitionId(1)), &StatusCountRow { replies: 2, reblogs: 3, favourites: 5, last: 1 });
            let flags = if reblogged.is_some() { entry_flags::REBLOG } else { 0 };
            put(&mut writes, keys::author_list(AccountId(author), id), &EntryRow { author: AccountId(author), flags });
        }
        self.commit(writes).await
    }

    async fn a_reader(&self, reader: u64, follows: impl Iterator<Item = u64>) -> Result<()> {
        let (account, mut writes) = (self.reader(reader), Vec::new());
        self.account(&mut writes, account, 50).await;
        let row = TokenRow { account, app: AppId(0), scopes: vec!["read".to_owned()], created_ms: T0_MS };
        put(&mut writes, keys::token(&sha256(token(reader).as_bytes())), &row);
        for author in follows.map(AccountId) {
            let relation = RelationId(reader << 20 | author.0);
            let follow = FolloweeRow { relation, confirmed: true, reblogs: true, notify: false, languages: Vec::new() };
            put(&mut writes, keys::followee(account, author), &follow);
            put(&mut writes, keys::listed(Table::FolloweeList, account, relation), &PeerRow { account: author });
            let favourite = InteractionRow { favourite: Some(relation), ..InteractionRow::default() };
            put(&mut writes, keys::interaction(account, post(author.0, author.0 % POSTS_PER_AUTHOR)), &favourite);
        }
        self.commit(writes).await
    }

    async fn commit(&self, writes: Vec<RowWrite>) -> Result<()> {
        Ok(self.views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await?)
    }
}

/// Authors post in turns, a minute apart.
fn post(author: u64, n: u64) -> PostId {
    PostId(((T0_MS + n * 3_600_000 + (author % 60) * 60_000) << 16) | (author & 0xffff))
}

fn put<T: Serialize>(writes: &mut Vec<RowWrite>, key: RowKey, row: &T) {
    writes.push(RowWrite { key, value: Some(codec::encode(row)), offset: 0 });
}
