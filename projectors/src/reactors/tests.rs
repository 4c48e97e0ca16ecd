//! Reactors over ports in memory: what they send, and that they send it once per checkpoint.

use std::collections::VecDeque;

use infra::log::ReadLimits;
use infra::views::memory::MemoryViews;
use parking_lot::Mutex;
use schemas::PostId;
use schemas::commands::{AnswerFollow, ConfirmHandle, LapseHandle, Receipt, Rejection, ReleaseHandle, Unreblog};
use schemas::events::{
    AccountRegistered, Event, FollowRequested, HandleClaimed, HandleHeld, PostDeleted, Profile, Reblogged, Unfollowed, Visibility,
};
use schemas::ids::{RelationId, partition_of_text};
use schemas::rows::keys;

use super::*;
use crate::run::Tail;
use crate::testing::history::{T0, home_of};
use crate::testing::{LAYOUT, PARTITIONS, World};

const ANA: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

/// Keeps what is sent; answers with the failures it was given, then with success.
#[derive(Default)]
struct Bus {
    sent: Mutex<Vec<Envelope>>,
    failures: Mutex<VecDeque<CommandError>>,
}

#[async_trait]
impl CommandBus for Bus {
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError> {
        match self.failures.lock().pop_front() {
            Some(error) => Err(error),
            None => {
                self.sent.lock().push(envelope);
                Ok(Receipt::default())
            }
        }
    }
}

struct Stage {
    world: World,
    views: Arc<MemoryViews>,
    bus: Arc<Bus>,
    ports: ReactorPorts,
}

impl Stage {
    async fn new(now_ms: u64) -> Self {
        let (world, views, bus) = (World::new().await, Arc::new(MemoryViews::new()), Arc::new(Bus::default()));
        let ports = world.ports(&views);
        let ports = ReactorPorts {
            log: ports.log,
            views: ports.views,
            progress: ports.progress,
            bus: bus.clone(),
            clock: Arc::new(move || now_ms),
        };
        Self { world, views, bus, ports }
    }

    /// Projects all and lets the reactors catch up.
    async fn settle(&self) {
        self.world.project(&self.views, 100).await;
        for partition in LAYOUT.partition_ids() {
            let end = self.ports.log.bounds(partition).await.expect("an open log").end;
            self.ports.progress.publish(partition, end);
            let mut reactors = Reactors { ports: self.ports.clone(), partition, outbox: Arc::default() };
            let limits = ReadLimits { records: 10, bytes: 1 << 20 };
            Tail::new(self.ports.log.clone(), partition, limits).catch_up(&mut reactors, u64::MAX).await.expect("all is sent");
        }
    }

    fn commands(&self) -> Vec<Command> {
        self.bus.sent.lock().iter().map(|envelope| envelope.command.clone()).collect()
    }
}

