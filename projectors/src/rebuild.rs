//! Rebuilds views and the search index: the same loop from position zero into a version of its own, reactors off, then the swap.
//!
//! The live version serves and goes on all the while. The handover loses nothing: (1) the new version catches up with the log's end, in
//! rounds, until what is left is less than a step; (2) the gate closes, so that no live step runs; (3) the new version goes on until it is
//! at or past the live checkpoint of every partition; (4) it is promoted; (5) the gate opens and the live loops read their checkpoints
//! anew, those of the new version. A crash before (4) leaves the old version serving and the new one to be dropped by the next attempt;
//! after it, the new one serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use infra::log::EventLog;
use infra::search::SearchIndex;
use infra::timelines::Timelines;
use infra::views::{Version, ViewStore};
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::View;
use tokio::task::JoinSet;

use crate::ProjectorOptions;
use crate::error::ProjectError;
use crate::group::Group;
use crate::letters;
use crate::run::{Gate, Sink, Tail};
use crate::search::SearchSink;

/// Rounds of catching up before the handover, however much is still written meanwhile.
const ROUNDS_MAX: u32 = 20;
/// Records of one step at the least: nobody waits for a single one, and rows of a larger step are read and written once.
const STEP_RECORDS_MIN: usize = 4_096;
/// How often the caller hears of progress.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// What can be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A view in the view store.
    View(View),
    /// The search index.
    Search,
}

impl Target {
    /// Everything that can be rebuilt.
    pub fn all() -> Vec<Self> {
        View::PROJECTED.map(Self::View).into_iter().chain([Self::Search]).collect()
    }

    /// The name in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::View(view) => view.name(),
            Self::Search => "search",
        }
    }

    /// The target of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|target| target.name() == name)
    }
}

/// How far a rebuild is: records of the log, over all partitions. The total grows while the log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Done {
    /// Records taken.
    pub records: u64,
    /// Records to take.
    pub total: u64,
}

/// Hears of progress.
pub type Report<'a> = &'a (dyn Fn(Done) + Send + Sync);

/// What a rebuild works on.
#[derive(Clone)]
pub struct RebuildPorts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The view store.
    pub views: Arc<dyn ViewStore>,
    /// The search index, if there is one.
    pub search: Option<Arc<dyn SearchIndex>>,
    /// Home timelines over the views, if any are served.
    pub timelines: Option<Arc<dyn Timelines>>,
}

/// What is between the steps of the live loops; gates of their own where none run.
#[derive(Clone, Default)]
pub(crate) struct Gates {
    pub(crate) views: Arc<Gate>,
    pub(crate) search: Arc<Gate>,
}

/// Rebuilds while nothing else has the stores open; says how many records were read.
pub async fn rebuild(ports: &RebuildPorts, options: ProjectorOptions, targets: &[Target], report: Report<'_>) -> Result<u64, ProjectError> {
    rebuild_behind(ports, &Gates::default(), options, targets, report).await
}

pub(crate) async fn rebuild_behind(
    ports: &RebuildPorts,
    gates: &Gates,
    options: ProjectorOptions,
    targets: &[Target],
    report: Report<'_>,
) -> Result<u64, ProjectError> {
    let views: Vec<View> = View::PROJECTED.into_iter().filter(|view| targets.contains(&Target::View(*view))).collect();
    let mut records = 0;
    if !views.is_empty() {
        records += rebuild_views(ports, &gates.views, options, &views, report).await?;
    }
    // After the views: documents of accounts are made of their rows.
    if let Some(search) = ports.search.as_ref().filter(|_| targets.contains(&Target::Search)) {
        records += rebuild_search(ports, search, &gates.search, options, report).await?;
    }
    Ok(records)
}

async fn rebuild_views(
    ports: &RebuildPorts,
    gate: &Gate,
    options: ProjectorOptions,
    views: &[View],
    report: Report<'_>,
) -> Result<u64, ProjectError> {
    let mut versions = Vec::new();
    for view in views {
        versions.push((*view, ports.views.begin(*view).await.map_err(ProjectError::Views)?));
    }
    tracing::info!(?versions, "a rebuild begins");
    let outcome = build_views(ports, gate, options, &versions, report).await;
    if outcome.is_err() {
        for (view, number) in versions {
            // What cannot be dropped now is dropped by the next attempt.
            let _ = ports.views.drop_version(view, number).await;
        }
    }
    outcome
}

async fn build_views(
    ports: &RebuildPorts,
    gate: &Gate,
    options: ProjectorOptions,
    versions: &[(View, u32)],
    report: Report<'_>,
) -> Result<u64, ProjectError> {
    let layout = ports.log.layout();
    let numbers: Vec<_> = versions.iter().map(|(view, number)| (*view, Version::Number(*number))).collect();
    let sink =
        |partition| -> Box<dyn Sink> { Box::new(Group::new(ports.views.clone(), layout.generation, partition, numbers.clone(), None)) };
    let mut lanes = Lanes::new(&ports.log, options, sink);
    lanes.catch_up(&ports.log, None, report).await?;
    let closed = gate.close().await;
    for (partition, lane) in &mut lanes.lanes {
        let mut live = 0;
        for (view, _) in versions {
            let at = ports.views.checkpoint(Version::Live, *view, *partition).await.map_err(ProjectError::Views)?;
            live = live.max(at.map_or(0, |at| at.next));
        }
        lane.go_on(live).await?;
    }
    for (view, _) in versions {
        ports.views.promote(*view).await.map_err(ProjectError::Views)?;
    }
    if let Some(timelines) = &ports.timelines {
        timelines.reset().await.map_err(ProjectError::Timelines)?;
    }
    drop(closed);
    letters::sweep(&*ports.views).await.map_err(ProjectError::Views)?;
    tracing::info!(?versions, "rebuilt views serve");
    Ok(lanes.done.load(Ordering::Relaxed))
}

