//! The statements of blobs. Uploads are never written twice, so what is written, marked and removed has the timestamps 1, 2 and 3: in
//! whatever order statements arrive, a removal stays one.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scylla::statement::prepared::PreparedStatement;

use crate::blobs::{BLOB_BYTES_MAX, BlobKey};
use crate::cql::{CqlClient, CqlFailure, Work};

/// Bytes of a piece: a hundred and sixty make the largest blob.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// Pieces of one blob in flight at the most.
const CHUNKS_AT_ONCE: usize = 8;
/// Heads of one name that are looked at together, and changes of one hour.
const PAGE: i32 = 500;

/// What makes the bytes of a name: where they are and what they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Later ones take the place of earlier ones: microseconds since 1970, or one more than the one before.
    pub(super) stamp: i64,
    /// Random: no two uploads of a name have the same.
    pub(super) upload: i64,
    pub(super) size: usize,
    pub(super) checksum: u32,
    pub(super) chunk_bytes: usize,
}

impl Head {
    /// How many pieces it has.
    pub(super) fn chunks(&self) -> i32 {
        self.size.div_ceil(self.chunk_bytes) as i32
    }
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Kind {
    Put = 0,
    Removal = 1,
}

/// A put or a removal of an upload that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Hours since 1970.
    pub(super) hour: i32,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) stamp: i64,
    pub(super) upload: i64,
    pub(super) chunks: i32,
}

type HeadRow = (i64, i64, i32, i64, i32);
type ChangeRow = (i8, String, i64, i64, i32);

/// Prepared statements on the tables of blobs.
pub(super) struct Tables {
    client: Arc<CqlClient>,
    select_heads: PreparedStatement,
    put_head: PreparedStatement,
    remove_head: PreparedStatement,
    select_chunk: PreparedStatement,
    put_chunk: PreparedStatement,
    remove_chunk: PreparedStatement,
    select_changes: PreparedStatement,
    select_change: PreparedStatement,
    put_change: PreparedStatement,
    mark_change: PreparedStatement,
    remove_change: PreparedStatement,
}

impl Tables {
    pub(super) async fn prepare(client: Arc<CqlClient>) -> Result<Self, CqlFailure> {
        let one_chunk = "WHERE name = ? AND upload = ? AND chunk = ?";
        let one_change = "WHERE hour = ? AND kind = ? AND name = ? AND upload = ?";
        let heads = "(name, stamp, upload, size, checksum, chunk_bytes)";
        let changes = "(hour, kind, name, upload, stamp, chunks)";
        Ok(Self {
            select_heads: client
                .prepare("SELECT stamp, upload, size, checksum, chunk_bytes FROM KS.blob_heads WHERE name = ? LIMIT ?")
                .await?,
            put_head: client.prepare(&format!("INSERT INTO KS.blob_heads {heads} VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP 1")).await?,
            remove_head: client.prepare("DELETE FROM KS.blob_heads USING TIMESTAMP 3 WHERE name = ? AND stamp = ? AND upload = ?").await?,
            select_chunk: client.prepare(&format!("SELECT bytes FROM KS.blob_chunks {one_chunk}")).await?,
            put_chunk: client
                .prepare("INSERT INTO KS.blob_chunks (name, upload, chunk, bytes) VALUES (?, ?, ?, ?) USING TIMESTAMP 1")
                .await?,
            remove_chunk: client.prepare(&format!("DELETE FROM KS.blob_chunks USING TIMESTAMP 3 {one_chunk}")).await?,
            select_changes: client.prepare("SELECT kind, name, stamp, upload, chunks FROM KS.blob_changes WHERE hour = ? LIMIT ?").await?,
            select_change: client.prepare(&format!("SELECT swept FROM KS.blob_changes {one_change}")).await?,
            put_change: client
                .prepare(&format!("INSERT INTO KS.blob_changes {changes} VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP 1"))
                .await?,
            mark_change: client.prepare(&format!("UPDATE KS.blob_changes USING TIMESTAMP 2 SET swept = true {one_change}")).await?,
            remove_change: client.prepare(&format!("DELETE FROM KS.blob_changes USING TIMESTAMP 3 {one_change}")).await?,
            client,
        })
    }

    /// The head that counts.
    pub(super) async fn newest(&self, key: &str) -> Result<Option<Head>, CqlFailure> {
        Ok(self.heads_up_to(key, 1).await?.first().copied())
    }

    /// All heads of a name, the one that counts first; a page of them, where many puts at once broke off.
    pub(super) async fn heads(&self, key: &str) -> Result<Vec<Head>, CqlFailure> {
        self.heads_up_to(key, PAGE).await
    }

