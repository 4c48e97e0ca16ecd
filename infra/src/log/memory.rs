//! The log in memory: the reference that the other adapters are compared with, and the log of tests.
//!
//! It keeps every promise of the port but survival: what it holds lasts as long as one of its handles.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::{NewRecord, Offset, RecordHeader, StoredRecord, Validity, WriterId};
use tokio::sync::watch;

use super::import::check_import;
use super::stamp::{check_size, stamped, writer_started};
use super::{EventLog, LogError, LogImport, LogLayout, PartitionWriter, ReadLimits};

/// A log in memory.
pub struct MemoryLog {
    layout: LogLayout,
    partitions: Arc<Vec<Arc<Partition>>>,
    open: Arc<Open>,
}

/// Whether one opening of the log still serves: writers share it with the handle that made them.
struct Open {
    closed: AtomicBool,
    /// Wakes those who wait for a record when the answer is that none will come.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Partition {
    content: Mutex<Content>,
    end: watch::Sender<Offset>,
}

#[derive(Default)]
struct Content {
    records: Vec<StoredRecord>,
    validity: Validity,
}

impl MemoryLog {
    /// Makes an empty log.
    pub fn new(layout: LogLayout) -> Arc<Self> {
        let partitions = layout.partition_ids().map(|_| Arc::default()).collect();
        Arc::new(Self { layout, partitions: Arc::new(partitions), open: Open::new() })
    }

    /// Opens the same records once more, as a process does that starts again on the folder of the last one.
    pub fn reopen(&self) -> Arc<Self> {
        Arc::new(Self { layout: self.layout, partitions: Arc::clone(&self.partitions), open: Open::new() })
    }

    /// Appends a record with a header of the caller's making: how a test writes what a zombie writes.
    ///
    /// Errors: [`LogError::OutOfRange`] for a partition that does not exist.
    pub fn inject(&self, partition: PartitionId, header: RecordHeader, body: Bytes) -> Result<Offset, LogError> {
        let partition = self.partition(partition)?;
        let mut content = partition.content.lock();
        content.validity.admit(&header);
        let offset = content.push(header, body);
        partition.end.send_replace(offset + 1);
        Ok(offset)
    }

    fn partition(&self, id: PartitionId) -> Result<&Arc<Partition>, LogError> {
        self.partitions.get(usize::from(id.0)).ok_or(LogError::OutOfRange { partition: id, offset: 0 })
    }
}

impl Open {
    fn new() -> Arc<Self> {
        Arc::new(Self { closed: AtomicBool::new(false), changed: watch::Sender::new(()) })
    }

    fn check(&self) -> Result<(), LogError> {
        if self.closed.load(Ordering::Acquire) { Err(LogError::closed()) } else { Ok(()) }
    }
}

