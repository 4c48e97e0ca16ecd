//! The tasks of a partition: one for the live views, one for the search index, one for the reactors, one for what is due by the clock and
//! one for mail; started when the partition is given to this process, ended when it is taken away.
//!
//! A partition is a hint, not a right: while it changes hands two processes may work on it, and write the same rows at the same positions.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use infra::membership::Membership;
use infra::views::Version;
use schemas::PartitionId;
use schemas::rows::View;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::error::ProjectError;
use crate::group::{Followers, Group};
use crate::reactors::{Outbox, ReactorPorts, Reactors, tend_claims};
use crate::run::{Gate, Sink, Tail, out_of_grace};
use crate::search::SearchSink;
use crate::service::Shared;

/// Keeps the tasks of the partitions that the membership gives, until it is told to stop; all have ended then.
pub(crate) async fn keep(shared: Arc<Shared>, mut membership: Membership, mut stop: watch::Receiver<bool>) {
    let mut running: BTreeMap<PartitionId, Running> = BTreeMap::new();
    while !*stop.borrow_and_update() {
        let given = membership.now();
        let taken: Vec<PartitionId> = running.keys().copied().filter(|partition| !given.contains(partition)).collect();
        for partition in given.iter().copied() {
            running.entry(partition).or_insert_with(|| Running::start(&shared, partition));
        }
        join_all(taken.iter().filter_map(|partition| running.remove(partition)).map(Running::end)).await;
        tokio::select! {
            () = membership.changed() => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    join_all(running.into_values().map(Running::end)).await;
}

/// A partition at work.
struct Running {
    shared: Arc<Shared>,
    partition: PartitionId,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(shared: &Arc<Shared>, partition: PartitionId) -> Self {
        let mut this = Self { shared: shared.clone(), partition, stop: watch::Sender::new(false), tasks: JoinSet::new() };
        this.spawn_views();
        this.spawn_search();
        this.spawn_reactors();
        this
    }

    /// Lets the steps under way end.
    async fn end(self) {
        self.stop.send_replace(true);
        self.tasks.join_all().await;
        // Whoever works on it now tells of its lag.
        for view in View::PROJECTED.map(View::name).into_iter().chain(["search"]) {
            metrics::gauge!("roost_view_lag_records", "view" => view, "partition" => self.partition.0.to_string()).set(0.0);
        }
    }

    fn spawn_views(&mut self) {
        let ports = self.shared.ports.clone();
        let targets = View::PROJECTED.map(|view| (view, Version::Live)).to_vec();
        let followers = Followers { log: ports.log.clone(), timelines: ports.timelines, progress: ports.progress, clock: ports.clock };
        let generation = ports.log.layout().generation;
        let group = Group::new(ports.views, generation, self.partition, targets, Some(followers));
        self.spawn(Box::new(group), Arc::clone(&self.shared.gates.views));
    }

    fn spawn_search(&mut self) {
        let ports = &self.shared.ports;
        let Some(search) = ports.search.clone() else { return };
        let sink = SearchSink {
            search,
            views: ports.views.clone(),
            version: Version::Live,
            generation: ports.log.layout().generation,
            partition: self.partition,
            progress: Some(ports.progress.clone()),
            lag: Some(metrics::gauge!("roost_view_lag_records", "view" => "search", "partition" => self.partition.0.to_string())),
        };
        self.spawn(Box::new(sink), Arc::clone(&self.shared.gates.search));
    }

    fn spawn_reactors(&mut self) {
        let (ports, partition) = (self.shared.ports.clone(), self.partition);
        let Some(bus) = ports.bus else { return };
        let mail = ports.mail;
        let ports = ReactorPorts { log: ports.log, views: ports.views, progress: ports.progress, bus, clock: ports.clock };
        let outbox = Arc::new(Notify::new());
        if let Some(desk) = mail {
            self.spawn_outbox(Outbox::new(ports.clone(), desk, partition), outbox.clone());
        }
        // No swap concerns reactors.
        self.spawn(Box::new(Reactors { ports: ports.clone(), partition, outbox }), Arc::default());
        let (mut stop, every) = (self.stop.subscribe(), self.shared.options.tend_every);
        self.tasks.spawn(async move {
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
    fn spawn_outbox(&mut self, mut outbox: Outbox, fresh: Arc<Notify>) {
        let (mut stop, mut stopped) = (self.stop.subscribe(), self.stop.subscribe());
        self.tasks.spawn(async move {
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

    fn spawn(&mut self, mut sink: Box<dyn Sink>, gate: Arc<Gate>) {
        let (shared, partition) = (self.shared.clone(), self.partition);
        let tail = Tail::new(shared.ports.log.clone(), partition, shared.options.limits());
        let stop = self.stop.subscribe();
        self.tasks.spawn(async move {
            let name = sink.name();
            // A panic outside of a projection is a bug: it stops the partition as loudly as a failure.
            let ended = AssertUnwindSafe(tail.follow(&mut *sink, &gate, stop)).catch_unwind().await;
            let panicked = |_| Err(ProjectError::Task(format!("{name} panicked in partition {partition}")));
            if let Err(error) = ended.unwrap_or_else(panicked) {
                tracing::error!(sink = name, partition = partition.0, %error, "the projection of a partition stopped");
                shared.failure.send_replace(Some(Arc::new(error)));
            }
        });
    }
}
