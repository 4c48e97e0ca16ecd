//! The journal: a step is written down whole before its rows are, so that a crash leaves none or all of it (docs/decisions/0010).

use futures_util::FutureExt;
use rustc_hash::FxHashMap;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, View};
use scylla::statement::prepared::PreparedStatement;
use tokio::sync::OnceCell;

use super::statements::timestamp;
use super::step::{Head, Mark, Step};
use crate::cql::{CqlClient, CqlFailure, Work, all, prepared_once};
use crate::views::ViewError;
use crate::views::fjall::layout::{decode_checkpoint, encode_checkpoint};

/// Steps up to this size, in bytes, stand in their head.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a piece of a larger one.
const CHUNK_BYTES: usize = 256 << 10;

/// One partition's steps in one version of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub(super) view: View,
    pub(super) number: u32,
    pub(super) partition: PartitionId,
}

impl Lane {
    fn values(self) -> (i8, i32, i32) {
        (self.view as i8, self.number as i32, i32::from(self.partition.0))
    }
}

/// The journal as one process writes it.
pub(super) struct Journal {
    /// Tells this process's steps from those of others.
    session: i64,
    /// How far this process knows each lane to be: everything below is written in full.
    at: parking_lot::Mutex<FxHashMap<Lane, u64>>,
    select_checkpoint: OnceCell<PreparedStatement>,
    put_checkpoint: OnceCell<PreparedStatement>,
    select_mark: OnceCell<PreparedStatement>,
    select_head: OnceCell<PreparedStatement>,
    put_head: OnceCell<PreparedStatement>,
    select_body: OnceCell<PreparedStatement>,
    put_body: OnceCell<PreparedStatement>,
}

const OF_LANE: &str = "view_id = ? AND version = ? AND partition = ?";

impl Journal {
    pub(super) fn new(session: i64) -> Self {
        Self {
            session,
            at: parking_lot::Mutex::default(),
            select_checkpoint: OnceCell::new(),
            put_checkpoint: OnceCell::new(),
            select_mark: OnceCell::new(),
            select_head: OnceCell::new(),
            put_head: OnceCell::new(),
            select_body: OnceCell::new(),
            put_body: OnceCell::new(),
        }
    }

    /// Where this process knows the lane to be.
    pub(super) fn known(&self, lane: Lane) -> Option<u64> {
        self.at.lock().get(&lane).copied()
    }

    /// Notes that the lane is there.
    pub(super) fn passed(&self, lane: Lane, next: u64) {
        self.at.lock().insert(lane, next);
    }

    pub(super) async fn checkpoint(&self, client: &CqlClient, lane: Lane) -> Result<Option<Checkpoint>, CqlFailure> {
        let select = prepared_once(&self.select_checkpoint, client, || format!("SELECT state FROM KS.checkpoints WHERE {OF_LANE}")).await?;
        let rows = client.rows::<(Vec<u8>,)>(select, lane.values()).await?;
        let damaged = || CqlFailure::damaged(&format!("the checkpoint of view {} in partition {}", lane.view.name(), lane.partition));
        rows.first().map(|(state,)| decode_checkpoint(state).ok_or_else(damaged)).transpose()
    }

    pub(super) async fn write_checkpoint(&self, client: &CqlClient, lane: Lane, checkpoint: &Checkpoint) -> Result<(), CqlFailure> {
        let text = "INSERT INTO KS.checkpoints (view_id, version, partition, state) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
        let put = prepared_once(&self.put_checkpoint, client, || text.to_owned()).await?;
        let (view, number, partition) = lane.values();
        client.run(put, (view, number, partition, &encode_checkpoint(checkpoint)[..], timestamp(checkpoint.next))).await.map(drop)
    }

