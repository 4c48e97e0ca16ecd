//! Views as a sink: the rows that a stretch reads, fetched at once; the projections, in order; one commit with the checkpoints.
//!
//! The views of a group share the stretch, its decoding and its commit. Each stands at its own checkpoint: one that is ahead skips what
//! it has. A record that a view cannot take goes to the dead letters of that view (`letters.rs`) and never stops the partition.

use std::sync::Arc;

use async_trait::async_trait;
use infra::clock::Clock;
use infra::log::EventLog;
use infra::progress::Progress;
use infra::timelines::{TimelineOp, Timelines};
use infra::views::{Version, ViewBatch, ViewStore};
use rustc_hash::FxHashSet;
use schemas::PartitionId;
use schemas::events::Event;
use schemas::log::Offset;
use schemas::rows::{Checkpoint, RowWrite, View};

use crate::again;
use crate::batch::{self, Batch};
use crate::error::Trouble;
use crate::letters::{self, Holds, Letter};
use crate::rows::Rows;
use crate::run::Sink;
use crate::step;
use crate::views::{Projection, home_timeline, projection};

/// A view in a group.
pub(crate) struct Cursor {
    pub(crate) projection: &'static dyn Projection,
    version: Version,
    /// The number that the version resolved to when it was loaded.
    pub(crate) number: u32,
    pub(crate) at: Checkpoint,
    pub(crate) holds: Holds,
}

/// What follows the commits of live views.
#[derive(Clone)]
pub(crate) struct Followers {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) timelines: Arc<dyn Timelines>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Clock,
}

/// A group of views in one partition.
pub(crate) struct Group {
    views: Arc<dyn ViewStore>,
    generation: u32,
    partition: PartitionId,
    targets: Vec<(View, Version)>,
    cursors: Vec<Cursor>,
    followers: Option<Followers>,
    /// Operations whose rows are committed, and that timelines have not taken yet.
    ops: Vec<TimelineOp>,
    /// Records behind the log's end, one gauge per live view.
    lag: Vec<metrics::Gauge>,
}

impl Group {
    pub(crate) fn new(
        views: Arc<dyn ViewStore>,
        generation: u32,
        partition: PartitionId,
        targets: Vec<(View, Version)>,
        followers: Option<Followers>,
    ) -> Self {
        let live = targets.iter().filter(|_| followers.is_some());
        let gauge = |view: View| metrics::gauge!("roost_view_lag_records", "view" => view.name(), "partition" => partition.0.to_string());
        let lag = live.map(|(view, _)| gauge(*view)).collect();
        Self { views, generation, partition, targets, cursors: Vec::new(), followers, ops: Vec::new(), lag }
    }

    /// The offset below which every view of the group has all.
    fn least(&self) -> Offset {
        self.cursors.iter().map(|cursor| cursor.at.next).min().unwrap_or_default()
    }

    async fn load_cursor(&self, view: View, version: Version) -> Result<Option<Cursor>, Trouble> {
        let Some(projection) = projection(view) else { return Ok(None) };
        let number = match version {
            Version::Live => self.views.versions(view).await?.live,
            Version::Number(number) => number,
        };
        let at = self.views.checkpoint(version, view, self.partition).await?.unwrap_or(batch::beginning(self.generation));
        let holds = letters::load_holds(&*self.views, view, number, self.partition).await?;
        Ok(Some(Cursor { projection, version, number, at, holds }))
    }

    /// Projects the stretch into the views of one version and commits them.
    async fn take_version(&mut self, version: Version, batch: &Batch) -> Result<FxHashSet<Offset>, Trouble> {
        let (mut group, mut skipped) = (Vec::new(), FxHashSet::default());
        for cursor in self.cursors.iter().filter(|cursor| cursor.version == version && cursor.at.next < batch.end.next) {
            group.push(cursor);
        }
        if group.is_empty() {
            return Ok(skipped);
        }
        let reads = step::reads(&group, batch);
        let mut rows = Rows::default();
        let values = self.views.get(version, &reads.keys).await?;
        reads.keys.into_iter().zip(values).for_each(|(key, value)| rows.fetched(key, value));
        let letters = step::project(&group, batch, &reads.unreadable, &mut rows);
        let checkpoints = group.iter().map(|cursor| (cursor.projection.view(), self.partition, batch.end)).collect();
        self.commit(version, rows.into_writes(), checkpoints, &letters).await?;
        skipped.extend(letters.iter().filter(|letter| matches!(letter.view, View::Relations | View::Timelines)).map(|l| l.offset));
        for cursor in self.cursors.iter_mut().filter(|cursor| cursor.version == version && cursor.at.next < batch.end.next) {
            cursor.at = batch.end;
            let own = letters.iter().filter(|letter| letter.view == cursor.projection.view());
            own.for_each(|letter| cursor.holds.add(&letter.row.touches));
        }
        Ok(skipped)
    }