    async fn heads_up_to(&self, key: &str, limit: i32) -> Result<Vec<Head>, CqlFailure> {
        let rows = self.client.rows::<HeadRow>(&self.select_heads, (key, limit)).await?;
        rows.into_iter().map(|row| read_head(row).ok_or_else(|| CqlFailure::damaged(&format!("the head of blob {key}")))).collect()
    }

    pub(super) async fn put_head(&self, key: &str, head: &Head) -> Result<(), CqlFailure> {
        let values = (key, head.stamp, head.upload, head.size as i32, i64::from(head.checksum), head.chunk_bytes as i32);
        self.client.run(&self.put_head, values).await.map(drop)
    }

    pub(super) async fn remove_head(&self, key: &str, stamp: i64, upload: i64) -> Result<(), CqlFailure> {
        self.client.run(&self.remove_head, (key, stamp, upload)).await.map(drop)
    }

    pub(super) async fn put_chunks(&self, key: &str, upload: i64, bytes: &[u8]) -> Result<(), CqlFailure> {
        let put = |(chunk, bytes): (i32, &[u8])| {
            let bytes = bytes.to_vec();
            async move { self.client.run(&self.put_chunk, (key, upload, chunk, bytes)).await.map(drop) }.boxed()
        };
        in_order((0..).zip(bytes.chunks(CHUNK_BYTES)).map(put).collect()).await.map(drop)
    }

    /// The pieces of a head in order; none where one is missing.
    pub(super) async fn chunks(&self, key: &str, head: &Head) -> Result<Option<Vec<Vec<u8>>>, CqlFailure> {
        let get = |chunk: i32| {
            let values = (key, head.upload, chunk);
            async move { Ok(self.client.rows::<(Vec<u8>,)>(&self.select_chunk, values).await?.pop().map(|(bytes,)| bytes)) }.boxed()
        };
        Ok(in_order((0..head.chunks()).map(get).collect()).await?.into_iter().collect())
    }

    pub(super) async fn remove_chunks(&self, key: &str, upload: i64, chunks: i32) -> Result<(), CqlFailure> {
        let remove = |chunk: i32| async move { self.client.run(&self.remove_chunk, (key, upload, chunk)).await.map(drop) }.boxed();
        in_order((0..chunks).map(remove).collect()).await.map(drop)
    }

    /// Some of the changes that began in an hour and have not ended.
    pub(super) async fn changes(&self, hour: i32) -> Result<Vec<Change>, CqlFailure> {
        let rows = self.client.rows::<ChangeRow>(&self.select_changes, (hour, PAGE)).await?;
        rows.into_iter().map(|row| read_change(hour, row).ok_or_else(|| CqlFailure::damaged("a change of a blob"))).collect()
    }

    pub(super) async fn put_change(&self, change: &Change) -> Result<(), CqlFailure> {
        let Change { hour, kind, name, stamp, upload, chunks } = change;
        self.client.run(&self.put_change, (hour, *kind as i8, name, upload, stamp, chunks)).await.map(drop)
    }

    pub(super) async fn mark_swept(&self, change: &Change) -> Result<(), CqlFailure> {
        self.client.run(&self.mark_change, place(change)).await.map(drop)
    }

    /// Whether a sweep has come by since the change began.
    pub(super) async fn is_swept(&self, change: &Change) -> Result<bool, CqlFailure> {
        let rows = self.client.rows::<(Option<bool>,)>(&self.select_change, place(change)).await?;
        Ok(rows.first().is_none_or(|(swept,)| *swept == Some(true)))
    }

    pub(super) async fn remove_change(&self, change: &Change) -> Result<(), CqlFailure> {
        self.client.run(&self.remove_change, place(change)).await.map(drop)
    }
}

fn place(change: &Change) -> (i32, i8, &str, i64) {
    (change.hour, change.kind as i8, &change.name, change.upload)
}

/// Waits for all of them, few at a time: pieces are large.
async fn in_order<T: Send>(work: Vec<Work<'_, T>>) -> Result<Vec<T>, CqlFailure> {
    stream::iter(work).buffered(CHUNKS_AT_ONCE).try_collect().await
}

fn read_head((stamp, upload, size, checksum, chunk_bytes): HeadRow) -> Option<Head> {
    let size = usize::try_from(size).ok().filter(|size| *size <= BLOB_BYTES_MAX)?;
    let chunk_bytes = usize::try_from(chunk_bytes).ok().filter(|bytes| *bytes > 0)?;
    Some(Head { stamp, upload, size, checksum: u32::try_from(checksum).ok()?, chunk_bytes })
}

fn read_change(hour: i32, (kind, name, stamp, upload, chunks): ChangeRow) -> Option<Change> {
    let kind = [Kind::Put, Kind::Removal].into_iter().find(|known| *known as i8 == kind)?;
    BlobKey::parse(&name).ok()?;
    Some(Change { hour, kind, name, stamp, upload, chunks })
}
