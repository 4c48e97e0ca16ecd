//! Readers of workload W1, the authors whom they follow, and their posts, as rows in memory; a query service and its routes over them.

use super::super::dice::Dice;
use super::super::rows::{COMMIT_ROWS, commit, follow, put};
use super::super::text::Texts;
use super::super::w1::W1;
use anyhow::Result;
use axum::Router;
use infra::cache::{StampedViews, Stamps};
use infra::http::{Edge, Settings as EdgeSettings, finish};
use infra::keys::{InstanceKeys, sha256};
use infra::progress::Progress;
use infra::search::memory::MemorySearch;
use infra::timelines::ViewSource;
use infra::timelines::ring::{RingOptions, RingTimelines};
use infra::views::ViewStore;
use infra::views::memory::MemoryViews;
use queries::{QuerySide, Settings};
use schemas::events::{Profile, ReplyTo, Visibility};
use schemas::rows::{
    AccountRow, AccountStatsRow, ContentRow, EntryRow, InteractionRow, RowWrite, StatusCountRow, StatusRow, TokenRow, entry_flags, keys,
};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId, Snowflake};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

const T0_MS: u64 = 1_700_000_000_000;
/// How far posts lie apart, in milliseconds.
const POST_EVERY_MS: u64 = 500;
const PARTITIONS: u16 = 8;
/// Of posts and reblogs together, how many are reblogs: 25 of W1's 55 + 15 + 25.
const REBLOGS: (u32, u32) = (25, 95);
/// Posts back at the most that a reblog reaches.
const REBLOG_REACH: u32 = 5_000;
const NOTE: &str = "Writes about birds, trains and the weather.\nFormerly elsewhere. https://example.org/about";

/// The token of a reader.
pub(super) fn token(reader: u32) -> String {
    format!("bench-token-of-reader-{reader}")
}

/// The account of a number of W1.
pub(super) fn id(account: u32) -> AccountId {
    AccountId(u64::from(account) + 1)
}

/// A post or, with what it passes on, a reblog.
#[derive(Clone, Copy)]
struct Post {
    id: PostId,
    author: u32,
    reblogged: Option<(PostId, u32)>,
}

/// An instance in memory, of which some readers are there with all whom they follow.
pub(super) struct World {
    views: Arc<dyn ViewStore>,
    edge: Arc<Edge>,
    pub(super) side: Arc<QuerySide>,
    pub(super) timelines: Arc<RingTimelines>,
    /// What the timelines are made of: the reference reads it too.
    pub(super) source: Arc<ViewSource>,
    /// Follows written.
    pub(super) follows: u64,
}

impl World {
    /// Writes posts drawn from W1, one per account, then the readers with whom they follow there, and celebrities until each follows
    /// between `celebrities.0` and `celebrities.1` of them. There is room for `rings_max` timelines at once.
    pub(super) async fn new(w1: &W1, readers: &[u32], celebrities: (u32, u32), rings_max: usize, dice: &mut Dice) -> Result<Self> {
        let stamps = Arc::new(Stamps::new());
        let views: Arc<dyn ViewStore> = Arc::new(StampedViews::new(Arc::new(MemoryViews::new()), stamps.clone()));
        let progress = Arc::new(Progress::new(1, PARTITIONS));
        let source = Arc::new(ViewSource::new(views.clone()));
        let (began, begin_ms) = (Instant::now(), T0_MS + u64::from(w1.accounts()) * POST_EVERY_MS + 60_000);
        let clock: infra::clock::Clock = Arc::new(move || begin_ms + began.elapsed().as_millis() as u64);
        let options = RingOptions { rings_max, ..RingOptions::default() };
        let timelines = Arc::new(RingTimelines::new(source.clone(), clock.clone(), options));
        let search = Arc::new(MemorySearch::new());
        let settings = Settings::at("https://bench.example", PARTITIONS);
        let side = QuerySide::new(views.clone(), stamps.clone(), timelines.clone(), search, progress.clone(), settings, clock);
        let edge_settings = EdgeSettings { rate_limits: false, ..EdgeSettings::default() };
        let edge = Arc::new(Edge::new(views.clone(), stamps, progress, InstanceKeys::new([7; 32]), edge_settings));
        let mut world = Self { views, edge, side, timelines, source, follows: 0 };
        let newest = world.posts(w1, dice).await?;
        for reader in readers {
            let mut follows = w1.followees(*reader).to_vec();
            pad(&mut follows, w1.celebrities(), celebrities, dice);
            world.follows += follows.len() as u64;
            world.reader(*reader, &follows, &newest).await?;
        }
        Ok(world)
    }

    /// The routes, as a server has them.
    pub(super) fn router(&self) -> Router {
        finish(queries::http::routes(self.side.clone(), self.edge.clone()), self.edge.clone())
    }

