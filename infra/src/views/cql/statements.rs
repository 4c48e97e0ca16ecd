//! The statements on rows, prepared for each table of each view at its first use.

use schemas::log::Offset;
use schemas::rows::{RowWrite, View};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use tokio::sync::OnceCell;

use super::placed::TABLES;
use crate::cql::{CqlClient, CqlFailure, prepared_once};

/// Offsets as timestamps end here: servers refuse timestamps above the present in microseconds. A log of that length is not thinkable.
const TIMESTAMP_MAX: i64 = 1 << 48;

/// The timestamp of what was written at an offset; above that of what was never written.
pub(super) fn timestamp(offset: Offset) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX).min(TIMESTAMP_MAX) + 1
}

/// Where a bucket's rows are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) number: u32,
    pub(super) tag: u8,
    pub(super) pk: &'a [u8],
    pub(super) bucket: i32,
}

impl<'a> Place<'a> {
    /// As values of a statement.
    pub(super) fn values(self) -> (i32, i8, &'a [u8], i32) {
        // Tags and version numbers are small; CQL has no unsigned integers.
        (self.number as i32, self.tag as i8, self.pk, self.bucket)
    }
}

const OF_BUCKET: &str = "version = ? AND tbl = ? AND pk = ? AND bucket = ?";
const TOKEN: &str = "token(version, tbl, pk, bucket)";

/// The statements on one table.
#[derive(Default)]
pub(super) struct OfTable {
    get: OnceCell<PreparedStatement>,
    put: OnceCell<PreparedStatement>,
    remove: OnceCell<PreparedStatement>,
    ascend: OnceCell<PreparedStatement>,
    ascend_below: OnceCell<PreparedStatement>,
    descend: OnceCell<PreparedStatement>,
    descend_below: OnceCell<PreparedStatement>,
    first: OnceCell<PreparedStatement>,
    after: OnceCell<PreparedStatement>,
}

/// The statements on all tables of all views.
pub(super) struct Statements(Vec<(View, [OfTable; TABLES])>);

impl Default for Statements {
    fn default() -> Self {
        Self(View::ALL.into_iter().map(|view| (view, Default::default())).collect())
    }
}

/// A table of a view, for its statements.
#[derive(Clone, Copy)]
pub(super) struct Prepared<'a> {
    client: &'a CqlClient,
    view: View,
    index: usize,
    of_table: &'a OfTable,
}

impl Statements {
    /// The statements on one of a view's tables.
    pub(super) fn of<'a>(&'a self, client: &'a CqlClient, view: View, index: usize) -> Prepared<'a> {
        let found = self.0.iter().find(|(known, _)| *known == view);
        let of_table = found.and_then(|(_, tables)| tables.get(index)).expect("every view has its tables");
        Prepared { client, view, index, of_table }
    }
}

impl<'a> Prepared<'a> {
    async fn once(self, cell: &'a OnceCell<PreparedStatement>, text: &str) -> Result<&'a PreparedStatement, CqlFailure> {
        let table = format!("KS.{}_{}", self.view.name(), self.index);
        prepared_once(cell, self.client, || text.replace("TABLE", &table)).await
    }

    /// (place, sort key) -> value.
    pub(super) async fn get(self) -> Result<&'a PreparedStatement, CqlFailure> {
        self.once(&self.of_table.get, &format!("SELECT value FROM TABLE WHERE {OF_BUCKET} AND sk = ?")).await
    }

    /// (place, sort key, value, timestamp).
    pub(super) async fn put(self) -> Result<&'a PreparedStatement, CqlFailure> {
        let text = "INSERT INTO TABLE (version, tbl, pk, bucket, sk, value) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        self.once(&self.of_table.put, text).await
    }

    /// (timestamp, place, sort key).
    pub(super) async fn remove(self) -> Result<&'a PreparedStatement, CqlFailure> {
        self.once(&self.of_table.remove, &format!("DELETE FROM TABLE USING TIMESTAMP ? WHERE {OF_BUCKET} AND sk = ?")).await
    }

    /// (place, from, [below,] limit) -> sort keys and values, in order; `from` included.
    pub(super) async fn range(self, descending: bool, bounded: bool) -> Result<&'a PreparedStatement, CqlFailure> {
        let (order, below) = (if descending { "DESC" } else { "ASC" }, if bounded { " AND sk < ?" } else { "" });
        let text = format!("SELECT sk, value FROM TABLE WHERE {OF_BUCKET} AND sk >= ?{below} ORDER BY sk {order} LIMIT ?");
        let cell = match (descending, bounded) {
            (false, false) => &self.of_table.ascend,
            (false, true) => &self.of_table.ascend_below,
            (true, false) => &self.of_table.descend,
            (true, true) => &self.of_table.descend_below,
        };
        self.once(cell, &text).await
    }

    /// (limit) -> the first rows of the table, by token.
    pub(super) async fn first(self) -> Result<&'a PreparedStatement, CqlFailure> {
        self.once(&self.of_table.first, "SELECT version, tbl, pk, bucket, sk, value FROM TABLE LIMIT ?").await
    }

    /// (place, limit) -> the rows after a bucket, by token.
    pub(super) async fn after(self) -> Result<&'a PreparedStatement, CqlFailure> {
        let text = format!("SELECT version, tbl, pk, bucket, sk, value FROM TABLE WHERE {TOKEN} > token(?, ?, ?, ?) LIMIT ?");
        self.once(&self.of_table.after, &text).await
    }

    /// The statement that writes or removes a row, and its values.
    pub(super) async fn write_values(
        self,
        number: u32,
        bucket: i32,
        row: &RowWrite,
    ) -> Result<(&'a PreparedStatement, WriteValues), CqlFailure> {
        let place = Place { number, tag: row.key.table as u8, pk: &row.key.pk, bucket };
        let (number, tag, pk, bucket) = place.values();
        let (pk, sk, at) = (CqlValue::Blob(pk.to_vec()), CqlValue::Blob(row.key.sk.to_vec()), CqlValue::BigInt(timestamp(row.offset)));
        let (number, tag, bucket) = (CqlValue::Int(number), CqlValue::TinyInt(tag), CqlValue::Int(bucket));
        Ok(match &row.value {
            Some(value) => (self.put().await?, vec![number, tag, pk, bucket, sk, CqlValue::Blob(value.to_vec()), at]),
            None => (self.remove().await?, vec![at, number, tag, pk, bucket, sk]),
        })
    }

    /// Writes or removes a row.
    pub(super) async fn write(self, number: u32, bucket: i32, row: &RowWrite) -> Result<(), CqlFailure> {
        let (statement, values) = self.write_values(number, bucket, row).await?;
        self.client.run(statement, values).await.map(drop)
    }
}

/// The values of a statement that writes or removes a row: as many as it takes.
pub(super) type WriteValues = Vec<CqlValue>;
