//! The ids of the commands that a partition still remembers: a command that says it may be a repetition, and is none, is known as new
//! without asking the view. So keys are taken while the view store is away, and cost no read while it is there.
//!
//! What was decided since the partition was opened is noted as it happens; what was before is read from the view beside the work. Until it is
//! read, and where there is too much of it, nothing is ruled out. See docs/decisions/0018-while-the-view-store-is-away.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use infra::views::{Scan, Version, ViewError, ViewStore};
use rustc_hash::FxHashSet;
use schemas::PartitionId;
use schemas::log::CommandId;
use schemas::rows::Table;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::state::{Ledger, receipt_id, receipts};

/// Rows of one read.
const PAGE_ROWS: usize = 4_096;
/// The pause after a read that failed, before jitter.
const PAUSE: Duration = Duration::from_secs(2);

/// Half of an id: two that share it cost a look into the view.
type Short = u64;

fn short(id: CommandId) -> Short {
    (id.0 >> 64) as u64 ^ id.0 as u64
}

/// The ids of a bucket.
#[derive(Debug, PartialEq, Eq)]
enum Ids {
    All(FxHashSet<Short>),
    TooMany,
}

impl Default for Ids {
    fn default() -> Self {
        Self::All(FxHashSet::default())
    }
}

impl Ids {
    fn add(&mut self, id: Short, most: usize) {
        if let Self::All(ids) = self {
            ids.insert(id);
            if ids.len() > most {
                *self = Self::TooMany;
            }
        }
    }

    fn rules_out(&self, id: Short) -> bool {
        matches!(self, Self::All(ids) if !ids.contains(&id))
    }
}

/// See the module.
pub(super) struct Recall {
    /// By bucket, the newest two.
    buckets: BTreeMap<u64, Ids>,
    /// Ids of a bucket at the most.
    most: usize,
    reading: Option<Reading>,
}

/// What was before, on its way. Dropped, it is given up.
struct Reading {
    read: oneshot::Receiver<Vec<(u64, Ids)>>,
    task: JoinHandle<()>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recall {
    /// Begins to read what is in the view, where the ledger stands so; keeps so many ids of a bucket.
    pub(super) fn begin(views: Arc<dyn ViewStore>, partition: PartitionId, ledger: &Ledger, most: usize) -> Self {
        // Of a partition's first bucket there is none before it.
        let wanted = BTreeSet::from(ledger.consulted());
        let full = (ledger.held > most as u64).then_some(ledger.bucket);
        let (done, read) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut all = Vec::new();
            for bucket in wanted {
                all.push((bucket, if full == Some(bucket) { Ids::TooMany } else { read_on(&*views, partition, bucket, most).await }));
            }
            // Who does not wait any more has lost the partition.
            drop(done.send(all));
        });
        Self { buckets: BTreeMap::new(), most, reading: Some(Reading { read, task }) }
    }

    /// Notes a command that was decided.
    pub(super) fn note(&mut self, id: CommandId, bucket: u64) {
        self.buckets.entry(bucket).or_default().add(short(id), self.most);
        self.forget();
    }

    /// Forgets what is not consulted any more.
    fn forget(&mut self) {
        while self.buckets.len() > 2 {
            self.buckets.pop_first();
        }
    }

    /// Whether the command may be among those of the buckets; false only of one that surely is not.
    pub(super) fn may_hold(&mut self, id: CommandId, consulted: [u64; 2]) -> bool {
        self.take_read();
        self.reading.is_some() || consulted.iter().any(|bucket| self.buckets.get(bucket).is_some_and(|ids| !ids.rules_out(short(id))))
    }

    fn take_read(&mut self) {
        let Some(reading) = &mut self.reading else { return };
        let Ok(read) = reading.read.try_recv() else { return };
        self.reading = None;
        for (bucket, before) in read {
            let kept = self.buckets.entry(bucket).or_default();
            match before {
                Ids::All(ids) => ids.into_iter().for_each(|id| kept.add(id, self.most)),
                Ids::TooMany => *kept = Ids::TooMany,
            }
        }
        self.forget();
    }
}

