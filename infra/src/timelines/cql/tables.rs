//! The statements of timelines.

use std::sync::Arc;

use futures_util::FutureExt;
use rustc_hash::FxHashMap;
use schemas::{AccountId, PostId};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;

use super::block::{self, Item};
use super::seat::Seat;
use crate::cql::{CqlClient, CqlFailure, Place, Work, done};

/// Rows of one statement at the most.
pub(super) const PAGE: usize = 500;
/// Blocks of one request at the most, and their bytes: what Cassandra takes without a warning. A larger block goes alone.
const BATCH_ROWS: usize = 10;
const BATCH_BYTES: usize = 4_096;
/// Bytes of a block beside its entries: key, digest, time to live.
const ROW_BYTES: usize = 48;

/// Prepared statements on the tables of timelines.
pub(super) struct Tables {
    client: Arc<CqlClient>,
    select_seat: PreparedStatement,
    put_seat: PreparedStatement,
    select_audience: PreparedStatement,
    put_audience: PreparedStatement,
    put_block: PreparedStatement,
    /// The same once, twice, and so on up to [`BATCH_ROWS`] times.
    put_blocks: Vec<Batch>,
    descend: PreparedStatement,
    ascend: PreparedStatement,
    select_window: PreparedStatement,
    select_shared: PreparedStatement,
    put_shared: PreparedStatement,
}

/// Someone to whom posts are pushed.
pub(super) type Listener = (AccountId, i64);

/// A stretch of windows, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) ascending: bool,
}

impl Tables {
    pub(super) async fn prepare(client: Arc<CqlClient>) -> Result<Self, CqlFailure> {
        let blocks = "SELECT window, packed FROM KS.timeline_blocks WHERE reader = ? AND epoch = ? AND window >= ? AND window <= ?";
        let put_block = client
            .prepare("INSERT INTO KS.timeline_blocks (reader, epoch, window, digest, packed) VALUES (?, ?, ?, ?, ?) USING TTL ?")
            .await?;
        let put_blocks = (1..=BATCH_ROWS).map(|rows| many(&put_block, rows)).collect();
        Ok(Self {
            select_seat: client.prepare("SELECT seat FROM KS.timeline_seats WHERE reader = ?").await?,
            put_seat: client.prepare("INSERT INTO KS.timeline_seats (reader, seat) VALUES (?, ?) USING TTL ?").await?,
            select_audience: client
                .prepare("SELECT reader, epoch FROM KS.timeline_audience WHERE author = ? AND (reader, epoch) > (?, ?) LIMIT ?")
                .await?,
            put_audience: client.prepare("INSERT INTO KS.timeline_audience (author, reader, epoch) VALUES (?, ?, ?) USING TTL ?").await?,
            put_block,
            put_blocks,
            descend: client.prepare(&format!("{blocks} LIMIT ?")).await?,
            ascend: client.prepare(&format!("{blocks} ORDER BY window ASC, digest DESC LIMIT ?")).await?,
            select_window: client
                .prepare(
                    "SELECT digest, packed FROM KS.timeline_blocks WHERE reader = ? AND epoch = ? AND window = ? AND digest > ? LIMIT ?",
                )
                .await?,
            select_shared: client.prepare("SELECT kind, id, value FROM KS.timeline_shared WHERE one = 0").await?,
            put_shared: client.prepare("INSERT INTO KS.timeline_shared (one, kind, id, value) VALUES (0, ?, ?, ?)").await?,
            client,
        })
    }

    pub(super) async fn seat(&self, reader: AccountId) -> Result<Option<Seat>, CqlFailure> {
        let rows = self.client.rows::<(Vec<u8>,)>(&self.select_seat, (id(reader),)).await?;
        let decode = |bytes: &[u8]| Seat::decode(bytes).ok_or_else(|| CqlFailure::damaged(&format!("the seat of reader {reader}")));
        rows.first().map(|(bytes,)| decode(bytes)).transpose()
    }

    pub(super) async fn put_seat(&self, reader: AccountId, seat: &Seat, ttl_s: i32) -> Result<(), CqlFailure> {
        self.client.run(&self.put_seat, (id(reader), seat.encode(), ttl_s)).await.map(drop)
    }

    /// Those to whom the author's posts are pushed, after one of them.
    pub(super) async fn audience(&self, author: AccountId, after: Option<Listener>) -> Result<Vec<Listener>, CqlFailure> {
        let (reader, epoch) = after.map_or((i64::MIN, i64::MIN), |(reader, epoch)| (id(reader), epoch));
        let rows = self.client.rows::<(i64, i64)>(&self.select_audience, (id(author), reader, epoch, AUDIENCE_PAGE as i32)).await?;
        Ok(rows.into_iter().map(|(reader, epoch)| (AccountId(reader as u64), epoch)).collect())
    }

    pub(super) async fn put_audience(&self, author: AccountId, (reader, epoch): Listener, ttl_s: i32) -> Result<(), CqlFailure> {
        self.client.run(&self.put_audience, (id(author), id(reader), epoch, ttl_s)).await.map(drop)
    }