    /// Writes as many posts as there are accounts, and those who wrote them; the newest original of each.
    async fn posts(&self, w1: &W1, dice: &mut Dice) -> Result<HashMap<u32, PostId>> {
        let (texts, mut all, mut newest, mut writes) = (Texts::new(), Vec::<Post>::new(), HashMap::new(), Vec::new());
        for number in 0..w1.accounts() {
            let author = w1.poster(dice);
            let id = Snowflake::new(T0_MS + u64::from(number) * POST_EVERY_MS, PartitionId((author % u32::from(PARTITIONS)) as u16), 0);
            let back = 1 + dice.below(REBLOG_REACH) as usize;
            let earlier = all.len().checked_sub(back).and_then(|place| all.get(place)).filter(|_| dice.below(REBLOGS.1) < REBLOGS.0);
            let reblogged = earlier.map(|earlier| earlier.reblogged.unwrap_or((earlier.id, earlier.author)));
            let post = Post { id: id.into(), author, reblogged };
            a_post(&mut writes, &post, texts.post(dice));
            if !newest.contains_key(&author) {
                an_account(&mut writes, author, w1.followers(author).len() as u64);
            }
            newest.insert(author, post.reblogged.map_or(post.id, |(original, _)| original));
            all.push(post);
            if writes.len() >= COMMIT_ROWS {
                commit(&*self.views, &mut writes).await?;
            }
        }
        commit(&*self.views, &mut writes).await?;
        Ok(newest)
    }

    /// Writes a reader, whom it follows, and that it favours the newest post of each.
    async fn reader(&self, reader: u32, follows: &[u32], newest: &HashMap<u32, PostId>) -> Result<()> {
        let (account, mut writes) = (id(reader), Vec::new());
        an_account(&mut writes, reader, 50);
        let row = TokenRow { account, app: AppId(0), scopes: vec!["read".to_owned()], created_ms: T0_MS };
        put(&mut writes, keys::token(&sha256(token(reader).as_bytes())), &row);
        for author in follows {
            let relation = RelationId(u64::from(reader) << 32 | u64::from(*author));
            follow(&mut writes, relation, account, id(*author));
            if let Some(post) = newest.get(author) {
                let favourite = InteractionRow { favourite: Some(relation), ..InteractionRow::default() };
                put(&mut writes, keys::interaction(account, *post), &favourite);
            }
        }
        commit(&*self.views, &mut writes).await
    }
}

/// Adds celebrities until there are as many as drawn from the range, if there are not.
fn pad(follows: &mut Vec<u32>, celebrities: &[u32], (least, most): (u32, u32), dice: &mut Dice) {
    let wanted = (least + dice.below(most.saturating_sub(least) + 1)).min(celebrities.len() as u32) as usize;
    let mut held = celebrities.iter().filter(|celebrity| follows.contains(celebrity)).count();
    let first = dice.below(celebrities.len() as u32) as usize;
    for celebrity in celebrities.iter().cycle().skip(first).take(celebrities.len()) {
        if held < wanted && !follows.contains(celebrity) {
            follows.push(*celebrity);
            held += 1;
        }
    }
}

fn an_account(writes: &mut Vec<RowWrite>, account: u32, followers: u64) {
    let profile = Profile { display_name: format!("Person number {account}"), note: NOTE.to_owned(), ..Profile::default() };
    put(writes, keys::account(id(account)), &AccountRow { handle: format!("person_{account}"), profile, created_ms: T0_MS });
    let stats = AccountStatsRow { statuses: 1_234, following: 70, followers, ..AccountStatsRow::default() };
    put(writes, keys::account_stats(id(account)), &stats);
}

fn a_post(writes: &mut Vec<RowWrite>, post: &Post, text: String) {
    let (id, author) = (post.id, id(post.author));
    let content = match post.reblogged {
        Some(_) => ContentRow::default(),
        None => ContentRow {
            text: format!("{text} #hashtag"),
            tags: vec!["hashtag".to_owned()],
            language: Some("en".to_owned()),
            ..ContentRow::default()
        },
    };
    let row = StatusRow {
        author,
        visibility: Visibility::Public,
        reblog_of: post.reblogged.map(|(post, author)| ReplyTo { post, account: self::id(author) }),
        content,
        in_reply_to: None,
        app: AppId(0),
        created_ms: id.snowflake().ms(),
        edited_ms: 0,
        versions: 1,
    };
    put(writes, keys::status(id), &row);
    put(writes, keys::status_count(id, PartitionId(1)), &StatusCountRow { replies: 2, reblogs: 3, favourites: 5, last: 1 });
    let flags = post.reblogged.map_or(0, |(original, _)| entry_flags::REBLOG | entry_flags::of_original(original));
    put(writes, keys::author_list(author, id), &EntryRow { author, flags });
}
