//! How far each view is behind the log, in time: the age of the oldest record that it does not have.
//!
//! The end of each partition is noted with the time; a view has what lies below its checkpoint. Search counts what is committed and so
//! found; `served` is what readers wait for: all projected views, and the home timelines behind them.

use super::super::post::world::World;
use anyhow::{Result, ensure};
use infra::views::Version;
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::View;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A rate is carried where no view ever lags so long.
pub(in crate::bench) const LAG_MAX: Duration = Duration::from_secs(1);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a view may stand still before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whose lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Served,
    View(View),
    Search,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::View(view) => view.name(),
            Self::Search => "search",
        }
    }

    async fn next(self, world: &World, partition: PartitionId) -> Result<Offset> {
        let at = match self {
            Self::Served => return Ok(world.node.ports.progress.next(partition)),
            Self::View(view) => world.node.ports.views.checkpoint(Version::Live, view, partition).await?,
            Self::Search => world.node.stores.search.checkpoint(Version::Live, partition).await?,
        };
        Ok(at.map_or(0, |at| at.next))
    }
}

/// The greatest lag of each view while it was watched.
pub(in crate::bench) type Greatest = Vec<(&'static str, Duration)>;

/// A watch under way.
pub(in crate::bench) struct Watch {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Result<Greatest>>>,
}

impl Watch {
    /// Starts; `broken` is set as soon as a view lags too long.
    pub(in crate::bench) fn start(world: &Arc<World>, broken: &Arc<AtomicBool>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let views = View::PROJECTED.into_iter().chain([View::Reactors]).map(Who::View);
        // Search answers when its commit is over: it must not keep the others waiting.
        let groups = [vec![Who::Served], views.collect(), vec![Who::Search]];
        let watch = |group: Vec<Who>| tokio::spawn(watch(world.clone(), group, (stop.clone(), broken.clone())));
        Self { tasks: groups.into_iter().map(watch).collect(), stop }
    }

    /// Waits until every view has all that the log holds.
    pub(in crate::bench) async fn end(self) -> Result<Greatest> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await??);
        }
        Ok(all)
    }
}

/// Ends of a partition that some view lacks, each with the time when it was noted.
#[derive(Default)]
struct Ends {
    last: Offset,
    missing: VecDeque<(Instant, Offset)>,
}

impl Ends {
    fn note(&mut self, now: Instant, end: Offset) {
        if self.last < end {
            self.last = end;
            self.missing.push_back((now, end));
        }
    }

    /// How long the oldest record from `next` on has been there; nothing where there is none.
    fn lag(&self, now: Instant, next: Offset) -> Option<Duration> {
        let first = self.missing.partition_point(|(_, end)| *end <= next);
        self.missing.get(first).map(|(since, _)| now.duration_since(*since))
    }

    /// Forgets what every view has.
    fn forget(&mut self, least: Offset) {
        while self.missing.front().is_some_and(|(_, end)| *end <= least) {
            self.missing.pop_front();
        }
    }
}

async fn watch(world: Arc<World>, group: Vec<Who>, (stop, broken): (Arc<AtomicBool>, Arc<AtomicBool>)) -> Result<Greatest> {
    let log = &world.node.ports.log;
    let mut partitions: Vec<(PartitionId, Ends)> = log.layout().partition_ids().map(|partition| (partition, Ends::default())).collect();
    let mut greatest: Greatest = group.iter().map(|who| (who.name(), Duration::ZERO)).collect();
    loop {
        let is_over = stop.load(Ordering::Relaxed);
        for (partition, ends) in &mut partitions {
            ends.note(Instant::now(), log.bounds(*partition).await?.end);
            let mut least = Offset::MAX;
            for (who, (_, most)) in group.iter().zip(&mut greatest) {
                let next = who.next(&world, *partition).await?;
                least = least.min(next);
                let lag = ends.lag(Instant::now(), next).unwrap_or_default();
                *most = (*most).max(lag);
                broken.fetch_or(lag >= LAG_MAX, Ordering::Relaxed);
                ensure!(lag < PATIENCE, "the view {} stands still in partition {partition}", who.name());
            }
            ends.forget(least);
        }
        if is_over && partitions.iter().all(|(_, ends)| ends.missing.is_empty()) {
            return Ok(greatest);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_the_age_of_the_oldest_record_that_is_missing() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let lag = |ends: &Ends, next| ends.lag(at(100), next).map(|lag| lag.as_millis());
        let mut ends = Ends::default();
        assert_eq!(lag(&ends, 0), None);
        for (ms, end) in [(0, 10), (20, 10), (30, 12), (90, 20)] {
            ends.note(at(ms), end);
        }
        assert_eq!([0, 9, 10, 12, 20].map(|next| lag(&ends, next)), [Some(100), Some(100), Some(70), Some(10), None]);
        ends.forget(12);
        assert_eq!((lag(&ends, 12), ends.missing.len()), (Some(10), 1));
    }
}