async fn rebuild_search(
    ports: &RebuildPorts,
    search: &Arc<dyn SearchIndex>,
    gate: &Gate,
    options: ProjectorOptions,
    report: Report<'_>,
) -> Result<u64, ProjectError> {
    let number = search.begin().await.map_err(ProjectError::Search)?;
    tracing::info!(number, "a rebuild of the search index begins");
    let outcome = build_search(ports, search, number, gate, options, report).await;
    if outcome.is_err() {
        // What cannot be dropped now is dropped by the next attempt.
        let _ = search.drop_version(number).await;
    }
    outcome
}

async fn build_search(
    ports: &RebuildPorts,
    search: &Arc<dyn SearchIndex>,
    number: u32,
    gate: &Gate,
    options: ProjectorOptions,
    report: Report<'_>,
) -> Result<u64, ProjectError> {
    let generation = ports.log.layout().generation;
    let sink = |partition| -> Box<dyn Sink> {
        Box::new(SearchSink {
            search: search.clone(),
            views: ports.views.clone(),
            version: Version::Number(number),
            generation,
            partition,
            progress: None,
            lag: None,
        })
    };
    let mut lanes = Lanes::new(&ports.log, options, sink);
    lanes.catch_up(&ports.log, Some(&ports.views), report).await?;
    let closed = gate.close().await;
    for (partition, lane) in &mut lanes.lanes {
        let live = search.checkpoint(Version::Live, *partition).await.map_err(ProjectError::Search)?;
        lane.go_on(live.map_or(0, |at| at.next)).await?;
    }
    search.promote().await.map_err(ProjectError::Search)?;
    drop(closed);
    tracing::info!(number, "the rebuilt search index serves");
    Ok(lanes.done.load(Ordering::Relaxed))
}

/// The work in one partition.
struct Lane {
    tail: Tail,
    sink: Box<dyn Sink>,
}

impl Lane {
    async fn go_on(&mut self, until: Offset) -> Result<(), ProjectError> {
        self.tail.catch_up(&mut *self.sink, until).await
    }
}

/// The work in all partitions.
struct Lanes {
    lanes: Vec<(PartitionId, Lane)>,
    done: Arc<AtomicU64>,
    step_records: u64,
}

impl Lanes {
    fn new(log: &Arc<dyn EventLog>, options: ProjectorOptions, sink: impl Fn(PartitionId) -> Box<dyn Sink>) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let options = ProjectorOptions { batch_records: options.batch_records.max(STEP_RECORDS_MIN), ..options };
        let lane = |partition| {
            let tail = Tail::new(log.clone(), partition, options.limits()).counting(done.clone());
            (partition, Lane { tail, sink: sink(partition) })
        };
        let lanes = log.layout().partition_ids().map(lane).collect();
        Self { lanes, done: done.clone(), step_records: options.batch_records as u64 }
    }

    /// Goes on to the end of the log, or to where the live accounts view is, until little is left.
    async fn catch_up(
        &mut self,
        log: &Arc<dyn EventLog>,
        behind: Option<&Arc<dyn ViewStore>>,
        report: Report<'_>,
    ) -> Result<(), ProjectError> {
        for _ in 0..ROUNDS_MAX {
            let mut ends = Vec::new();
            for (partition, _) in &self.lanes {
                ends.push(end(log, behind, *partition).await?);
            }
            let total: u64 = ends.iter().sum();
            self.round(ends, total, report).await?;
            let mut now = 0;
            for (partition, _) in &self.lanes {
                now += end(log, behind, *partition).await?;
            }
            if now.saturating_sub(total) <= self.step_records {
                break;
            }
        }
        Ok(())
    }

    /// Brings every partition to its end, all at once.
    async fn round(&mut self, ends: Vec<Offset>, total: u64, report: Report<'_>) -> Result<(), ProjectError> {
        let mut tasks = JoinSet::new();
        for ((partition, mut lane), until) in self.lanes.drain(..).zip(ends) {
            tasks.spawn(async move { lane.go_on(until).await.map(|()| (partition, lane)) });
        }
        let mut tick = tokio::time::interval(REPORT_EVERY);
        loop {
            tokio::select! {
                _ = tick.tick() => report(Done { records: self.done.load(Ordering::Relaxed), total }),
                ended = tasks.join_next() => match ended {
                    Some(lane) => self.lanes.push(lane.map_err(|error| ProjectError::Task(error.to_string()))??),
                    None => break,
                },
            }
        }
        self.lanes.sort_by_key(|(partition, _)| *partition);
        report(Done { records: self.done.load(Ordering::Relaxed), total });
        Ok(())
    }
}

async fn end(log: &Arc<dyn EventLog>, behind: Option<&Arc<dyn ViewStore>>, partition: PartitionId) -> Result<Offset, ProjectError> {
    match behind {
        None => Ok(log.bounds(partition).await.map_err(ProjectError::Log)?.end),
        Some(views) => {
            let at = views.checkpoint(Version::Live, View::Accounts, partition).await.map_err(ProjectError::Views)?;
            Ok(at.map_or(0, |at| at.next))
        }
    }
}

#[cfg(test)]
mod tests;
