//! The statements of timelines.

use std::sync::Arc;

use futures_util::FutureExt;
use rustc_hash::FxHashMap;
use schemas::{AccountId, PostId};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;

use super::block::{self, Item};
use super::parcel::{self, BlockRow, Parcel};
use super::seat::Seat;
use super::shelf::Listener;
use crate::cql::{CqlClient, CqlFailure, Place, Work, done};

/// Rows of one statement at the most.
pub(super) const PAGE: usize = 500;

/// Prepared statements on the tables of timelines.
pub(super) struct Tables {
    client: Arc<CqlClient>,
    select_seat: PreparedStatement,
    put_seat: PreparedStatement,
    select_audience: PreparedStatement,
    select_audiences: PreparedStatement,
    put_audience: PreparedStatement,
    put_block: PreparedStatement,
    /// The same once, twice, and so on up to [`parcel::ROWS_MAX`] times.
    put_blocks: Vec<Batch>,
    descend: PreparedStatement,
    ascend: PreparedStatement,
    select_window: PreparedStatement,
    select_shared: PreparedStatement,
    put_shared: PreparedStatement,
}

/// A stretch of windows, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) ascending: bool,
}

impl Tables {
    pub(super) async fn prepare(client: Arc<CqlClient>) -> Result<Self, CqlFailure> {
        let blocks = "SELECT window, packed FROM KS.timeline_shelves WHERE shelf = ? AND reader = ? AND window >= ? AND window <= ?";
        let put_block = client
            .prepare("INSERT INTO KS.timeline_shelves (shelf, reader, window, digest, packed) VALUES (?, ?, ?, ?, ?) USING TTL ?")
            .await?;
        let put_blocks = (1..=parcel::ROWS_MAX).map(|rows| many(&put_block, rows)).collect();
        Ok(Self {
            select_seat: client.prepare("SELECT seat FROM KS.timeline_seats WHERE reader = ?").await?,
            put_seat: client.prepare("INSERT INTO KS.timeline_seats (reader, seat) VALUES (?, ?) USING TTL ?").await?,
            select_audience: client
                .prepare("SELECT reader, epoch FROM KS.timeline_audience WHERE author = ? AND (reader, epoch) > (?, ?) LIMIT ?")
                .await?,
            select_audiences: client
                .prepare("SELECT author, reader, epoch FROM KS.timeline_audience WHERE author IN ? PER PARTITION LIMIT ?")
                .await?,
            put_audience: client.prepare("INSERT INTO KS.timeline_audience (author, reader, epoch) VALUES (?, ?, ?) USING TTL ?").await?,
            put_block,
            put_blocks,
            descend: client.prepare(&format!("{blocks} ORDER BY reader ASC, window DESC, digest ASC LIMIT ?")).await?,
            ascend: client.prepare(&format!("{blocks} ORDER BY reader DESC, window ASC, digest DESC LIMIT ?")).await?,
            select_window: client
                .prepare(
                    "SELECT digest, packed FROM KS.timeline_shelves WHERE shelf = ? AND reader = ? AND window = ? AND digest > ? LIMIT ?",
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

    /// Those to whom each of some authors' posts are pushed, in the authors' order.
    pub(super) async fn audiences(&self, authors: &[AccountId]) -> Result<Vec<Vec<Listener>>, CqlFailure> {
        let ids: Vec<i64> = authors.iter().copied().map(id).collect();
        let rows = self.client.rows::<(i64, i64, i64)>(&self.select_audiences, (ids, AUDIENCE_PAGE as i32)).await?;
        let mut of_authors: FxHashMap<i64, Vec<Listener>> = FxHashMap::default();
        for (author, reader, shelf) in rows {
            of_authors.entry(author).or_default().push(listener((reader, shelf)));
        }
        let mut audiences = Vec::with_capacity(authors.len());
        for author in authors {
            let mut audience = of_authors.remove(&id(*author)).unwrap_or_default();
            let mut last = audience.len();
            while last == AUDIENCE_PAGE {
                let more = self.audience_after(*author, audience.last().copied()).await?;
                last = more.len();
                audience.extend(more);
            }
            audiences.push(audience);
        }
        Ok(audiences)
    }

    /// The next of those to whom an author's posts are pushed.
    async fn audience_after(&self, author: AccountId, last: Option<Listener>) -> Result<Vec<Listener>, CqlFailure> {
        let (reader, shelf) = last.map_or((i64::MIN, i64::MIN), |last| (id(last.reader), last.shelf));
        let rows = self.client.rows::<(i64, i64)>(&self.select_audience, (id(author), reader, shelf, AUDIENCE_PAGE as i32)).await?;
        Ok(rows.into_iter().map(listener).collect())
    }

    pub(super) async fn put_audience(&self, author: AccountId, listener: Listener, ttl_s: i32) -> Result<(), CqlFailure> {
        self.client.run(&self.put_audience, (id(author), id(listener.reader), listener.shelf, ttl_s)).await.map(drop)
    }

    /// Writes blocks that are in the order of their shelves. A request with those of several may be done in part, and is then repeated.
    pub(super) async fn put_blocks(&self, rows: impl Iterator<Item = BlockRow>) -> Result<(), CqlFailure> {
        let (small, mut parcels): (Vec<Parcel>, Vec<Parcel>) = parcel::by_shelf(rows).into_iter().partition(Parcel::is_small);
        let places = self.client.places(&self.put_block, small.iter().filter_map(|parcel| parcel.rows.first()));
        let mut mixed: FxHashMap<Place, Parcel> = FxHashMap::default();
        for (place, parcel) in places.into_iter().zip(small) {
            parcels.extend(mixed.entry(place).or_default().join(parcel));
        }
        parcels.extend(mixed.into_values());
        let mut work: Vec<Work<'_, ()>> = Vec::with_capacity(parcels.len());
        for parcel in parcels {
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
    pub(super) async fn blocks(&self, listener: Listener, windows: Windows) -> Result<Vec<(i64, Vec<Item>)>, CqlFailure> {
        let statement = if windows.ascending { &self.ascend } else { &self.descend };
        let values = (listener.shelf, id(listener.reader), windows.first, windows.last, PAGE as i32);
        let rows = self.client.rows::<(i64, Vec<u8>)>(statement, values).await?;
        rows.into_iter().map(|(window, bytes)| Ok((window, decoded(&bytes)?))).collect()
    }

    /// All blocks of a window.
    pub(super) async fn window(&self, listener: Listener, window: i64) -> Result<Vec<Item>, CqlFailure> {
        let (mut items, mut after) = (Vec::new(), -1_i64);
        loop {
            let values = (listener.shelf, id(listener.reader), window, after, PAGE as i32);
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

/// So many times the same statement, in one request that is not logged.
fn many(statement: &PreparedStatement, times: usize) -> Batch {
    let mut batch = Batch::new(BatchType::Unlogged);
    for _ in 0..times {
        batch.append_statement(statement.clone());
    }
    batch.set_is_idempotent(true);
    batch
}

/// Listeners of one author read at once.
const AUDIENCE_PAGE: usize = 5_000;

fn decoded(bytes: &[u8]) -> Result<Vec<Item>, CqlFailure> {
    block::decode(bytes).ok_or_else(|| CqlFailure::damaged("a block of a timeline"))
}

fn listener((reader, shelf): (i64, i64)) -> Listener {
    Listener { shelf, reader: AccountId(reader as u64) }
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
