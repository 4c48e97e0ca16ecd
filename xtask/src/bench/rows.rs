//! Rows of views that benches write without a log, in the shape that the projections give them.

use anyhow::Result;
use infra::views::{Version, ViewBatch, ViewStore};
use schemas::rows::{FolloweeRow, PeerRow, RowKey, RowWrite, Table, codec, keys};
use schemas::{AccountId, RelationId};
use serde::Serialize;

/// Rows of one commit, about.
pub(super) const COMMIT_ROWS: usize = 2_000;

/// Adds a row.
pub(super) fn put<T: Serialize>(writes: &mut Vec<RowWrite>, key: RowKey, row: &T) {
    writes.push(RowWrite { key, value: Some(codec::encode(row)), offset: 0 });
}

/// Adds a confirmed follow, as its reader keeps it.
pub(super) fn follow(writes: &mut Vec<RowWrite>, relation: RelationId, reader: AccountId, target: AccountId) {
    let row = FolloweeRow { relation, confirmed: true, reblogs: true, notify: false, languages: Vec::new() };
    put(writes, keys::followee(reader, target), &row);
    put(writes, keys::listed(Table::FolloweeList, reader, relation), &PeerRow { account: target });
}

/// Writes the rows into the live views, and leaves none.
pub(super) async fn commit(views: &dyn ViewStore, writes: &mut Vec<RowWrite>) -> Result<()> {
    let writes = std::mem::take(writes);
    Ok(views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await?)
}
