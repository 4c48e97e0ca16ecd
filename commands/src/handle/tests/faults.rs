//! Overload, a lost partition, a log that refuses, a view store that is down.

use std::ops::Range;
use std::time::Duration;

use infra::log::{LogError, PartitionWriter};
use infra::views::faulty::FaultyViews;
use schemas::commands::LapseHandle;
use schemas::log::{NewRecord, WriterId};
use tokio::sync::Semaphore;

use super::*;

/// What appends fail with, if they are to fail.
type Failing = Arc<Mutex<Option<fn() -> LogError>>>;
type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// A log whose appends wait for a permit, or fail on demand.
struct Gated {
    inner: Arc<MemoryLog>,
    gate: Arc<Semaphore>,
    failing: Failing,
}

impl Gated {
    fn new(inner: Arc<MemoryLog>, permits: usize) -> Arc<Self> {
        Arc::new(Self { inner, gate: Arc::new(Semaphore::new(permits)), failing: Arc::default() })
    }
}

struct GatedWriter {
    inner: Arc<dyn PartitionWriter>,
    gate: Arc<Semaphore>,
    failing: Failing,
}

#[async_trait]
impl EventLog for Gated {
    fn layout(&self) -> LogLayout {
        self.inner.layout()
    }

    async fn open_writer(&self, partition: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        let inner = self.inner.open_writer(partition, address).await?;
        Ok(Arc::new(GatedWriter { inner, gate: Arc::clone(&self.gate), failing: Arc::clone(&self.failing) }))
    }

    async fn read(&self, partition: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        self.inner.read(partition, from, limits).await
    }

    async fn bounds(&self, partition: PartitionId) -> Result<Range<Offset>, LogError> {
        self.inner.bounds(partition).await
    }

    async fn wait_for(&self, partition: PartitionId, offset: Offset) -> Result<(), LogError> {
        self.inner.wait_for(partition, offset).await
    }

    async fn close(&self) -> Result<(), LogError> {
        self.inner.close().await
    }
}

impl PartitionWriter for GatedWriter {
    fn epoch(&self) -> u32 {
        self.inner.epoch()
    }

    fn writer(&self) -> WriterId {
        self.inner.writer()
    }

    fn start(&self) -> Offset {
        self.inner.start()
    }

    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<Result<Offset, LogError>> {
        if let Some(error) = *self.failing.lock() {
            return Box::pin(async move { Err(error()) });
        }
        // In line at once, answered when the gate opens: what was appended counts, as on a slow disk.
        let appended = self.inner.append(records);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            gate.acquire().await.expect("the gate stays").forget();
            appended.await
        })
    }
}

