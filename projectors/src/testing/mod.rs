//! What the crate's tests share: a deployment in memory, and random histories that a write side could have made.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code")]

pub(crate) mod history;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use infra::clock::Clock;
use infra::log::memory::MemoryLog;
use infra::log::{EventLog, LogLayout, PartitionWriter, ReadLimits};
use infra::progress::Progress;
use infra::timelines::{NaiveTimelines, ViewSource};
use infra::views::memory::MemoryViews;
use infra::views::{Version, ViewStore};
use schemas::events::Event;
use schemas::log::{CommandId, NewRecord, TraceContext, body};
use schemas::rows::{RowKey, Table, View};
use schemas::{AccountId, PartitionId};

use crate::ProjectorPorts;
use crate::group::{Followers, Group};
use crate::run::Tail;

pub(crate) const PARTITIONS: u16 = 3;
pub(crate) const LAYOUT: LogLayout = LogLayout { generation: 1, partitions: PARTITIONS };

/// A log in memory with a writer per partition.
pub(crate) struct World {
    pub(crate) log: Arc<MemoryLog>,
    writers: Vec<Arc<dyn PartitionWriter>>,
    commands: std::sync::atomic::AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let log = MemoryLog::new(LAYOUT);
        let mut writers = Vec::new();
        for partition in LAYOUT.partition_ids() {
            writers.push(log.open_writer(partition, "a test").await.unwrap());
        }
        Self { log, writers, commands: Default::default() }
    }

    pub(crate) async fn of(history: &[(PartitionId, Vec<Event>)]) -> Self {
        let world = Self::new().await;
        for (partition, events) in history {
            world.append(*partition, events).await;
        }
        world
    }

    pub(crate) async fn append(&self, partition: PartitionId, events: &[Event]) -> u64 {
        self.append_body(partition, AccountId(0), body::encode(events).unwrap()).await
    }

    pub(crate) async fn append_body(&self, partition: PartitionId, actor: AccountId, body: Bytes) -> u64 {
        let number = self.commands.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let record = NewRecord {
            command_id: CommandId(u128::from(number) + 1),
            actor,
            time_ms: history::T0 + number * 1_000,
            causation: CommandId(0),
            trace: TraceContext::default(),
            body,
        };
        self.writers[usize::from(partition.0)].append(vec![record]).await.unwrap()
    }

    pub(crate) fn ports(&self, views: &Arc<MemoryViews>) -> ProjectorPorts {
        let views: Arc<dyn ViewStore> = views.clone();
        let source = Arc::new(ViewSource::new(views.clone()));
        let clock: Clock = Arc::new(|| history::T0);
        ProjectorPorts {
            log: self.log.clone(),
            views,
            timelines: Arc::new(NaiveTimelines::new(source)),
            search: None,
            bus: None,
            mail: None,
            progress: Arc::new(Progress::new(LAYOUT.generation, LAYOUT.partitions)),
            clock,
        }
    }

    /// A loop over the live views of a partition, to be stepped by hand.
    pub(crate) fn live(&self, views: &Arc<MemoryViews>, partition: PartitionId, records: usize) -> (Tail, Group) {
        let ports = self.ports(views);
        let targets = View::PROJECTED.map(|view| (view, Version::Live)).to_vec();
        let followers = Followers { log: self.log.clone(), timelines: ports.timelines, progress: ports.progress, clock: ports.clock };
        let group = Group::new(ports.views, 1, partition, targets, Some(followers));
        (Tail::new(ports.log, partition, ReadLimits { records, bytes: 1 << 20 }), group)
    }

    /// Projects all into the live views.
    pub(crate) async fn project(&self, views: &Arc<MemoryViews>, records: usize) {
        for partition in LAYOUT.partition_ids() {
            let (mut tail, mut group) = self.live(views, partition, records);
            tail.catch_up(&mut group, u64::MAX).await.unwrap();
        }
    }
}

/// Every row of the projected views.
pub(crate) async fn dump(views: &MemoryViews) -> BTreeMap<RowKey, Bytes> {
    let mut rows = BTreeMap::new();
    for table in Table::ALL.iter().filter(|table| View::PROJECTED.contains(&table.view())) {
        rows.extend(views.dump(Version::Live, *table, None, usize::MAX).await.unwrap());
    }
    rows
}