fn wish() -> Event {
    FollowRequested { account: ANA, target: BOB, relation: RelationId(9), reblogs: true, notify: false, languages: vec![] }.into()
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_answered_once_whatever_the_bus_says_first() {
    let stage = Stage::new(T0).await;
    stage.world.append(home_of(ANA), &[wish()]).await;
    stage.bus.failures.lock().extend([CommandError::Overloaded, CommandError::Unknown("a timeout".into())]);
    stage.settle().await;
    stage.settle().await;
    let answer = AnswerFollow { account: BOB, follower: ANA, relation: RelationId(9) };
    assert_eq!(stage.commands(), [Command::AnswerFollow(answer)]);
    let sent = stage.bus.sent.lock();
    assert_eq!(sent.iter().map(|e| (e.id, e.maybe_repeated)).collect::<Vec<_>>(), [(CommandId(1).follow_up(0), true)]);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let stage = Stage::new(T0).await;
    stage.world.append(home_of(ANA), &[wish()]).await;
    stage.bus.failures.lock().push_back(Rejection::NotFound.into());
    stage.settle().await;
    stage.settle().await;
    assert_eq!(stage.commands(), []);
}

/// Answers nobody before so many are there.
struct Gathering(tokio::sync::Barrier);

#[async_trait]
impl CommandBus for Gathering {
    async fn execute(&self, _: Envelope) -> Result<Receipt, CommandError> {
        self.0.wait().await;
        Ok(Receipt::default())
    }
}

/// As when very many follow one account at once, who are all on the same partition.
#[tokio::test(start_paused = true)]
async fn wishes_to_follow_one_account_are_answered_at_once() {
    let mut stage = Stage::new(T0).await;
    stage.ports.bus = Arc::new(Gathering(tokio::sync::Barrier::new(5)));
    let wish = |relation| {
        let (account, relation) = (AccountId(100 + relation), RelationId(relation));
        FollowRequested { account, target: BOB, relation, reblogs: true, notify: false, languages: vec![] }.into()
    };
    for relation in 0..5 {
        stage.world.append(home_of(ANA), &[wish(relation)]).await;
    }
    tokio::time::timeout(Duration::from_secs(60), stage.settle()).await.expect("none waits for another");
}

#[tokio::test]
async fn what_is_about_one_relation_is_sent_in_order() {
    let stage = Stage::new(T0).await;
    let (account, target, relation) = (ANA, BOB, RelationId(9));
    stage.world.append(home_of(ANA), &[wish()]).await;
    stage.world.append(home_of(ANA), &[Unfollowed { account, target, relation }.into()]).await;
    stage.settle().await;
    let of_bob = AnswerFollow { account: BOB, follower: ANA, relation };
    assert_eq!(stage.commands(), [Command::AnswerFollow(of_bob), Command::DropFollower(of_bob)]);
}

fn reblogged(reblog: u64, account: AccountId) -> Event {
    Reblogged { reblog: PostId(reblog), account, post: PostId(5), author: BOB, visibility: Visibility::Public }.into()
}

fn deleted() -> Event {
    let visibility = Visibility::Public;
    PostDeleted { post: PostId(5), account: BOB, visibility, in_reply_to: None, mentions: vec![], tags: vec![] }.into()
}

#[tokio::test]
async fn reblogs_of_a_deleted_post_are_taken_back_whichever_came_first() {
    let carol = AccountId(3);
    let stage = Stage::new(T0).await;
    let post = crate::testing::history::post(BOB, 5);
    stage.world.append(home_of(BOB), &[post]).await;
    stage.world.append(home_of(ANA), &[reblogged(7, ANA)]).await;
    stage.settle().await;
    assert_eq!(stage.commands(), []);
    stage.world.append(home_of(BOB), &[deleted()]).await;
    stage.settle().await;
    let back = |account| Command::Unreblog(Unreblog { account, post: PostId(5) });
    assert_eq!(stage.commands(), [back(ANA)]);
    stage.world.append(home_of(carol), &[reblogged(8, carol)]).await;
    stage.settle().await;
    assert_eq!(stage.commands(), [back(ANA), back(carol)]);
}

fn claimed(handle: &str, account: AccountId, expires_ms: u64) -> Event {
    HandleClaimed { handle: handle.into(), account, claim: RelationId(4), expires_ms }.into()
}

#[tokio::test]
async fn claims_end_when_due_by_what_became_of_the_account() {
    let stage = Stage::new(T0 + 500).await;
    let on = |handle: &str| partition_of_text(handle, PARTITIONS);
    for (handle, account, due_ms) in [("ana", ANA, T0), ("bob", BOB, T0 + 500), ("late", BOB, T0 + 501)] {
        stage.world.append(on(handle), &[claimed(handle, account, due_ms)]).await;
    }
    let registered = AccountRegistered { account: ANA, handle: "Ana".into(), profile: Profile::default(), invited_by: AccountId(0) };
    stage.world.append(home_of(ANA), &[registered.into()]).await;
    let held = HandleHeld { handle: "eve".into(), account: ANA, claim: RelationId(4), until_ms: T0 + 1 };
    stage.world.append(on("eve"), &[held.into()]).await;
    stage.settle().await;
    stage.bus.sent.lock().clear();
    let mut tended = 0;
    for partition in LAYOUT.partition_ids() {
        tended += tend_claims(&stage.ports, partition).await.expect("all is sent");
    }
    let mut commands = stage.commands();
    commands.sort_by_key(|command| format!("{command:?}"));
    let (claim, handle) = (RelationId(4), |handle: &str| handle.to_owned());
    let expected = [
        Command::ConfirmHandle(ConfirmHandle { handle: handle("ana"), account: ANA, claim }),
        Command::LapseHandle(LapseHandle { handle: handle("bob"), claim }),
        Command::ReleaseHandle(ReleaseHandle { handle: handle("eve"), claim }),
    ];
    assert_eq!((tended, commands), (3, expected.to_vec()));
    assert_eq!(keys::id_of(&keys::open_claim(on("ana"), T0, "ana").sk), Some(T0), "a key begins with its due time");
}