/// Reads a bucket, however long it takes.
async fn read_on(views: &dyn ViewStore, partition: PartitionId, bucket: u64, most: usize) -> Ids {
    loop {
        match read(views, partition, bucket, most).await {
            Ok(ids) => return ids,
            Err(error) => tracing::debug!(%error, partition = partition.0, bucket, "earlier commands are not recalled yet"),
        }
        tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.5..1.5))).await;
    }
}

async fn read(views: &dyn ViewStore, partition: PartitionId, bucket: u64, most: usize) -> Result<Ids, ViewError> {
    let (pk, mut above, mut ids) = (receipts(partition, bucket).done(), None, Ids::default());
    loop {
        let scan = Scan { table: Table::Decision, pk: pk.clone(), above, below: None, descending: false, limit: PAGE_ROWS };
        let rows = views.scan(Version::Live, scan).await?;
        for (sk, _) in &rows {
            let id = receipt_id(sk).ok_or_else(|| ViewError::Fatal("a receipt without the id of its command".to_owned()))?;
            ids.add(short(id), most);
        }
        if rows.len() < PAGE_ROWS || ids == Ids::TooMany {
            return Ok(ids);
        }
        above = rows.into_iter().next_back().map(|(sk, _)| sk);
    }
}

#[cfg(test)]
mod tests {
    use infra::views::ViewBatch;
    use infra::views::faulty::FaultyViews;
    use infra::views::memory::MemoryViews;
    use schemas::rows::RowWrite;

    use super::*;
    use crate::state::receipt_row;

    const PARTITION: PartitionId = PartitionId(3);

    fn ledger(bucket: u64, held: u64) -> Ledger {
        Ledger { bucket, held, ..Ledger::default() }
    }

    /// A store that has receipts under (bucket, id).
    async fn store(rows: impl IntoIterator<Item = (u64, u128)>) -> Arc<FaultyViews> {
        let store = Arc::new(FaultyViews::new(Arc::new(MemoryViews::new())));
        let value = Some(bytes::Bytes::from_static(b"x"));
        let write = |(bucket, id)| RowWrite { key: receipt_row(PARTITION, bucket, CommandId(id)), value: value.clone(), offset: 0 };
        let batch = ViewBatch { writes: rows.into_iter().map(write).collect(), checkpoints: Vec::new() };
        store.commit(Version::Live, batch).await.expect("memory takes it");
        store
    }

    async fn is_read(recall: &mut Recall) {
        while recall.may_hold(CommandId(u128::MAX), [0, 0]) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_and_what_was_noted_is_not_ruled_out() {
        let store = store([(4, 40), (5, 50), (2, 20)]).await;
        let mut recall = Recall::begin(store, PARTITION, &ledger(5, 1), 10);
        recall.note(CommandId(51), 5);
        assert!(recall.may_hold(CommandId(99), [5, 4]), "nothing is known yet");
        is_read(&mut recall).await;
        let held = [20, 40, 50, 51, 99].map(|id| recall.may_hold(CommandId(id), [5, 4]));
        assert_eq!(held, [false, true, true, true, false]);
        recall.note(CommandId(60), 6);
        let held = [40, 50, 60].map(|id| recall.may_hold(CommandId(id), [6, 5]));
        assert_eq!(held, [false, true, true], "what is not consulted any more is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_with_too_many_rules_nothing_out_until_it_is_left_behind() {
        let store = store((0..5).map(|id| (4, id))).await;
        let mut recall = Recall::begin(store, PARTITION, &ledger(5, 0), 4);
        is_read(&mut recall).await;
        assert!(recall.may_hold(CommandId(99), [5, 4]) && !recall.may_hold(CommandId(99), [6, 5]));
        (0..5).for_each(|id| recall.note(CommandId(id), 6));
        assert!(recall.may_hold(CommandId(99), [6, 5]));
    }

    #[tokio::test(start_paused = true)]
    async fn reading_goes_on_once_the_store_is_back() {
        let store = store([(0, 7)]).await;
        store.fail();
        let mut recall = Recall::begin(store.clone(), PARTITION, &Ledger::default(), 10);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(recall.may_hold(CommandId(99), [0, 0]));
        store.heal();
        is_read(&mut recall).await;
        assert!(recall.may_hold(CommandId(7), [0, 0]) && !recall.may_hold(CommandId(99), [0, 0]));
    }
}
