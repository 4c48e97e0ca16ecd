//! At the end: what was acknowledged is what the views count, what homes show and what search finds.

use super::super::post::ids;
use super::super::post::world::World;
use super::mix::{Acknowledged, CHECKED_READERS};
use anyhow::{Context, Result, ensure};
use infra::search::{Item, SearchQuery, StatusQuery};
use infra::views::Version;
use queries::PageAsk;
use schemas::PostId;
use schemas::rows::{StatusCountRow, codec, keys};

/// Pages of each home that are compared.
const PAGES: usize = 3;
const PAGE: usize = 40;
/// Accounts of one read.
const CHUNK: usize = 2_000;

/// Follows that the views count, of everybody.
pub(in crate::bench) async fn followers(world: &World) -> Result<u64> {
    let mut all = 0;
    for members in world.members.chunks(CHUNK) {
        all += world.stats(members).await?.iter().map(|row| row.followers).sum::<u64>();
    }
    Ok(all)
}

/// Compares all of it. The views have everything; `followers_before` is what they counted before any command of the mix.
pub(in crate::bench) async fn check(world: &World, known: &Acknowledged, followers_before: u64) -> Result<()> {
    let (posts, counted) = (known.posts + known.replies + known.reblogs, world.statuses().await?);
    ensure!(counted == posts, "{posts} posts, replies and reblogs were acknowledged, the views count {counted}");
    let (wanted, counted) = (followers_before + known.follows - known.unfollows, followers(world).await?);
    ensure!(counted == wanted, "{wanted} follows stand, the views count {counted}");
    for (post, sample) in &known.samples {
        let counted = favourites(world, *post).await?;
        ensure!(counted == sample.favourites, "post {post} has {} favourites, the views count {counted}", sample.favourites);
        let query = StatusQuery { text: sample.word.clone(), limit: 2, ..StatusQuery::default() };
        let found = world.node.stores.search.search(SearchQuery::Statuses(query)).await?;
        ensure!(found == [Item::Status(*post)], "search finds {found:?} instead of post {post}");
    }
    for reader in world.readers.iter().take(CHECKED_READERS) {
        home(world, known, reader.account, &reader.followees).await?;
    }
    Ok(())
}

async fn favourites(world: &World, post: PostId) -> Result<i64> {
    let keys: Vec<_> = world.node.ports.partitions().map(|partition| keys::status_count(post, partition)).collect();
    let rows = world.node.ports.views.get(Version::Live, &keys).await?;
    let mut all = 0;
    for row in rows.into_iter().flatten() {
        all += codec::decode::<StatusCountRow>(&row)?.favourites;
    }
    Ok(all)
}

/// The posts in a home: those of all followees, from the newest down. Which replies and reblogs are between them is the home's own choice.
async fn home(world: &World, known: &Acknowledged, account: u32, followees: &[u32]) -> Result<()> {
    let (mut shown, mut least, mut ask) = (Vec::new(), u64::MAX, PageAsk::newest(PAGE));
    for _ in 0..PAGES {
        let items = world.node.queries.home(world.id(account), ask).await?.items.to_bytes();
        least = ids(&items)?.last().copied().unwrap_or_default();
        ask.max_id = Some(least);
        let page: Vec<serde_json::Value> = serde_json::from_slice(&items)?;
        for post in page {
            let field = |name: &str| post.get(name).filter(|value| !value.is_null());
            if field("reblog").is_none() && field("in_reply_to_id").is_none() {
                shown.push(field("id").and_then(|id| id.as_str()).context("a post has no id")?.parse::<u64>()?);
            }
        }
        if least == 0 {
            break;
        }
    }
    let of_whom = followees.iter().chain([&account]);
    let posts = of_whom.filter_map(|author| known.followed.get(author)).flatten();
    let mut wanted: Vec<u64> = posts.map(|post| post.0).filter(|post| *post >= least).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    ensure!(
        shown == wanted,
        "the home of reader {account} shows {} posts from {least} on, {} were acknowledged",
        shown.len(),
        wanted.len()
    );
    Ok(())
}
