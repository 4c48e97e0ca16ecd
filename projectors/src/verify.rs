//! Verifies views: the log folded again into memory, up to the live checkpoints, and every row of every table compared.
//!
//! A view is compared while its live steps stand still, so that rows and checkpoints agree; reads go on. The fold is the loop's own, over
//! the reference store: what it finds are rows that a fault, a bug of a store, or an operator's discard left behind. The search index has
//! no rows, but documents: see [`search`].

mod search;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use infra::log::EventLog;
use infra::views::memory::MemoryViews;
use infra::views::{Version, ViewStore};
use schemas::log::Offset;
use schemas::rows::{RowKey, Table, View};
use serde::{Deserialize, Serialize};

use crate::ProjectorOptions;
use crate::error::ProjectError;
use crate::group::Group;
use crate::run::{Gate, Tail};

pub use search::verify_search;
pub(crate) use search::verify_search_behind;

/// Rows read from the store at once.
const PAGE: usize = 2_000;
/// Differences that are told one by one; the others are counted.
pub const DIFFERENCES_TOLD_MAX: usize = 100;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The log says that it is there, the store has none.
    Missing,
    /// The store has it, the log says that it is not there.
    Unexpected,
    /// The store has another one than the log says.
    Different,
}

/// A row that is not as the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The table's name, or `search`.
    pub table: String,
    /// Partition key and sort key, in hexadecimal, with a slash between; of a document, its kind and id.
    pub key: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What was found in a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The view's name, or `search`.
    pub view: String,
    /// Rows that the log says are there.
    pub rows: u64,
    /// Rows that are not as the log says.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// Verifies a live view while nothing else has the stores open.
pub async fn verify(
    log: &Arc<dyn EventLog>,
    views: &Arc<dyn ViewStore>,
    options: ProjectorOptions,
    view: View,
) -> Result<Verified, ProjectError> {
    verify_behind(log, views, &Gate::default(), options, view).await
}

pub(crate) async fn verify_behind(
    log: &Arc<dyn EventLog>,
    views: &Arc<dyn ViewStore>,
    gate: &Gate,
    options: ProjectorOptions,
    view: View,
) -> Result<Verified, ProjectError> {
    let memory = Arc::new(MemoryViews::new());
    let generation = log.layout().generation;
    let mut lanes = Vec::new();
    for partition in log.layout().partition_ids() {
        let group = Group::new(memory.clone(), generation, partition, vec![(view, Version::Live)], None);
        lanes.push((partition, Tail::new(log.clone(), partition, options.limits()), group));
    }
    let at = async |partition| -> Result<Offset, ProjectError> {
        let at = views.checkpoint(Version::Live, view, partition).await.map_err(ProjectError::Views)?;
        Ok(at.map_or(0, |at| at.next))
    };
    // Twice: most of it while the view goes on, the rest while it stands still.
    for (partition, tail, group) in &mut lanes {
        tail.catch_up(group, at(*partition).await?).await?;
    }
    let closed = gate.still().await;
    for (partition, tail, group) in &mut lanes {
        tail.catch_up(group, at(*partition).await?).await?;
    }
    let mut found = Verified::of(view);
    for table in Table::ALL.iter().filter(|table| table.view() == view) {
        compare(&memory, &**views, *table, &mut found).await?;
    }
    drop(closed);
    Ok(found)
}

async fn compare(memory: &MemoryViews, views: &dyn ViewStore, table: Table, found: &mut Verified) -> Result<(), ProjectError> {
    let expected = memory.dump(Version::Live, table, None, usize::MAX).await.map_err(ProjectError::Views)?;
    compare_rows(views, table, expected.into_iter().collect(), &|_| true, found).await
}

/// Compares the live rows of a table with what is expected, those that `is_meant` leaves out excepted.
pub async fn compare_rows(
    views: &dyn ViewStore,
    table: Table,
    mut expected: BTreeMap<RowKey, Bytes>,
    is_meant: &(dyn Fn(&RowKey) -> bool + Send + Sync),
    found: &mut Verified,
) -> Result<(), ProjectError> {
    found.rows += expected.len() as u64;
    let mut after = None;
    loop {
        let page = views.dump(Version::Live, table, after.take(), PAGE).await.map_err(ProjectError::Views)?;
        let last = page.len() < PAGE;
        for (key, value) in page {
            match expected.remove(&key) {
                Some(same) if same == value => {}
                Some(_) => found.add(&key, Fault::Different),
                None if is_meant(&key) => found.add(&key, Fault::Unexpected),
                None => {}
            }
            after = Some(key);
        }
        if last {
            break;
        }
    }
    expected.keys().for_each(|key| found.add(key, Fault::Missing));
    Ok(())
}

impl Verified {
    /// Begins with nothing found.
    pub fn of(view: View) -> Self {
        Self::named(view.name())
    }

    fn named(name: &str) -> Self {
        Self { view: name.to_owned(), rows: 0, differing: 0, differences: Vec::new() }
    }

    /// Adds a row that is not as the log says.
    pub fn add(&mut self, key: &RowKey, fault: Fault) {
        self.add_difference(key.table.name(), format!("{}/{}", hex(&key.pk), hex(&key.sk)), fault);
    }

    fn add_difference(&mut self, table: &str, key: String, fault: Fault) {
        self.differing += 1;
        if self.differences.len() < DIFFERENCES_TOLD_MAX {
            self.differences.push(Difference { table: table.to_owned(), key, fault });
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