    async fn commit(
        &self,
        version: Version,
        mut writes: Vec<RowWrite>,
        checkpoints: Vec<(View, PartitionId, Checkpoint)>,
        letters: &[Letter],
    ) -> Result<(), Trouble> {
        letters.iter().for_each(Letter::report);
        let lettered: Vec<RowWrite> = letters.iter().map(|letter| letter.write(self.partition)).collect();
        match version {
            Version::Live => writes.extend(lettered),
            // Letters live in one version of their own: written first, so that no checkpoint passes a record that is in neither.
            Version::Number(_) if !lettered.is_empty() => {
                self.views.commit(Version::Live, ViewBatch { writes: lettered, checkpoints: Vec::new() }).await?;
            }
            Version::Number(_) => {}
        }
        Ok(self.views.commit(version, ViewBatch { writes, checkpoints }).await?)
    }

    /// Tells timelines, then readers, of what is committed.
    async fn tell(&mut self) -> Result<(), Trouble> {
        let Some(followers) = &self.followers else { return Ok(()) };
        if !self.ops.is_empty() {
            followers.timelines.apply(&self.ops).await?;
            self.ops.clear();
        }
        followers.progress.publish(self.partition, self.least());
        Ok(())
    }

    fn measure(&self, batch: &Batch) {
        let Some(followers) = &self.followers else { return };
        metrics::histogram!("roost_projection_batch_records").record(batch.records() as f64);
        self.lag.iter().for_each(|gauge| gauge.set(batch.behind as f64));
        metrics::counter!("roost_projected_events_total").increment(batch.facts.iter().map(|fact| fact.events().len() as u64).sum());
        for reason in &batch.void {
            metrics::counter!("roost_void_records_total", "reason" => format!("{reason:?}")).increment(1);
        }
        let now_ms = (followers.clock)();
        for fact in &batch.facts {
            if fact.events().iter().any(|event| matches!(event, Event::PostPublished(_) | Event::Reblogged(_))) {
                let delay_ms = now_ms.saturating_sub(fact.header.time_ms);
                metrics::histogram!("roost_post_visible_seconds").record(delay_ms as f64 / 1_000.0);
            }
        }
    }
}

#[async_trait]
impl Sink for Group {
    fn name(&self) -> &'static str {
        "views"
    }

    async fn load(&mut self) -> Result<Checkpoint, Trouble> {
        let mut cursors = Vec::new();
        for (view, version) in &self.targets {
            cursors.extend(self.load_cursor(*view, *version).await?);
        }
        self.cursors = cursors;
        if let Some(followers) = &self.followers {
            // Rows may have become visible of which nobody was told: by whoever was here before, or while the checkpoint was read.
            followers.progress.begin();
            let mut ops = again::deliveries(&*followers.log, &*self.views, self.partition, self.least()).await?;
            ops.append(&mut self.ops);
            self.ops = ops;
        }
        self.tell().await?;
        let first = self.cursors.iter().min_by_key(|cursor| cursor.at.next);
        Ok(first.map_or(batch::beginning(self.generation), |cursor| cursor.at))
    }

    async fn take(&mut self, batch: &Batch) -> Result<(), Trouble> {
        self.tell().await?;
        let news = self.least();
        let mut skipped = FxHashSet::default();
        let mut versions: Vec<Version> = self.cursors.iter().map(|cursor| cursor.version).collect();
        versions.dedup();
        for version in versions {
            skipped.extend(self.take_version(version, batch).await?);
        }
        if self.followers.is_some() {
            let told = batch.facts.iter().filter(|fact| fact.offset >= news && !skipped.contains(&fact.offset));
            told.flat_map(|fact| fact.events()).for_each(|event| home_timeline::project(event, &mut self.ops));
        }
        self.tell().await?;
        self.measure(batch);
        Ok(())
    }
}
