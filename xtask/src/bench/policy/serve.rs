//! One policy's engine going through a script, with the processor time that its deliveries and reads take together.

use super::super::history::{Published, id};
use super::super::report::{Stopwatch, whole};
use super::START_MS;
use super::script::{Act, Script};
use anyhow::{Result, ensure};
use infra::timelines::ring::{Policy, RingOptions, RingTimelines};
use infra::timelines::{NaiveTimelines, Stretch, TimelineOp, Timelines};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Entries of a page.
const PAGE: usize = 40;
/// Operations of one `apply` at the most: what a projection's batch holds.
const BATCH_OPS: usize = 256;
/// Reads per page that is compared with the reference, at that very moment.
const READS_PER_CHECK: usize = 199;

/// A policy, its engine, and what its turns cost.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) timelines: Arc<RingTimelines>,
    published: Arc<Published>,
    naive: NaiveTimelines,
    clock_ms: Arc<AtomicU64>,
    posts: usize,
    reads: usize,
    /// Per turn: microseconds of processor time per page served.
    pub(super) us_per_page: Vec<f64>,
    pub(super) pages_compared: usize,
}

impl Server {
    pub(super) fn new(name: String, policy: Policy, script: &Script) -> Self {
        let published = Arc::new(Published::new(script.history.clone()));
        let clock_ms = Arc::new(AtomicU64::new(START_MS));
        let clock = clock_ms.clone();
        let options = RingOptions { policy, rings_max: usize::MAX / 2, ..RingOptions::default() };
        let timelines = Arc::new(RingTimelines::new(published.clone(), Arc::new(move || clock.load(Ordering::Relaxed)), options));
        let naive = NaiveTimelines::new(published.clone());
        Self { name, timelines, published, naive, clock_ms, posts: 0, reads: 0, us_per_page: Vec::new(), pages_compared: 0 }
    }

    /// Goes through acts; a turn that counts adds its cost.
    pub(super) async fn go(&mut self, acts: &[Act], counts: bool) -> Result<()> {
        let (mut spent, mut watch, mut pages) = (Duration::ZERO, Stopwatch::start(), 0_u64);
        for act in acts {
            match *act {
                Act::Clock(now_ms) => self.clock_ms.store(now_ms, Ordering::Relaxed),
                Act::Posts(to) => self.publish(to).await?,
                Act::Read { reader, deeper } => {
                    pages += 1 + u64::from(deeper);
                    self.reads += 1;
                    let checked = self.reads.is_multiple_of(READS_PER_CHECK);
                    let mut stretch = Stretch { limit: PAGE, ..Stretch::default() };
                    for page in 0..=u32::from(deeper) {
                        let found = self.timelines.home(id(reader), stretch).await?;
                        if checked {
                            spent += watch.spent().cpu;
                            let wanted = self.naive.home(id(reader), stretch).await?;
                            ensure!(found == wanted, "{}: page {page} of reader {reader} differs from the reference", self.name);
                            self.pages_compared += 1;
                            watch = Stopwatch::start();
                        }
                        stretch.below = found.last().map(|entry| entry.post);
                    }
                }
            }
        }
        spent += watch.spent().cpu;
        if counts {
            self.us_per_page.push(spent.as_secs_f64() * 1e6 / whole(pages.max(1)));
        }
        Ok(())
    }

    async fn publish(&mut self, to: usize) -> Result<()> {
        while self.posts < to {
            let end = to.min(self.posts + BATCH_OPS);
            let ops: Vec<TimelineOp> = self.published.history.between(self.posts, end).map(TimelineOp::Posted).collect();
            self.published.set(end);
            self.timelines.apply(&ops).await?;
            self.posts = end;
        }
        Ok(())
    }
}
