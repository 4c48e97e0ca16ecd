//! Keeps one loop for each partition that the membership gives: opens it when it is given, lets it end when it is taken away.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra::membership::{Membership, Partitions};
use schemas::PartitionId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Ports;
use super::lines::Lines;
use super::open::{StartError, open};
use super::owner::Owner;
use super::partition::Line;

/// See the module.
pub(super) struct Keeper {
    ports: Ports,
    membership: Membership,
    lines: Arc<Lines>,
    /// Whether other processes may take partitions over: then a loop that lost its own gives way, else it refuses for good.
    shared: bool,
    stopped: watch::Receiver<bool>,
    /// Tells each loop to end.
    stops: BTreeMap<PartitionId, watch::Sender<bool>>,
    loops: JoinSet<PartitionId>,
}

impl Keeper {
    /// Opens the partitions given at the moment, and serves them.
    pub(super) async fn start(
        ports: Ports,
        mut membership: Membership,
        lines: Arc<Lines>,
        shared: bool,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let mut opening = JoinSet::new();
        for partition in membership.now().iter().copied() {
            let ports = ports.clone();
            opening.spawn(async move { open(&ports, partition).await.map(|owner| (partition, owner)) });
        }
        let mut owners = Vec::new();
        while let Some(opened) = opening.join_next().await {
            owners.push(opened.map_err(|panic| StartError::Panicked(panic.to_string()))??);
        }
        let mut keeper = Self { ports, membership, lines, shared, stopped, stops: BTreeMap::new(), loops: JoinSet::new() };
        for (partition, owner) in owners {
            keeper.tend(partition, Some(owner));
        }
        Ok(keeper)
    }

    /// Follows the membership until it is told to stop, then lets all loops end.
    pub(super) async fn run(mut self) {
        let mut stopped = self.stopped.clone();
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = self.membership.changed() => {
                    let given = self.membership.now();
                    self.follow(&given);
                }
                ended = self.loops.join_next(), if !self.loops.is_empty() => {
                    self.ended(ended);
                    let given = self.membership.now();
                    self.follow(&given);
                }
            }
        }
        for stop in self.stops.values() {
            stop.send_replace(true);
        }
        while let Some(ended) = self.loops.join_next().await {
            self.ended(Some(ended));
        }
    }

    /// Starts what is given and not served, and tells to end what is served and not given. What ends is started again only after its end.
    fn follow(&mut self, given: &Partitions) {
        for (partition, stop) in &self.stops {
            if !given.contains(partition) {
                stop.send_replace(true);
            }
        }
        for partition in given.iter().copied() {
            if !self.stops.contains_key(&partition) {
                self.tend(partition, None);
            }
        }
    }

    fn ended(&mut self, ended: Option<Result<PartitionId, tokio::task::JoinError>>) {
        match ended {
            Some(Ok(partition)) => drop(self.stops.remove(&partition)),
            // Its guard has ended the process by now.
            Some(Err(error)) => tracing::error!(%error, "a write loop ended badly"),
            None => {}
        }
    }

    fn tend(&mut self, partition: PartitionId, owner: Option<Owner>) {
        let (stop, stopped) = watch::channel(false);
        self.stops.insert(partition, stop);
        let line = Line { ports: self.ports.clone(), partition, lines: self.lines.clone(), shared: self.shared };
        let first = owner.map(|owner| (owner, line.open()));
        self.loops.spawn(async move {
            line.tend(first, stopped).await;
            partition
        });
    }
}