    /// Writes a step down that was made of rows as they were at `from`, unless another process has gone further since.
    pub(super) async fn begin(&self, client: &CqlClient, lane: Lane, from: u64, step: &Step) -> Result<(), ViewError> {
        let select = prepared_once(&self.select_mark, client, || format!("SELECT mark FROM KS.journal_heads WHERE {OF_LANE}")).await?;
        if let Some((mark,)) = client.rows::<(Vec<u8>,)>(select, lane.values()).await?.first() {
            let mark = Mark::decode(mark).ok_or_else(|| CqlFailure::damaged("a mark in the journal"))?;
            // It may have written rows before ours were read: they were no longer as at `from`.
            if mark.session != self.session && mark.next > from {
                self.at.lock().remove(&lane);
                metrics::counter!("roost_cql_gave_way_total").increment(1);
                return Err(ViewError::Retryable(format!(
                    "another process works on view {} in partition {} and has come to {}: giving way",
                    lane.view.name(),
                    lane.partition,
                    mark.next
                )));
            }
        }
        let mark = Mark { next: step.checkpoint.next, session: self.session };
        let bytes = step.encode();
        let crc = crc32c::crc32c(&bytes);
        let head = match bytes.len() <= INLINE_BYTES_MAX {
            true => Head { mark, chunks: 0, crc, body: bytes },
            false => Head { mark, chunks: self.write_body(client, lane, &bytes).await?, crc, body: Vec::new() },
        };
        let text = "INSERT INTO KS.journal_heads (view_id, version, partition, mark, head) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let put = prepared_once(&self.put_head, client, || text.to_owned()).await?;
        let (view, number, partition) = lane.values();
        let values = (view, number, partition, &mark.encode()[..], head.encode(), timestamp(mark.next));
        Ok(client.run(put, values).await.map(drop)?)
    }

    async fn write_body(&self, client: &CqlClient, lane: Lane, bytes: &[u8]) -> Result<u32, CqlFailure> {
        let text = "INSERT INTO KS.journal_bodies (view_id, version, partition, session, chunk, body) VALUES (?, ?, ?, ?, ?, ?)";
        let put = prepared_once(&self.put_body, client, || text.to_owned()).await?;
        let (view, number, partition) = lane.values();
        let mut chunks: Vec<Work<'_, ()>> = Vec::new();
        for (chunk, body) in bytes.chunks(CHUNK_BYTES).enumerate() {
            // A step is far below 2^31 pieces.
            let values = (view, number, partition, self.session, chunk as i32, body);
            chunks.push(async move { client.run(put, values).await.map(drop) }.boxed());
        }
        let count = chunks.len() as u32;
        all(chunks).await?;
        Ok(count)
    }

    /// The step that a crash left unfinished, if there is one.
    pub(super) async fn unfinished(&self, client: &CqlClient, lane: Lane, at: Option<&Checkpoint>) -> Result<Option<Step>, ViewError> {
        let select = prepared_once(&self.select_head, client, || format!("SELECT head FROM KS.journal_heads WHERE {OF_LANE}")).await?;
        let rows = client.rows::<(Vec<u8>,)>(select, lane.values()).await?;
        let Some((bytes,)) = rows.first() else { return Ok(None) };
        let damaged = || CqlFailure::damaged(&format!("the journal of view {} in partition {}", lane.view.name(), lane.partition));
        let head = Head::decode(bytes).ok_or_else(damaged)?;
        if head.mark.next <= at.map_or(0, |at| at.next) {
            return Ok(None);
        }
        let body = match head.chunks {
            0 => head.body,
            chunks => self.read_body(client, lane, head.mark.session, chunks).await?,
        };
        if crc32c::crc32c(&body) == head.crc {
            return Ok(Some(Step::decode(&body).ok_or_else(damaged)?));
        }
        // Its session has begun the next step, so this one is finished: the checkpoint says so by now.
        match self.checkpoint(client, lane).await? {
            Some(now) if now.next >= head.mark.next => {
                Err(ViewError::Retryable("another process is writing a step: read again".to_owned()))
            }
            _ => Err(damaged().into()),
        }
    }

    async fn read_body(&self, client: &CqlClient, lane: Lane, session: i64, chunks: u32) -> Result<Vec<u8>, CqlFailure> {
        let text = || format!("SELECT body FROM KS.journal_bodies WHERE {OF_LANE} AND session = ? AND chunk = ?");
        let select = prepared_once(&self.select_body, client, text).await?;
        let (view, number, partition) = lane.values();
        let mut body = Vec::new();
        for chunk in 0..chunks {
            let rows = client.rows::<(Vec<u8>,)>(select, (view, number, partition, session, chunk as i32)).await?;
            body.extend(rows.into_iter().flat_map(|(bytes,)| bytes));
        }
        Ok(body)
    }

    /// Removes what is kept of a version that is no more.
    pub(super) async fn forget(&self, client: &CqlClient, lane: (View, u32)) -> Result<(), CqlFailure> {
        self.at.lock().retain(|known, _| (known.view, known.number) != lane);
        for table in ["checkpoints", "journal_heads"] {
            // Offsets are timestamps here too: a removal by the clock is above them all, and no number is used twice.
            let remove = client.prepare(&format!("DELETE FROM KS.{table} WHERE view_id = ? AND version = ?")).await?;
            client.run(&remove, (lane.0 as i8, lane.1 as i32)).await?;
        }
        Ok(())
    }
}