    /// Writes blocks: those that lie at one place several in a request, each of which may be written in part and is then repeated.
    pub(super) async fn put_blocks(&self, blocks: &[Block<'_>], ttl_s: i32) -> Result<(), CqlFailure> {
        let rows: Vec<BlockRow> = blocks.iter().map(|block| block.row(ttl_s)).collect();
        let places = self.client.places(&self.put_block, rows.iter());
        let mut by_place: FxHashMap<Place, Parcel> = FxHashMap::default();
        let mut work: Vec<Work<'_, ()>> = Vec::with_capacity(blocks.len().div_ceil(BATCH_ROWS));
        for (place, row) in places.into_iter().zip(rows) {
            let parcel = by_place.entry(place).or_default();
            if let Some(full) = parcel.add(row) {
                work.push(self.put_parcel(full).boxed());
            }
        }
        for parcel in by_place.into_values() {
            work.push(self.put_parcel(parcel.rows).boxed());
        }
        done(work).await
    }

    async fn put_parcel(&self, rows: Vec<BlockRow>) -> Result<(), CqlFailure> {
        match rows.as_slice() {
            [] => Ok(()),
            [row] => self.client.run(&self.put_block, row).await.map(drop),
            rows => {
                let batch = self.put_blocks.get(rows.len() - 1).expect("a parcel is never larger than the largest batch");
                self.client.batch(batch, rows).await
            }
        }
    }

    /// Blocks of a stretch of windows, at most a page of them; windows may be cut.
    pub(super) async fn blocks(&self, (reader, epoch): Listener, windows: Windows) -> Result<Vec<(i64, Vec<Item>)>, CqlFailure> {
        let statement = if windows.ascending { &self.ascend } else { &self.descend };
        let values = (id(reader), epoch, windows.first, windows.last, PAGE as i32);
        let rows = self.client.rows::<(i64, Vec<u8>)>(statement, values).await?;
        rows.into_iter().map(|(window, bytes)| Ok((window, decoded(&bytes)?))).collect()
    }

    /// All blocks of a window.
    pub(super) async fn window(&self, (reader, epoch): Listener, window: i64) -> Result<Vec<Item>, CqlFailure> {
        let (mut items, mut after) = (Vec::new(), -1_i64);
        loop {
            let values = (id(reader), epoch, window, after, PAGE as i32);
            let rows = self.client.rows::<(i64, Vec<u8>)>(&self.select_window, values).await?;
            for (_, bytes) in &rows {
                items.extend(decoded(bytes)?);
            }
            match rows.last() {
                Some((digest, _)) if rows.len() == PAGE => after = *digest,
                _ => return Ok(items),
            }
        }
    }

    /// Kind, id and value of what all processes share.
    pub(super) async fn shared(&self) -> Result<Vec<(i8, i64, i64)>, CqlFailure> {
        self.client.rows(&self.select_shared, ()).await
    }

    pub(super) async fn put_shared(&self, kind: i8, id: i64, value: i64) -> Result<(), CqlFailure> {
        self.client.run(&self.put_shared, (kind, id, value)).await.map(drop)
    }
}

/// Entries for one listener in one window.
pub(super) struct Block<'a> {
    pub(super) listener: Listener,
    pub(super) window: i64,
    pub(super) items: &'a [Item],
}

/// Reader, epoch, window, digest, bytes, time to live in seconds.
type BlockRow = (i64, i64, i64, i64, Vec<u8>, i32);

impl Block<'_> {
    fn row(&self, ttl_s: i32) -> BlockRow {
        let bytes = block::encode(self.items);
        (id(self.listener.0), self.listener.1, self.window, block::digest(&bytes), bytes, ttl_s)
    }
}

/// Rows that go together.
#[derive(Default)]
struct Parcel {
    rows: Vec<BlockRow>,
    bytes: usize,
}

impl Parcel {
    /// Adds a row; gives back those before it, if they are enough.
    fn add(&mut self, row: BlockRow) -> Option<Vec<BlockRow>> {
        let bytes = ROW_BYTES + row.4.len();
        let is_full = self.rows.len() >= BATCH_ROWS || !self.rows.is_empty() && self.bytes + bytes > BATCH_BYTES;
        let full = is_full.then(|| std::mem::take(self).rows);
        self.bytes += bytes;
        self.rows.push(row);
        full
    }
}

/// So many times the same statement, in one request that is not logged.
fn many(statement: &PreparedStatement, times: usize) -> Batch {
    let mut batch = Batch::new(BatchType::Unlogged);
    for _ in 0..times {
        batch.append_statement(statement.clone());
    }
    batch.set_is_idempotent(true);
    batch
}

/// Listeners read at once.
pub(super) const AUDIENCE_PAGE: usize = 5_000;

fn decoded(bytes: &[u8]) -> Result<Vec<Item>, CqlFailure> {
    block::decode(bytes).ok_or_else(|| CqlFailure::damaged("a block of a timeline"))
}

/// Ids are below 2^63.
pub(super) fn id(account: AccountId) -> i64 {
    account.0 as i64
}

/// The windows that hold posts strictly between two.
pub(super) fn windows_between(above: PostId, below: Option<PostId>, bits: u32, ascending: bool) -> Windows {
    let first = block::window_of(PostId(above.0.saturating_add(1)), bits);
    let last = below.map_or(i64::MAX, |below| block::window_of(PostId(below.0.saturating_sub(1)), bits));
    Windows { first, last, ascending }
}