async fn start(world: &World, log: &Arc<Gated>, options: WriteOptions) -> Arc<WriteSide> {
    let (log, views) = (Arc::clone(log), Arc::clone(&world.views));
    WriteSide::start(log, views, world.clock(), options).await.expect("the log serves")
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn over_capacity_is_told_before_any_work() {
    let world = World::new();
    let log = Gated::new(Arc::clone(&world.log), 3);
    let options = WriteOptions { queue_commands: 4, batch_commands: 2, flights_max: 2, ..WriteOptions::default() };
    let write_side = start(&world, &log, options).await;
    world.register(&write_side, ANA, "ana", false).await;
    let mut calls = JoinSet::new();
    for n in 0..20 {
        let (write_side, command) = (Arc::clone(&write_side), world.fresh(ANA, post(ANA, &n.to_string())));
        calls.spawn(async move { write_side.execute(command).await.map(|receipt| receipt.id) });
        settle().await;
    }
    log.gate.add_permits(100);
    let mut outcomes = Vec::new();
    while let Some(call) = calls.join_next().await {
        outcomes.push(call.expect("calls end"));
    }
    let overloaded = outcomes.iter().filter(|outcome| **outcome == Err(CommandError::Overloaded)).count();
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((overloaded + accepted, accepted), (20, world.count("PostPublished").await));
    assert!((4..16).contains(&accepted), "{accepted} of 20 accepted");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_before_what_it_rests_on_is_durable() {
    let world = World::new();
    let log = Gated::new(Arc::clone(&world.log), 3);
    let write_side = start(&world, &log, WriteOptions::default()).await;
    world.register(&write_side, ANA, "ana", false).await;
    let call = |command| {
        let write_side = Arc::clone(&write_side);
        tokio::spawn(async move { write_side.execute(command).await })
    };
    let claim = |account| Command::ClaimHandle(ClaimHandle { handle: "eva".into(), account, expires_ms: 0 });
    let no_lapse = Command::LapseHandle(LapseHandle { handle: "eva".into(), claim: RelationId(1) });
    let first = world.fresh(ANA, claim(ANA));
    let calls = [call(first.clone()), call(repeated(&first)), call(world.fresh(ANA, no_lapse)), call(world.fresh(BOB, claim(BOB)))];
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(calls.iter().all(|call| !call.is_finished()), "the claim is not durable yet");
    log.gate.add_permits(1);
    let [first, duplicate, unchanged, other] = calls;
    let id = first.await.expect("ends").expect("accepted").id;
    assert_eq!(duplicate.await.expect("ends").map(|receipt| (receipt.id, receipt.repeated)), Ok((id, true)));
    assert_eq!(unchanged.await.expect("ends").map(|receipt| receipt.id), Ok(0));
    assert_eq!(other.await.expect("ends"), Err(schemas::commands::Rejection::HandleTaken.into()));
}

#[tokio::test(start_paused = true)]
async fn what_the_log_refuses_did_not_happen_and_the_loop_recovers() {
    let world = World::new();
    let log = Gated::new(Arc::clone(&world.log), 1_000);
    let write_side = start(&world, &log, WriteOptions::default()).await;
    world.register(&write_side, ANA, "ana", false).await;
    *log.failing.lock() = Some(|| LogError::Full("no space".into()));
    let command = world.fresh(ANA, follow(ANA, BOB));
    assert!(matches!(write_side.execute(command.clone()).await, Err(CommandError::Retry(_))));
    assert!(matches!(write_side.execute(command.clone()).await, Err(CommandError::Retry(_))), "while it recovers");
    *log.failing.lock() = None;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let receipt = write_side.execute(repeated(&command)).await.expect("accepted");
    assert!(!receipt.repeated);
    assert_eq!(world.count("FollowRequested").await, 1);
    *log.failing.lock() = Some(|| LogError::Unknown { partition: PartitionId(0) });
    assert!(matches!(write_side.execute(world.fresh(ANA, post(ANA, "?"))).await, Err(CommandError::Unknown(_))));
}

#[tokio::test(start_paused = true)]
async fn a_superseded_writer_answers_retry_and_its_successor_decides() {
    let world = World::new();
    let write_side = world.start().await;
    world.register(&write_side, ANA, "ana", false).await;
    let successor = world.start().await;
    let command = world.fresh(ANA, post(ANA, "hi"));
    for _ in 0..2 {
        assert!(matches!(write_side.execute(command.clone()).await, Err(CommandError::Retry(_))));
    }
    assert!(!successor.execute(repeated(&command)).await.expect("accepted").repeated);
    assert_eq!(world.count("PostPublished").await, 1);
    write_side.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn writes_go_on_while_the_view_store_is_down() {
    let world = World::new();
    let views = Arc::new(FaultyViews::new(Arc::clone(&world.views) as _));
    let log = Arc::clone(&world.log);
    let write_side = WriteSide::start(log, Arc::clone(&views) as _, world.clock(), WriteOptions::default()).await.expect("starts");
    world.register(&write_side, ANA, "ana", false).await;
    views.fail();
    let known = world.fresh(ANA, post(ANA, "in memory"));
    let first = write_side.execute(known.clone()).await.expect("what is in memory is decided on");
    let keyed = write_side.execute(repeated(&world.fresh(ANA, post(ANA, "under a key that nobody used")))).await;
    assert!(keyed.is_ok_and(|receipt| !receipt.repeated), "what was decided before is known in memory");
    let unknown = world.fresh(ANA, follow(ANA, BOB));
    assert!(matches!(write_side.execute(unknown.clone()).await, Err(CommandError::Retry(_))));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(write_side.execute(repeated(&known)).await, Ok(Receipt { repeated: true, ..first }));
    views.heal();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(write_side.execute(unknown).await.is_ok());
    write_side.shutdown().await;
    let again = world.start().await;
    assert!(again.execute(repeated(&known)).await.expect("accepted").repeated);
}
