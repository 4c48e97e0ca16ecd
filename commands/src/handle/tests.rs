//! The loop under retries, restarts, overload and loss of the partition.

mod faults;
mod many;
mod members;
mod once;
mod restarts;
mod sagas;

use std::sync::atomic::{AtomicU64, Ordering};

use infra::log::memory::MemoryLog;
use infra::log::{LogLayout, ReadLimits};
use infra::views::memory::MemoryViews;
use schemas::commands::{ClaimHandle, Command, Content, Follow, PublishPost, RegisterAccount};
use schemas::events::{Event, Profile, Visibility};
use schemas::log::{CommandId, RecordKind, StoredRecord, TraceContext, Validity, Verdict, body};
use schemas::{AccountId, AppId, PartitionId, RelationId, UnixMillis};
use tokio::task::JoinSet;

use super::*;

const ANA: AccountId = AccountId(1);
/// On another partition than Ana.
const BOB: AccountId = AccountId(3);
const LAYOUT: LogLayout = LogLayout { generation: 1, partitions: 4 };
const NOW: UnixMillis = 1_700_000_000_000;

/// A log, a view store and a clock that outlive the write sides on them.
struct World {
    log: Arc<MemoryLog>,
    views: Arc<MemoryViews>,
    now_ms: Arc<AtomicU64>,
    ids: AtomicU64,
}

impl World {
    fn new() -> Self {
        let (log, views) = (MemoryLog::new(LAYOUT), Arc::new(MemoryViews::new()));
        Self { log, views, now_ms: Arc::new(AtomicU64::new(NOW)), ids: AtomicU64::new(1) }
    }

    fn clock(&self) -> Clock {
        let now_ms = Arc::clone(&self.now_ms);
        Arc::new(move || now_ms.load(Ordering::Relaxed))
    }

    async fn start(&self) -> Arc<WriteSide> {
        self.start_with(WriteOptions::default()).await
    }

    async fn start_with(&self, options: WriteOptions) -> Arc<WriteSide> {
        let (log, views) = (Arc::clone(&self.log), Arc::clone(&self.views));
        WriteSide::start(log, views, self.clock(), options).await.expect("the log and the view store serve")
    }

    /// A command of its own.
    fn fresh(&self, actor: AccountId, command: Command) -> Envelope {
        let id = CommandId(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)));
        Envelope { id, maybe_repeated: false, actor, causation: CommandId(0), trace: TraceContext::default(), command }
    }

    async fn run(&self, write_side: &WriteSide, actor: AccountId, command: Command) -> Receipt {
        write_side.execute(self.fresh(actor, command)).await.expect("the command is accepted")
    }

    /// Opens an account, handle and all.
    async fn register(&self, write_side: &WriteSide, account: AccountId, handle: &str, locked: bool) {
        let claim = ClaimHandle { handle: handle.into(), account, expires_ms: 0 };
        let claim = self.run(write_side, account, Command::ClaimHandle(claim)).await;
        self.run(write_side, account, registration(account, handle, RelationId(claim.id), locked)).await;
    }

    /// Every valid record's events, by partition.
    async fn events(&self) -> Vec<Vec<Event>> {
        let mut all = Vec::new();
        for partition in LAYOUT.partition_ids() {
            all.push(self.events_of(partition).await);
        }
        all
    }

    async fn events_of(&self, partition: PartitionId) -> Vec<Event> {
        let decode = |record: StoredRecord| body::decode(&record.body).expect("bodies decode");
        self.valid(partition).await.into_iter().flat_map(decode).collect()
    }

    async fn valid(&self, partition: PartitionId) -> Vec<StoredRecord> {
        let limits = ReadLimits { records: usize::MAX, bytes: usize::MAX };
        let mut validity = Validity::default();
        let mut records = self.log.read(partition, 0, limits).await.expect("the log is readable");
        records.retain(|record| validity.admit(&record.header) == Verdict::Valid && record.header.kind == RecordKind::Command);
        records
    }

    async fn count(&self, kind: &str) -> usize {
        self.events().await.iter().flatten().filter(|event| event.kind() == kind).count()
    }
}

fn registration(account: AccountId, handle: &str, claim: RelationId, locked: bool) -> Command {
    let profile = Profile { locked, ..Profile::default() };
    Command::RegisterAccount(RegisterAccount {
        account,
        handle: handle.into(),
        profile,
        credentials: None,
        invited_by: AccountId(0),
        claim,
    })
}

fn post(account: AccountId, text: &str) -> Command {
    let content = Content { text: text.into(), ..Content::default() };
    Command::PublishPost(PublishPost { account, content, visibility: Visibility::Public, in_reply_to: None, app: AppId(0) })
}

fn follow(account: AccountId, target: AccountId) -> Command {
    Command::Follow(Follow { account, target, reblogs: None, notify: None, languages: None, renew: false })
}

fn repeated(envelope: &Envelope) -> Envelope {
    Envelope { maybe_repeated: true, ..envelope.clone() }
}
