//! Measures deliveries into home timelines on a CQL server: packed blocks beside a bare prepared statement per delivery.
//!
//! `ROOST_TEST_CQL=host:port cargo run --release -p infra --features cql --example cql_deliveries [readers] [audience] [posts]`. Both sides
//! write the same deliveries with 256 statements in flight, in turns, three times; audiences are drawn with a fixed seed. Eight partitions
//! apply their posts in steps of 280, as steps of 512 records hold.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a tool for a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use infra::cql::{CqlClient, CqlUrl, migrate};
use infra::timelines::cql::{CqlTimelineOptions, CqlTimelines};
use infra::timelines::{Entry, MemorySource, Stretch, TimelineOp, Timelines};
use schemas::ids::{PartitionId, Snowflake};
use schemas::{AccountId, PostId};

const PARTITIONS: u64 = 8;
const STEP: usize = 280;
const ROUNDS: usize = 3;

/// SplitMix64, for the same audiences everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides.max(1)
    }
}

#[tokio::main]
async fn main() {
    let server = std::env::var("ROOST_TEST_CQL").expect("set ROOST_TEST_CQL=host:port");
    let url: CqlUrl = format!("cql://{server}/roost_bench_{}", std::process::id()).parse().expect("host:port");
    let client = Arc::new(CqlClient::connect(&url).await.expect("connects"));
    migrate(&client, &url.replication()).await.expect("migrates");
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>().expect("a number"));
    let readers = numbers.next().unwrap_or(3_000);
    let audience = numbers.next().unwrap_or(60);
    let posts = numbers.next().unwrap_or(4_480);
    measure(client.clone(), readers, audience, posts).await;
    client.run_once(&format!("DROP KEYSPACE {}", client.keyspace())).await.expect("drops");
}

async fn measure(client: Arc<CqlClient>, readers: u64, audience: u64, posts: u64) {
    let source = Arc::new(MemorySource::new());
    let mut dice = Dice(1);
    let authors = readers / 4;
    let mut of_author = Vec::new();
    for author in 0..authors {
        let list: Vec<AccountId> = (0..audience).map(|_| AccountId(1_000_000 + dice.roll(readers))).collect();
        for reader in &list {
            source.follow(*reader, AccountId(author));
        }
        of_author.push(list);
    }
    let clock = Arc::new(|| 1_700_000_000_000);
    let timelines = CqlTimelines::open(client.clone(), source.clone(), clock, CqlTimelineOptions::default()).await.expect("opens");
    let seats = stream::iter(0..readers).map(|n| timelines.home(AccountId(1_000_000 + n), Stretch { limit: 1, ..Stretch::default() }));
    seats.buffer_unordered(32).try_for_each(|_| async { Ok(()) }).await.expect("sits down");

    client
        .run_once("CREATE TABLE KS.bare (reader bigint, post bigint, author bigint, flags int, PRIMARY KEY (reader, post))")
        .await
        .expect("makes");
    let bare =
        client.prepare("INSERT INTO KS.bare (reader, post, author, flags) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await.expect("prepares");
    println!("{readers} readers, audiences of {audience}, {posts} posts a round, {PARTITIONS} partitions, steps of {STEP} posts");
    for round in 0..ROUNDS as u64 {
        let ops: Vec<Vec<TimelineOp>> = (0..PARTITIONS)
            .map(|partition| {
                let post = |n: u64| {
                    let id = Snowflake::new(1_700_000_000_000 + round * 100_000 + n, PartitionId(partition as u16), 0);
                    TimelineOp::Posted(Entry { post: PostId(id.0), author: AccountId(dice.roll(authors)), flags: 0 })
                };
                (0..posts / PARTITIONS).map(post).collect()
            })
            .collect();
        let deliveries: Vec<(i64, i64, i64)> = ops
            .iter()
            .flatten()
            .filter_map(|op| match op {
                TimelineOp::Posted(entry) => Some(*entry),
                _ => None,
            })
            .flat_map(|entry| {
                let mut list = of_author.get(entry.author.0 as usize).cloned().unwrap_or_default();
                list.sort_unstable();
                list.dedup();
                list.into_iter().map(move |reader| (reader.0 as i64, entry.post.0 as i64, entry.author.0 as i64))
            })
            .collect();
        let count = deliveries.len() as f64;
        let (client, bare) = (&client, &bare);
        let began = Instant::now();
        let write = |(reader, post, author): (i64, i64, i64)| async move { client.run(bare, (reader, post, author, 0_i32, 1_i64)).await };
        stream::iter(deliveries).map(write).buffer_unordered(256).try_for_each(|_| async { Ok(()) }).await.expect("writes");
        let bare_rate = count / began.elapsed().as_secs_f64();

        let before = blocks(client).await;
        let began = Instant::now();
        let lanes = ops.iter().map(|ops| async {
            for step in ops.chunks(STEP) {
                timelines.apply(step).await.expect("applies");
            }
        });
        futures_util::future::join_all(lanes).await;
        let elapsed: Duration = began.elapsed();
        let rate = count / elapsed.as_secs_f64();
        let rows = blocks(client).await - before;
        println!(
            "CQL: {count} deliveries: a row each {bare_rate:.0}/s; packed {rate:.0}/s in {rows} rows ({:.0} rows/s); ratio {:.1}",
            rows as f64 / elapsed.as_secs_f64(),
            rate / bare_rate
        );
    }
}

async fn blocks(client: &CqlClient) -> i64 {
    let count = client.prepare("SELECT COUNT(*) FROM KS.timeline_blocks").await.expect("prepares");
    client.rows::<(i64,)>(&count, ()).await.expect("counts").first().map_or(0, |(count,)| *count)
}
