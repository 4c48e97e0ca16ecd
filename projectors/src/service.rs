//! What a process starts: a task per partition for the live views, and the way to stop them.

use std::sync::Arc;

use infra::log::{EventLog, ReadLimits};
use infra::progress::Progress;
use infra::timelines::Timelines;
use infra::views::{Version, ViewStore};
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::rows::View;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::ProjectError;
use crate::group::{Clock, Followers, Group};
use crate::run::{Gate, Tail};

/// What projections read from and write to.
#[derive(Clone)]
pub struct ProjectorPorts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The view store.
    pub views: Arc<dyn ViewStore>,
    /// Home timelines, told of what is committed.
    pub timelines: Arc<dyn Timelines>,
    /// Told how far the live views have come.
    pub progress: Arc<Progress>,
    /// The wall clock.
    pub clock: Clock,
}

/// What operators choose about projections.
#[derive(Debug, Clone, Copy)]
pub struct ProjectorOptions {
    /// Records of one step at the most.
    pub batch_records: usize,
    /// Bytes of the records of one step at the most.
    pub batch_bytes: usize,
}

impl Default for ProjectorOptions {
    fn default() -> Self {
        Self { batch_records: 512, batch_bytes: 4 << 20 }
    }
}

impl ProjectorOptions {
    pub(crate) fn limits(&self) -> ReadLimits {
        ReadLimits { records: self.batch_records, bytes: self.batch_bytes }
    }
}

/// The projections of a process.
pub struct Projectors {
    ports: ProjectorPorts,
    options: ProjectorOptions,
    gate: Arc<Gate>,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
    failure: watch::Sender<Option<Arc<ProjectError>>>,
}

impl Projectors {
    /// Starts a task per partition. They go on from the checkpoints of the live views.
    pub fn start(ports: ProjectorPorts, options: ProjectorOptions) -> Self {
        let this = Self {
            ports,
            options,
            gate: Arc::default(),
            stop: watch::Sender::new(false),
            tasks: Mutex::new(JoinSet::new()),
            failure: watch::Sender::new(None),
        };
        for partition in this.ports.log.layout().partition_ids() {
            this.spawn_views(partition);
        }
        this
    }

    /// Waits for a partition to stop by a failure; the others go on. Never returns while all is well.
    pub async fn failed(&self) -> Arc<ProjectError> {
        let mut failure = self.failure.subscribe();
        loop {
            let known = failure.borrow_and_update().clone();
            match known {
                Some(error) => return error,
                // The sender lives in `self`: it cannot have gone.
                None => drop(failure.changed().await),
            }
        }
    }

    /// Lets the steps under way end, and stops. Checkpoints are clean: the next start goes on from them.
    pub async fn shutdown(&self) -> Result<(), ProjectError> {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.join_all().await;
        self.ports.views.flush().await.map_err(ProjectError::Views)
    }

    fn spawn_views(&self, partition: PartitionId) {
        let ports = self.ports.clone();
        let targets = View::PROJECTED.map(|view| (view, Version::Live)).to_vec();
        let followers = Followers { timelines: ports.timelines, progress: ports.progress, clock: ports.clock };
        let generation = ports.log.layout().generation;
        let mut group = Group::new(ports.views, generation, partition, targets, Some(followers));
        let tail = Tail::new(ports.log, partition, self.options.limits());
        let (gate, stop, failure) = (Arc::clone(&self.gate), self.stop.subscribe(), self.failure.clone());
        self.tasks.lock().spawn(async move {
            if let Err(error) = tail.follow(&mut group, &gate, stop).await {
                tracing::error!(partition = partition.0, %error, "the projection of a partition stopped");
                failure.send_replace(Some(Arc::new(error)));
            }
        });
    }
}
