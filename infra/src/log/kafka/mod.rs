//! The log on Kafka: a topic per generation, producers that writers share, safety by the epochs in the log.
//!
//! ```text
//!  append ──> line ──> producer ──acks=all──> topic partition ──> tail ──> recent records <── reader (at the end)
//!             (bounded)   │                        │
//!   acknowledged <── acks <┘ offset of delivery     └──> lanes <───────────────────────────── reader (far behind)
//! ```
//!
//! Mapping, settings and the rule of acknowledgement: docs/decisions/0009-kafka-log.md. Who should write a partition is only hinted at, by
//! [`KafkaGroups`]; whoever opens a writer supersedes the one before.

mod acks;
pub(crate) mod cluster;
pub(crate) mod context;
mod hints;
mod import;
mod lane;
mod line;
mod open;
pub(crate) mod options;
mod ownership;
mod part;
mod producers;
mod tail;
pub(crate) mod topic;
mod url;
mod wire;
mod writer;

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use futures_util::future::join_all;
use metrics::{Unit, describe_counter};
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord};

pub use self::options::KafkaOptions;
pub use self::ownership::KafkaGroups;
pub use self::url::{BadKafkaUrl, KafkaUrl};

use self::cluster::Cluster;
use self::import::Importer;
use self::writer::Writer;
use super::{EventLog, LogError, LogImport, LogLayout, PartitionWriter, ReadLimits};

/// A log in a topic of a Kafka cluster.
pub struct KafkaLog {
    cluster: Arc<Cluster>,
    writers: Mutex<Vec<Weak<Writer>>>,
    importer: Importer,
}

impl KafkaLog {
    /// Opens the log in the topic of the options' generation, or makes the topic.
    ///
    /// Errors: [`LogError::Fatal`] when the topic has another layout, or settings under which a log loses records, or when a property is
    /// wrong; [`LogError::Retryable`] while the cluster cannot be reached.
    pub async fn open(options: KafkaOptions) -> Result<Arc<Self>, LogError> {
        describe_counter!("roost_kafka_stalls_total", Unit::Count, "consumers that brought nothing and were made anew");
        describe_counter!("roost_kafka_read_backs_total", Unit::Count, "gaps behind which a writer read the log back");
        topic::prepare(&options).await?;
        let cluster = Arc::new(context::blocking(move || Cluster::new(options)).await?);
        tail::start(&cluster)?;
        Ok(Arc::new(Self { cluster, writers: Mutex::default(), importer: Importer::default() }))
    }

    /// The layout of the newest generation that exists below the URL's prefix; nothing, if there is none.
    ///
    /// Errors: as [`Self::open`].
    pub async fn layout_of(url: &KafkaUrl) -> Result<Option<LogLayout>, LogError> {
        topic::newest(url).await
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn layout(&self) -> LogLayout {
        self.cluster.options.layout
    }

    async fn open_writer(&self, id: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        let part = self.cluster.part(id)?;
        self.cluster.check_open()?;
        let opened = open::open(&self.cluster, part, address).await?;
        let mut writers = self.writers.lock();
        // Closed in the meantime: nobody would close this one.
        self.cluster.check_open()?;
        writers.retain(|writer| writer.strong_count() > 0);
        writers.push(opened.weak());
        Ok(Arc::new(opened))
    }

    async fn read(&self, id: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        self.cluster.read(self.cluster.part(id)?, from, limits).await
    }

    async fn bounds(&self, id: PartitionId) -> Result<Range<Offset>, LogError> {
        self.cluster.bounds(self.cluster.part(id)?).await
    }

    async fn wait_for(&self, id: PartitionId, offset: Offset) -> Result<(), LogError> {
        let part = self.cluster.part(id)?;
        let _waits = part.waits();
        let mut moved = part.progress.subscribe();
        loop {
            let progress = moved.borrow_and_update().clone();
            if progress.end > offset {
                return Ok(());
            }
            self.cluster.check_open()?;
            if !progress.tailed {
                self.cluster.follow(part).await?;
                continue;
            }
            moved.changed().await.map_err(|_| LogError::closed())?;
        }
    }

    async fn close(&self) -> Result<(), LogError> {
        let writers = {
            let mut writers = self.writers.lock();
            self.cluster.closed.store(true, Ordering::Release);
            std::mem::take(&mut *writers)
        };
        let open: Vec<Arc<Writer>> = writers.iter().filter_map(Weak::upgrade).collect();
        join_all(open.iter().map(|writer| writer.close())).await;
        for part in &self.cluster.parts {
            part.progress.send_modify(|progress| progress.closed = true);
        }
        Ok(())
    }
}

#[async_trait]
impl LogImport for KafkaLog {
    async fn import(&self, id: PartitionId, records: Vec<StoredRecord>) -> Result<(), LogError> {
        self.importer.import(&self.cluster, self.cluster.part(id)?, &records).await
    }
}
