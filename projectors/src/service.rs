//! What a process starts: per partition a task for the live views, one for the search index, one for the reactors and one for what is
//! due by the clock; and the way to stop them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::log::{EventLog, ReadLimits};
use infra::progress::Progress;
use infra::search::SearchIndex;
use infra::timelines::Timelines;
use infra::views::{Version, ViewStore};
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::View;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::error::ProjectError;
use crate::group::{Followers, Group};
use crate::letters::{self, LetterInfo};
use crate::reactors::{MailDesk, Outbox, ReactorPorts, Reactors, tend_claims};
use crate::rebuild::{Gates, RebuildPorts, Report, Target, rebuild_behind};
use crate::release::{Release, Released, release};
use crate::run::{Gate, Sink, Tail, out_of_grace};
use crate::search::SearchSink;
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
    ports: ProjectorPorts,
    options: ProjectorOptions,
    /// Between the steps of the live views, and of the search index. Two gates: the latter's steps wait for the views.
    gates: Gates,
    /// Held by whoever rebuilds, verifies or releases: one at a time.
    maintenance: tokio::sync::Mutex<()>,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
    failure: watch::Sender<Option<Arc<ProjectError>>>,
}

impl Projectors {
    /// Starts the tasks of every partition. They go on from their checkpoints.
    pub fn start(ports: ProjectorPorts, options: ProjectorOptions) -> Self {
        let this = Self {
            ports,
            options,
            gates: Gates::default(),
            maintenance: tokio::sync::Mutex::new(()),
            stop: watch::Sender::new(false),
            tasks: Mutex::new(JoinSet::new()),
            failure: watch::Sender::new(None),
        };
        for partition in this.ports.log.layout().partition_ids() {
            this.spawn_views(partition);
            this.spawn_search(partition);
            this.spawn_reactors(partition);
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

    /// Rebuilds beside the live versions, then swaps; says how many records were read.
    pub async fn rebuild(&self, targets: &[Target], report: Report<'_>) -> Result<u64, ProjectError> {
        let _alone = self.maintain()?;
        let ports = self.ports.clone();
        let ports = RebuildPorts { log: ports.log, views: ports.views, search: ports.search, timelines: Some(ports.timelines) };
        rebuild_behind(&ports, &self.gates, self.options, targets, report).await
    }

    /// Compares a live view, or the search index, with the log. It stands still for the last part; reads and the other views' readers go on.
    pub async fn verify(&self, target: Target) -> Result<Verified, ProjectError> {
        let _alone = self.maintain()?;
        match (target, &self.ports.search) {
            (Target::View(view), _) => verify_behind(&self.ports.log, &self.ports.views, &self.gates.views, self.options, view).await,
            (Target::Search, Some(search)) => verify_search_behind(&self.ports.log, &**search, &self.gates.search, self.options).await,
            (Target::Search, None) => Err(ProjectError::Refused("this process keeps no search index: ask one that does".into())),
        }
    }

    /// Every dead letter.
    pub async fn dead_letters(&self) -> Result<Vec<LetterInfo>, ProjectError> {
        letters::list(&*self.ports.views).await.map_err(ProjectError::Views)
    }

    /// Releases a dead letter of a live view, by view, partition and offset.
    pub async fn release(&self, place: (View, PartitionId, Offset), how: Release) -> Result<Released, ProjectError> {
        let _alone = self.maintain()?;
        let _closed = self.gates.views.close().await;
        let released = release(&*self.ports.log, &*self.ports.views, place, how).await?;
        self.ports.timelines.reset().await.map_err(ProjectError::Timelines)?;
        Ok(released)
    }

    fn maintain(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, ProjectError> {
        let busy = |_| ProjectError::Refused("a rebuild, verification or release is under way: wait for it to end".into());
        self.maintenance.try_lock().map_err(busy)
    }

    fn spawn_views(&self, partition: PartitionId) {
        let ports = self.ports.clone();
        let targets = View::PROJECTED.map(|view| (view, Version::Live)).to_vec();
        let followers = Followers { timelines: ports.timelines, progress: ports.progress, clock: ports.clock };
        let generation = ports.log.layout().generation;
        let group = Group::new(ports.views, generation, partition, targets, Some(followers));
        self.spawn(partition, Box::new(group), Arc::clone(&self.gates.views));
    }

    fn spawn_search(&self, partition: PartitionId) {
        let Some(search) = self.ports.search.clone() else { return };
        let sink = SearchSink {
            search,
            views: self.ports.views.clone(),
            version: Version::Live,
            generation: self.ports.log.layout().generation,
            partition,
            progress: Some(self.ports.progress.clone()),
            lag: Some(metrics::gauge!("roost_view_lag_records", "view" => "search", "partition" => partition.0.to_string())),
        };
        self.spawn(partition, Box::new(sink), Arc::clone(&self.gates.search));
    }

    fn spawn_reactors(&self, partition: PartitionId) {
        let ports = self.ports.clone();
        let Some(bus) = ports.bus else { return };
        let mail = ports.mail;
        let ports = ReactorPorts { log: ports.log, views: ports.views, progress: ports.progress, bus, clock: ports.clock };
        let outbox = Arc::new(Notify::new());
        if let Some(desk) = mail {
            self.spawn_outbox(Outbox::new(ports.clone(), desk, partition), outbox.clone());
        }
        // No swap concerns reactors.
        self.spawn(partition, Box::new(Reactors { ports: ports.clone(), partition, outbox }), Arc::default());
        let (mut stop, every) = (self.stop.subscribe(), self.options.tend_every);
        self.tasks.lock().spawn(async move {
            while !*stop.borrow_and_update() {
                // What fails now is due still in the next round.
                if let Err(trouble) = tend_claims(&ports, partition).await {
                    tracing::warn!(partition = partition.0, ?trouble, "claims on handles were not tended");
                }
                tokio::select! {
                    changed = stop.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(every) => {}
                }
            }
        });
    }

    /// Sends what reactors put into the outbox, when they tell of it and by the clock.
    fn spawn_outbox(&self, mut outbox: Outbox, fresh: Arc<Notify>) {
        let (mut stop, mut stopped) = (self.stop.subscribe(), self.stop.subscribe());
        self.tasks.lock().spawn(async move {
            while !*stop.borrow_and_update() {
                let pause = tokio::select! {
                    pause = outbox.round() => pause,
                    // A mail on its way is sent again after the next start.
                    () = out_of_grace(&mut stopped) => return,
                };
                tokio::select! {
                    changed = stop.changed() => if changed.is_err() { return },
                    () = fresh.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }

    fn spawn(&self, partition: PartitionId, mut sink: Box<dyn Sink>, gate: Arc<Gate>) {
        let tail = Tail::new(self.ports.log.clone(), partition, self.options.limits());
        let (stop, failure) = (self.stop.subscribe(), self.failure.clone());
        self.tasks.lock().spawn(async move {
            let name = sink.name();
            // A panic outside of a projection is a bug: it stops the partition as loudly as a failure.
            let ended = AssertUnwindSafe(tail.follow(&mut *sink, &gate, stop)).catch_unwind().await;
            let panicked = |_| Err(ProjectError::Task(format!("{name} panicked in partition {partition}")));
            if let Err(error) = ended.unwrap_or_else(panicked) {
                tracing::error!(sink = name, partition = partition.0, %error, "the projection of a partition stopped");
                failure.send_replace(Some(Arc::new(error)));
            }
        });
    }
}