impl Content {
    fn push(&mut self, header: RecordHeader, body: Bytes) -> Offset {
        let offset = self.records.len() as Offset;
        self.records.push(StoredRecord { offset, header, body });
        offset
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn layout(&self) -> LogLayout {
        self.layout
    }

    async fn open_writer(&self, id: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        let partition = self.partition(id)?;
        self.open.check()?;
        let mut content = partition.content.lock();
        let header = writer_started(&content.validity)?;
        content.validity.admit(&header);
        let offset = content.push(header, Bytes::copy_from_slice(address.as_bytes()));
        partition.end.send_replace(offset + 1);
        Ok(Arc::new(MemoryWriter {
            id,
            partition: Arc::clone(partition),
            open: Arc::clone(&self.open),
            epoch: header.epoch,
            writer: header.writer,
            start: offset + 1,
        }))
    }

    async fn read(&self, id: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        let content = self.partition(id)?.content.lock();
        let rest = usize::try_from(from).ok().and_then(|from| content.records.get(from..));
        let rest = rest.ok_or(LogError::OutOfRange { partition: id, offset: from })?;
        let mut room = limits.start();
        Ok(rest.iter().take_while(|record| room.admits(record.body.len())).cloned().collect())
    }

    async fn bounds(&self, id: PartitionId) -> Result<Range<Offset>, LogError> {
        Ok(0..self.partition(id)?.content.lock().records.len() as Offset)
    }

    async fn wait_for(&self, id: PartitionId, offset: Offset) -> Result<(), LogError> {
        let mut end = self.partition(id)?.end.subscribe();
        let mut changed = self.open.changed.subscribe();
        loop {
            if *end.borrow_and_update() > offset {
                return Ok(());
            }
            self.open.check()?;
            tokio::select! {
                moved = end.changed() => moved.map_err(|_| LogError::closed())?,
                closed = changed.changed() => closed.map_err(|_| LogError::closed())?,
            }
        }
    }

    async fn close(&self) -> Result<(), LogError> {
        self.open.closed.store(true, Ordering::Release);
        self.open.changed.send_replace(());
        Ok(())
    }
}

#[async_trait]
impl LogImport for MemoryLog {
    async fn import(&self, id: PartitionId, records: Vec<StoredRecord>) -> Result<(), LogError> {
        let partition = self.partition(id)?;
        self.open.check()?;
        let mut content = partition.content.lock();
        check_import(id, content.records.len() as Offset, &records)?;
        for record in records {
            content.validity.admit(&record.header);
            content.push(record.header, record.body);
        }
        partition.end.send_replace(content.records.len() as Offset);
        Ok(())
    }
}

struct MemoryWriter {
    id: PartitionId,
    partition: Arc<Partition>,
    open: Arc<Open>,
    epoch: u32,
    writer: WriterId,
    start: Offset,
}

impl MemoryWriter {
    fn append_now(&self, records: Vec<NewRecord>) -> Result<Offset, LogError> {
        check_size(&records)?;
        let mut content = self.partition.content.lock();
        self.open.check()?;
        if (content.validity.epoch, content.validity.writer) != (self.epoch, self.writer) {
            return Err(LogError::Superseded { partition: self.id });
        }
        let first = content.records.len() as Offset;
        for record in records {
            let header = stamped(&record, &content.validity);
            content.validity.admit(&header);
            content.push(header, record.body);
        }
        self.partition.end.send_replace(content.records.len() as Offset);
        Ok(first)
    }
}

impl PartitionWriter for MemoryWriter {
    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn writer(&self) -> WriterId {
        self.writer
    }

    fn start(&self) -> Offset {
        self.start
    }

    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<'static, Result<Offset, LogError>> {
        std::future::ready(self.append_now(records)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::contract::{self, OpenAgain};

    fn fresh(layout: LogLayout) -> OpenAgain {
        let log = MemoryLog::new(layout);
        Arc::new(move || std::future::ready(Ok(log.reopen() as Arc<dyn EventLog>)).boxed())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        contract::check(&fresh).await;
    }

    fn fresh_to_import(layout: LogLayout) -> contract::import::OpenAgain {
        let log = MemoryLog::new(layout);
        Arc::new(move || std::future::ready(Ok(log.reopen() as Arc<dyn LogImport>)).boxed())
    }

    #[tokio::test]
    async fn keeps_the_contract_of_imports() {
        contract::import::check(&fresh_to_import).await;
    }

    #[tokio::test]
    async fn what_a_zombie_wrote_is_read_and_is_void() {
        let log = MemoryLog::new(LogLayout { generation: 1, partitions: 1 });
        let partition = PartitionId(0);
        let writer = log.open_writer(partition, "a").await.expect("an open log");
        let zombie = RecordHeader { epoch: 0, ..writer_started(&Validity::default()).expect("a first epoch") };
        assert_eq!(log.inject(partition, zombie, Bytes::new()).expect("an open log"), 1);
        assert_eq!(writer.append(vec![contract::record(1, 10)]).await.expect("still the owner"), 2);
        contract::check_valid_except(log.as_ref(), partition, &[1]).await;
    }
}
