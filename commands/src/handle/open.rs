//! Becoming the owner of a partition: the view at its checkpoint, and the folded tail of the log after it.

use infra::log::{LogError, PartitionWriter, ReadLimits};
use infra::views::{Version, ViewBatch, ViewError, ViewStore};
use schemas::PartitionId;
use schemas::events::Event;
use schemas::ids::IdMaker;
use schemas::log::body::{self, BodyError};
use schemas::log::{Offset, RecordHeader, RecordKind, StoredRecord, Verdict};
use schemas::rows::codec::{self, BadRow};
use schemas::rows::{Checkpoint, RowWrite, View};

use super::Ports;
use super::flights::Flights;
use super::flush::Flusher;
use super::metrics::Meters;
use super::owner::Owner;
use super::recall::Recall;
use super::receipts::Receipts;
use crate::domain::answered;
use crate::state::{Ledger, OwnerNote, State, ledger_row, owner_row};

/// What one read of the tail brings into memory.
const TAIL: ReadLimits = ReadLimits { records: 4_096, bytes: 4 << 20 };

/// Why the write side does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log's.
    #[error("cannot become a writer: {0}")]
    Log(#[from] LogError),
    /// The view store's.
    #[error("cannot read the decision state: {0}")]
    Views(#[from] ViewError),
    /// A row of another build, or a damaged one.
    #[error("cannot read the decision state of partition {partition}: {cause}")]
    Row {
        /// The partition.
        partition: PartitionId,
        /// What is wrong with it.
        cause: BadRow,
    },
    /// The view does not belong to the log.
    #[error(
        "the decision state of partition {partition} stands at offset {next} of generation {generation}, the log ends at {end}: rebuild it"
    )]
    OtherLog {
        /// The partition.
        partition: PartitionId,
        /// The checkpoint's generation.
        generation: u32,
        /// The checkpoint's next offset.
        next: Offset,
        /// The log's next offset.
        end: Offset,
    },
    /// A valid record that this build cannot read: deciding without it could break any rule.
    #[error("cannot decide without the record at offset {offset} of partition {partition}: {cause}")]
    Record {
        /// The partition.
        partition: PartitionId,
        /// The record.
        offset: Offset,
        /// What is wrong with it.
        cause: BodyError,
    },
    /// The log ends before the offset that its writer starts from.
    #[error("partition {partition} cannot be read at offset {offset}")]
    Short {
        /// The partition.
        partition: PartitionId,
        /// The offset that is not there.
        offset: Offset,
    },
    /// A defect.
    #[error("opening a partition panicked: {0}")]
    Panicked(String),
}

impl StartError {
    /// Whether the same call may succeed later.
    pub(super) fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Log(LogError::Retryable(_) | LogError::Unknown { .. } | LogError::Full(_)) | Self::Views(ViewError::Retryable(_))
        )
    }
}

/// Becomes the partition's writer and folds all before it.
pub(super) async fn open(ports: &Ports, partition: PartitionId) -> Result<Owner, StartError> {
    let generation = ports.log.layout().generation;
    let writer = ports.log.open_writer(partition, &ports.options.address).await?;
    let start = writer.start();
    let stored = ports.views.checkpoint(Version::Live, View::Decisions, partition).await?;
    let durable = stored.unwrap_or(Checkpoint { generation, ..Checkpoint::default() });
    if durable.generation != generation || durable.next > start {
        return Err(StartError::OtherLog { partition, generation: durable.generation, next: durable.next, end: start });
    }
    let row = ports.views.get(Version::Live, &[ledger_row(partition)]).await?.pop().flatten();
    let ledger: Option<Ledger> = row.map(|row| codec::decode(&row)).transpose().map_err(|cause| StartError::Row { partition, cause })?;
    let ledger = ledger.unwrap_or_default();
    note_owner(ports, partition, &*writer).await?;
    let recall = Recall::begin(ports.views.clone(), partition, &ledger, ports.options.recalled_commands);
    let mut owner = Owner {
        ports: ports.clone(),
        partition,
        writer,
        state: State::new(ports.options.state_entries),
        ledger,
        ids: IdMaker::after(partition, ledger.last_id),
        receipts: Receipts::default(),
        recall,
        flights: Flights::default(),
        flusher: Flusher::default(),
        meters: Meters::new(partition),
        durable,
        sequence: durable.validity.sequence,
    };
    let from = durable.next;
    owner.fold_to(start).await?;
    tracing::debug!(partition = partition.0, from, to = start, "decision state is up to date");
    Ok(owner)
}

/// Notes where the partition's commands are to be sent.
async fn note_owner(ports: &Ports, partition: PartitionId, writer: &dyn PartitionWriter) -> Result<(), ViewError> {
    let note = OwnerNote { epoch: writer.epoch(), address: ports.options.address.clone() };
    // Under the offset of its `WriterStarted`: of two notes the later owner's stays.
    let offset = writer.start().saturating_sub(1);
    let write = RowWrite { key: owner_row(partition), value: Some(codec::encode(&note)), offset };
    ports.views.commit(Version::Live, ViewBatch { writes: vec![write], checkpoints: Vec::new() }).await
}

/// Who decides the partition, as far as its last owner noted; nothing if it never had one.
pub async fn owner_of(views: &dyn ViewStore, partition: PartitionId) -> Result<Option<OwnerNote>, ViewError> {
    let row = views.get(Version::Live, &[owner_row(partition)]).await?.pop().flatten();
    row.map(|row| codec::decode(&row)).transpose().map_err(|error| ViewError::Fatal(error.to_string()))
}

impl Owner {
    async fn fold_to(&mut self, end: Offset) -> Result<(), StartError> {
        let partition = self.partition;
        while self.durable.next < end {
            let mut records = self.ports.log.read(partition, self.durable.next, TAIL).await?;
            records.retain(|record| record.offset < end);
            if records.is_empty() {
                return Err(StartError::Short { partition, offset: self.durable.next });
            }
            self.fold(records).await?;
            if self.unflushed() >= self.ports.options.flush_rows {
                self.flush().await;
                if self.unflushed() >= self.ports.options.unflushed_rows_max {
                    return Err(ViewError::Retryable("it does not take the decision state".to_owned()).into());
                }
            }
        }
        self.ids = IdMaker::after(partition, self.ledger.last_id);
        Ok(())
    }

    async fn fold(&mut self, records: Vec<StoredRecord>) -> Result<(), StartError> {
        let (partition, mut validity) = (self.partition, self.durable.validity);
        let mut valid: Vec<(Offset, RecordHeader, Vec<Event>)> = Vec::with_capacity(records.len());
        let mut next = self.durable.next;
        for StoredRecord { offset, header, body } in records {
            next = offset + 1;
            let verdict = validity.admit(&header);
            if verdict == Verdict::Valid && header.kind == RecordKind::Command {
                let events = body::decode(&body).map_err(|cause| StartError::Record { partition, offset, cause })?;
                valid.push((offset, header, events));
            }
        }
        self.state.make_room();
        self.load_of(valid.iter().flat_map(|(_, _, events)| events)).await?;
        for (offset, header, events) in valid {
            self.receipts.place(header.sequence, offset);
            let id = answered(&events);
            self.happened(header.command_id, header.sequence, header.time_ms, &events, id);
        }
        self.sequence = validity.sequence;
        self.durable = Checkpoint { next, validity, ..self.durable };
        Ok(())
    }
}
