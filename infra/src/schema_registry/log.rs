//! A log whose records carry a registry's schema ids outside this process, and the compiled-in ones within it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use schemas::PartitionId;
use schemas::log::{NewRecord, Offset, RecordKind, StoredRecord, WriterId};

use super::{Schemas, SchemasError};
use crate::log::{EventLog, LogError, LogLayout, PartitionWriter, ReadLimits};

/// See the module. All but the ids in bodies is the inner log's.
pub struct RegisteredLog {
    inner: Arc<dyn EventLog>,
    schemas: Arc<dyn Schemas>,
}

impl RegisteredLog {
    /// Puts `schemas` around a log.
    pub fn new(inner: Arc<dyn EventLog>, schemas: Arc<dyn Schemas>) -> Arc<Self> {
        Arc::new(Self { inner, schemas })
    }

    /// A body under an id that was not known, as it is handled here. Where nobody knows the id the body stays as it is: decoding names it.
    async fn learned(&self, id: u32, body: &Bytes) -> Result<Bytes, LogError> {
        match self.schemas.learn(id).await {
            Ok(_) => Ok(self.schemas.ids().inward(body).unwrap_or_else(|_| body.clone())),
            Err(SchemasError::Retryable(cause)) => Err(LogError::Retryable(format!("schema id {id} could not be looked up: {cause}"))),
            Err(error) => {
                tracing::warn!(%error, "met a record body under an unknown schema");
                Ok(body.clone())
            }
        }
    }
}

#[async_trait]
impl EventLog for RegisteredLog {
    fn layout(&self) -> LogLayout {
        self.inner.layout()
    }

    async fn open_writer(&self, partition: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        let inner = self.inner.open_writer(partition, address).await?;
        Ok(Arc::new(RegisteredWriter { inner, schemas: self.schemas.clone() }))
    }

    async fn read(&self, partition: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        let mut records = self.inner.read(partition, from, limits).await?;
        let mut ids = self.schemas.ids();
        for record in records.iter_mut().filter(|record| record.header.kind == RecordKind::Command) {
            record.body = match ids.inward(&record.body) {
                Ok(body) => body,
                Err(id) => {
                    let body = self.learned(id, &record.body).await?;
                    ids = self.schemas.ids();
                    body
                }
            };
        }
        Ok(records)
    }

    async fn bounds(&self, partition: PartitionId) -> Result<Range<Offset>, LogError> {
        self.inner.bounds(partition).await
    }

    async fn wait_for(&self, partition: PartitionId, offset: Offset) -> Result<(), LogError> {
        self.inner.wait_for(partition, offset).await
    }

    async fn close(&self) -> Result<(), LogError> {
        self.inner.close().await
    }
}

struct RegisteredWriter {
    inner: Arc<dyn PartitionWriter>,
    schemas: Arc<dyn Schemas>,
}

impl PartitionWriter for RegisteredWriter {
    fn epoch(&self) -> u32 {
        self.inner.epoch()
    }

    fn writer(&self) -> WriterId {
        self.inner.writer()
    }

    fn start(&self) -> Offset {
        self.inner.start()
    }

    fn append(&self, mut records: Vec<NewRecord>) -> BoxFuture<'static, Result<Offset, LogError>> {
        let ids = self.schemas.ids();
        for record in &mut records {
            record.body = ids.outward(&record.body);
        }
        self.inner.append(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::contract;
    use crate::log::memory::MemoryLog;
    use futures_util::FutureExt;
    use parking_lot::Mutex;
    use schemas::log::{CommandId, SchemaIds, SchemaVersion, TraceContext};
    use schemas::{AccountId, PartitionId};

    const P0: PartitionId = PartitionId(0);
    const LIMITS: ReadLimits = ReadLimits { records: 100, bytes: 1 << 20 };

    /// Knows id 7 from the start, id 8 once asked, id 9 not now, and no other.
    struct Known(Mutex<(SchemaIds, Vec<u32>)>);

    #[async_trait]
    impl Schemas for Known {
        fn ids(&self) -> Arc<SchemaIds> {
            Arc::new(self.0.lock().0.clone())
        }

        async fn learn(&self, id: u32) -> Result<SchemaVersion, SchemasError> {
            let mut known = self.0.lock();
            known.1.push(id);
            match id {
                8 => {
                    known.0 = known.0.with(8, SchemaVersion::V1)?;
                    Ok(SchemaVersion::V1)
                }
                9 => Err(SchemasError::Retryable("not now".into())),
                id => Err(SchemasError::Unknown(id)),
            }
        }
    }

    fn known() -> Arc<Known> {
        Arc::new(Known(Mutex::new((SchemaIds::default().with(7, SchemaVersion::V1).unwrap(), Vec::new()))))
    }

    fn record(body: &[u8]) -> NewRecord {
        NewRecord {
            command_id: CommandId(1),
            actor: AccountId(1),
            time_ms: 1,
            causation: CommandId(0),
            trace: TraceContext::default(),
            body: Bytes::copy_from_slice(body),
        }
    }

    async fn bodies(log: &dyn EventLog) -> Result<Vec<Bytes>, LogError> {
        Ok(log.read(P0, 0, LIMITS).await?.into_iter().map(|record| record.body).collect())
    }

    #[tokio::test]
    async fn keeps_the_contract_of_the_log() {
        contract::check(&|layout| {
            let memory = MemoryLog::new(layout);
            Arc::new(move || {
                let log: Arc<dyn EventLog> = RegisteredLog::new(memory.reopen(), known());
                async move { Ok(log) }.boxed()
            })
        })
        .await;
    }

    #[tokio::test]
    async fn ids_are_exchanged_at_the_edge() {
        let inner = MemoryLog::new(LogLayout { generation: 1, partitions: 1 });
        let schemas = known();
        let log = RegisteredLog::new(inner.clone(), schemas.clone());
        let writer = log.open_writer(P0, "\0\0\0\0\x07 an address that looks like a body").await.unwrap();
        writer.append(vec![record(b"\0\0\0\0\x01datum")]).await.unwrap();
        assert_eq!(bodies(&*inner).await.unwrap()[1], &b"\0\0\0\0\x07datum"[..], "the registry's on the wire");
        assert_eq!(bodies(&*log).await.unwrap(), [&b"\0\0\0\0\x07 an address that looks like a body"[..], b"\0\0\0\0\x01datum"]);
        // Bodies that others wrote: under an id learned on the way, one that stays unknown, none at all.
        let foreign = inner.open_writer(P0, "").await.unwrap();
        foreign.append(vec![record(b"\0\0\0\0\x08b"), record(b"\0\0\0\0\x08c"), record(b"\0\0\0\0\x05d"), record(b"e")]).await.unwrap();
        let read = bodies(&*log).await.unwrap();
        assert_eq!(read[3..], [&b"\0\0\0\0\x01b"[..], b"\0\0\0\0\x01c", b"\0\0\0\0\x05d", b"e"]);
        assert_eq!(schemas.0.lock().1, [8, 5], "each is asked for once in a read");
        // What cannot be looked up now is not passed on as something else.
        foreign.append(vec![record(b"\0\0\0\0\x09f")]).await.unwrap();
        assert!(matches!(bodies(&*log).await, Err(LogError::Retryable(why)) if why.contains("id 9")));
    }
}
