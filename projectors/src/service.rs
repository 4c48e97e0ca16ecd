//! What a process starts: the tasks of each partition that it is given (`partition.rs`), what operators ask of them, and the way to stop them.

use std::sync::Arc;
use std::time::Duration;

use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::log::{EventLog, ReadLimits};
use infra::membership::{Membership, Partitions};
use infra::progress::Progress;
use infra::search::SearchIndex;
use infra::timelines::Timelines;
use infra::views::ViewStore;
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::View;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::ProjectError;
use crate::letters::{self, LetterInfo};
use crate::partition::keep;
use crate::reactors::MailDesk;
use crate::rebuild::{Gates, RebuildPorts, Report, Target, rebuild_behind};
use crate::release::{Release, Released, release};
use crate::verify::{Verified, verify_behind, verify_search_behind};

/// What projections read from and write to.
#[derive(Clone)]
pub struct ProjectorPorts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The view store.
    pub views: Arc<dyn ViewStore>,
    /// Home timelines, told of what is committed.
    pub timelines: Arc<dyn Timelines>,
    /// The search index, if this process keeps it.
    pub search: Option<Arc<dyn SearchIndex>>,
    /// Where reactors send commands, if this process runs them.
    pub bus: Option<Arc<dyn CommandBus>>,
    /// Who sends the mail that the log asks for; without it, mail waits for a process that has it.
    pub mail: Option<MailDesk>,
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
    /// How often claims on handles are looked through for those that are due.
    pub tend_every: Duration,
}

impl Default for ProjectorOptions {
    fn default() -> Self {
        Self { batch_records: 512, batch_bytes: 4 << 20, tend_every: Duration::from_secs(30) }
    }
}

impl ProjectorOptions {
    pub(crate) fn limits(&self) -> ReadLimits {
        ReadLimits { records: self.batch_records, bytes: self.batch_bytes }
    }
}

/// The projections of a process.
pub struct Projectors {
    shared: Arc<Shared>,
    membership: Membership,
    /// Held by whoever rebuilds, verifies or releases: one at a time.
    maintenance: tokio::sync::Mutex<()>,
    stop: watch::Sender<bool>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What the tasks of all partitions share.
pub(crate) struct Shared {
    pub(crate) ports: ProjectorPorts,
    pub(crate) options: ProjectorOptions,
    /// Between the steps of the live views, and of the search index. Two gates: the latter's steps wait for the views.
    pub(crate) gates: Gates,
    pub(crate) failure: watch::Sender<Option<Arc<ProjectError>>>,
}

impl Projectors {
    /// Starts the tasks of every partition. They go on from their checkpoints.
    pub fn start(ports: ProjectorPorts, options: ProjectorOptions) -> Self {
        let alone = Membership::alone(ports.log.layout().partition_ids());
        Self::start_among(ports, options, alone)
    }

    /// The same for the partitions that the membership gives, as it gives and takes them.
    pub fn start_among(ports: ProjectorPorts, options: ProjectorOptions, membership: Membership) -> Self {
        let failure = watch::Sender::new(None);
        let shared = Arc::new(Shared { ports, options, gates: Gates::default(), failure });
        let stop = watch::Sender::new(false);
        let keeper = tokio::spawn(keep(shared.clone(), membership.clone(), stop.subscribe()));
        Self { shared, membership, maintenance: tokio::sync::Mutex::new(()), stop, keeper: Mutex::new(Some(keeper)) }
    }

    /// The partitions that it works on at the moment.
    pub fn partitions(&self) -> Partitions {
        self.membership.clone().now()
    }

    /// Waits for a partition to stop by a failure; the others go on. Never returns while all is well.
    pub async fn failed(&self) -> Arc<ProjectError> {
        let mut failure = self.shared.failure.subscribe();
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
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the keeper of the projections ended badly");
        }
        self.shared.ports.views.flush().await.map_err(ProjectError::Views)
    }

    /// Rebuilds beside the live versions, then swaps; says how many records were read.
    pub async fn rebuild(&self, targets: &[Target], report: Report<'_>) -> Result<u64, ProjectError> {
        let _alone = self.maintain()?;
        let ports = self.shared.ports.clone();
        let ports = RebuildPorts { log: ports.log, views: ports.views, search: ports.search, timelines: Some(ports.timelines) };
        rebuild_behind(&ports, &self.shared.gates, self.shared.options, targets, report).await
    }

    /// Compares a live view, or the search index, with the log. It stands still for the last part; reads and the other views' readers go on.
    pub async fn verify(&self, target: Target) -> Result<Verified, ProjectError> {
        let _alone = self.maintain()?;
        match (target, &self.shared.ports.search) {
            (Target::View(view), _) => {
                verify_behind(&self.shared.ports.log, &self.shared.ports.views, &self.shared.gates.views, self.shared.options, view).await
            }
            (Target::Search, Some(search)) => {
                verify_search_behind(&self.shared.ports.log, &**search, &self.shared.gates.search, self.shared.options).await
            }
            (Target::Search, None) => Err(ProjectError::Refused("this process keeps no search index: ask one that does".into())),
        }
    }

    /// Every dead letter.
    pub async fn dead_letters(&self) -> Result<Vec<LetterInfo>, ProjectError> {
        letters::list(&*self.shared.ports.views).await.map_err(ProjectError::Views)
    }

    /// Releases a dead letter of a live view, by view, partition and offset.
    pub async fn release(&self, place: (View, PartitionId, Offset), how: Release) -> Result<Released, ProjectError> {
        let _alone = self.maintain()?;
        let _closed = self.shared.gates.views.close().await;
        let released = release(&*self.shared.ports.log, &*self.shared.ports.views, place, how).await?;
        self.shared.ports.timelines.reset().await.map_err(ProjectError::Timelines)?;
        Ok(released)
    }

    fn maintain(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, ProjectError> {
        if !self.membership.has_all(self.shared.ports.log.layout().partition_ids()) {
            let how = "other processes project some of the partitions: leave one running, which then has all, and ask that one";
            return Err(ProjectError::Refused(how.into()));
        }
        let busy = |_| ProjectError::Refused("a rebuild, verification or release is under way: wait for it to end".into());
        self.maintenance.try_lock().map_err(busy)
    }
}

/// Dropped without [`Projectors::shutdown`], it stops as a killed process does.
impl Drop for Projectors {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.lock().take() {
            keeper.abort();
        }
    }
}
