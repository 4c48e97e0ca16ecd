//! Servers in roles of their own, in this process: one log and one set of stores in memory for all, and a view store that fails on demand.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use infra::blobs::memory::MemoryBlobs;
use infra::cache::{StampedViews, Stamps};
use infra::clock::system_clock;
use infra::config::{Config, Layered};
use infra::connect::{Ports, Shared, Stores, rings};
use infra::log::memory::MemoryLog;
use infra::log::{EventLog, LogError, LogLayout, PartitionWriter, ReadLimits};
use infra::mail::Sender;
use infra::mail::memory::MemoryMail;
use infra::membership::memory::MemoryGroups;
use infra::notices::memory::MemoryNotices;
use infra::progress::Progress;
use infra::search::memory::MemorySearch;
use infra::timelines::Timelines;
use infra::views::ViewStore;
use infra::views::faulty::FaultyViews;
use infra::views::memory::MemoryViews;
use infra::views::watched::WatchedViews;
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord};

use super::Server;

const LAYOUT: LogLayout = LogLayout { generation: 1, partitions: 4 };

/// The log of all servers, as each has it: closing it ends that server's use only.
struct Joint(Arc<dyn EventLog>);

#[async_trait]
impl EventLog for Joint {
    fn layout(&self) -> LogLayout {
        self.0.layout()
    }

    async fn open_writer(&self, partition: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        self.0.open_writer(partition, address).await
    }

    async fn read(&self, partition: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        self.0.read(partition, from, limits).await
    }

    async fn bounds(&self, partition: PartitionId) -> Result<Range<Offset>, LogError> {
        self.0.bounds(partition).await
    }

    async fn wait_for(&self, partition: PartitionId, offset: Offset) -> Result<(), LogError> {
        self.0.wait_for(partition, offset).await
    }

    async fn close(&self) -> Result<(), LogError> {
        Ok(())
    }
}

/// What all servers share.
pub struct Place {
    log: Arc<dyn EventLog>,
    pub views: Arc<FaultyViews>,
    /// Where the stores of all servers are looked at.
    runtime: tokio::runtime::Runtime,
    timelines: Arc<dyn Timelines>,
    search: Arc<MemorySearch>,
    blobs: Arc<MemoryBlobs>,
    groups: Arc<MemoryGroups>,
    notices: Arc<MemoryNotices>,
}

impl Place {
    pub fn new() -> Self {
        let views = Arc::new(FaultyViews::new(Arc::new(MemoryViews::new())));
        Self {
            log: MemoryLog::new(LAYOUT),
            timelines: rings(&config("commands,projectors,queries"), views.clone(), system_clock()),
            views,
            search: Arc::new(MemorySearch::new()),
            blobs: Arc::new(MemoryBlobs::new()),
            groups: MemoryGroups::new(LAYOUT.partition_ids()),
            notices: Arc::new(MemoryNotices::default()),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"),
        }
    }

    /// A server with its own caches and its own look at the store.
    pub fn server(&self, roles: &str) -> Server {
        self.watched_server(roles).0
    }

    /// The same, and how it finds the store.
    pub fn watched_server(&self, roles: &str) -> (Server, Arc<dyn ViewStore>) {
        let stamps = Arc::new(Stamps::new());
        let _entered = self.runtime.enter();
        let views: Arc<dyn ViewStore> = Arc::new(WatchedViews::start(Arc::new(StampedViews::new(self.views.clone(), stamps.clone()))));
        let ports = Ports {
            log: Arc::new(Joint(self.log.clone())),
            views: views.clone(),
            stamps,
            progress: Arc::new(Progress::new(LAYOUT.generation, LAYOUT.partitions)),
            secret: [7; 32],
            shared: Some(Shared { groups: self.groups.clone(), notices: self.notices.clone() }),
        };
        let stores = Stores {
            timelines: self.timelines.clone(),
            search: self.search.clone(),
            blobs: self.blobs.clone(),
            mail: Arc::new(MemoryMail::new(Sender::new("Roost", "nobody@localhost").expect("an address"))),
        };
        (Server::over(config(roles), (ports, stores)), views)
    }
}

fn config(roles: &str) -> Config {
    let mut layered = Layered::default();
    let memory = ["log", "views", "search", "blobs"].map(|key| (key, "memory"));
    let own = [("listen", "127.0.0.1:0"), ("ops_listen", "127.0.0.1:0"), ("rate_limits", "off"), ("wait_ms", "20000"), ("roles", roles)];
    for (key, value) in memory.into_iter().chain(own) {
        layered.set(key, value, "a test").expect("a known key");
    }
    layered.finish().expect("a good configuration")
}

/// The partitions that a server says it does something with.
pub fn with(server: &Server, what: &str) -> usize {
    server.ops("/readyz").json()["partitions"].as_array().expect("a list").iter().filter(|partition| partition[what] == true).count()
}
