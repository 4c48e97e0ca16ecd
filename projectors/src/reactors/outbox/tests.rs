//! The outbox over ports in memory: each mail once, whatever the server says first, and none that nobody waits for.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use infra::bus::CommandBus;
use infra::log::ReadLimits;
use infra::mail::Sender;
use infra::mail::memory::MemoryMail;
use infra::views::ViewStore;
use infra::views::memory::MemoryViews;
use schemas::AccountId;
use schemas::commands::{CommandError, Envelope, Receipt};
use schemas::events::{AccountRegistered, CredentialsConfirmed, CredentialsSet, Profile};
use tokio::sync::Notify;

use super::super::Reactors;
use super::*;
use crate::run::Tail;
use crate::testing::history::{T0, home_of};
use crate::testing::{LAYOUT, World};

const ANA: AccountId = AccountId(1);
/// On another partition than Ana.
const BOB: AccountId = AccountId(2);

struct Deaf;

#[async_trait]
impl CommandBus for Deaf {
    async fn execute(&self, _envelope: Envelope) -> Result<Receipt, CommandError> {
        Ok(Receipt::default())
    }
}

struct Stage {
    world: World,
    views: Arc<MemoryViews>,
    ports: ReactorPorts,
    mail: Arc<MemoryMail>,
    keys: InstanceKeys,
    now_ms: Arc<AtomicU64>,
}

impl Stage {
    async fn new() -> Self {
        let (world, views, now_ms) = (World::new().await, Arc::new(MemoryViews::new()), Arc::new(AtomicU64::new(T0)));
        let (ports, clock) = (world.ports(&views), now_ms.clone());
        let ports = ReactorPorts {
            log: ports.log,
            views: ports.views,
            progress: ports.progress,
            bus: Arc::new(Deaf),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        };
        let mail = Arc::new(MemoryMail::new(Sender::new("Nest", "nest@roost.example").unwrap()));
        Self { world, views, ports, mail, keys: InstanceKeys::new([7; 32]), now_ms }
    }

    fn credentials(&self, account: AccountId, email: &str, confirmed: bool) -> Event {
        let (email, password) = (self.keys.seal(account, Sealed::Email, email), "sealed".into());
        CredentialsSet { account, email, password, confirmed }.into()
    }

    async fn sign_up(&self, account: AccountId, handle: &str, confirmed: bool) {
        let registered = AccountRegistered { account, handle: handle.into(), profile: Profile::default(), invited_by: AccountId(0) };
        let credentials = self.credentials(account, &format!("{handle}@roost.example"), confirmed);
        self.world.append(home_of(account), &[registered.into(), credentials]).await;
    }

    fn outbox(&self, account: AccountId) -> Outbox {
        let desk =
            MailDesk { mail: self.mail.clone(), keys: self.keys.clone(), title: "Nest".into(), public_url: "https://roost.example".into() };
        Outbox::new(self.ports.clone(), desk, home_of(account))
    }

    /// Projects all and lets the reactors catch up; says whether they told of something new.
    async fn settle(&self) -> bool {
        self.world.project(&self.views, 100).await;
        let told = Arc::new(Notify::new());
        for partition in LAYOUT.partition_ids() {
            let end = self.ports.log.bounds(partition).await.unwrap().end;
            self.ports.progress.publish(partition, end);
            let mut reactors = Reactors { ports: self.ports.clone(), partition, outbox: told.clone() };
            let limits = ReadLimits { records: 10, bytes: 1 << 20 };
            Tail::new(self.ports.log.clone(), partition, limits).catch_up(&mut reactors, u64::MAX).await.unwrap();
        }
        futures_util::FutureExt::now_or_never(told.notified()).is_some()
    }

    async fn waiting(&self) -> usize {
        self.views.dump(Version::Live, Table::Outbox, None, usize::MAX).await.unwrap().len()
    }

    fn to(&self) -> Vec<String> {
        self.mail.sent().into_iter().map(|message| message.to).collect()
    }

    fn later(&self, passed: Duration) {
        self.now_ms.fetch_add(passed.as_millis() as u64, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn who_signs_up_gets_a_link_once() {
    let stage = Stage::new().await;
    stage.sign_up(ANA, "ana", false).await;
    stage.sign_up(BOB, "bob", true).await;
    assert!(stage.settle().await, "the outbox is told");
    assert!(!stage.settle().await, "once");
    for account in [ANA, BOB] {
        for _ in 0..2 {
            stage.outbox(account).round().await;
        }
    }
    let [message] = stage.mail.sent().try_into().expect("one mail");
    let token = stage.keys.confirmation(ANA, "ana@roost.example", T0 + CONFIRMATION_LIFE_MS);
    let link = format!("https://roost.example/auth/confirmation?confirmation_token={token}\r\n");
    assert!(message.to == "ana@roost.example" && message.text.contains(&link), "{message:?}");
    assert_eq!(stage.waiting().await, 0);
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_seldom_and_loses_nothing() {
    let stage = Stage::new().await;
    stage.sign_up(ANA, "ana", false).await;
    stage.settle().await;
    let mut outbox = stage.outbox(ANA);
    stage.mail.fail((0..8).map(|_| MailError::Away("no answer".into())));
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let pause = outbox.round().await;
        assert_eq!(outbox.round().await, pause, "nothing is tried before the pause is over");
        stage.later(pause);
        pauses.push(pause);
    }
    let seventh = pauses.get(7).copied().unwrap_or_default();
    assert!(seventh >= Duration::from_secs(64) && pauses.iter().all(|pause| *pause <= PAUSE_MAX), "they grow, within limits: {pauses:?}");
    assert_eq!((stage.to(), stage.waiting().await), (vec!["ana@roost.example".to_owned()], 0));
}

#[tokio::test]
async fn one_that_is_not_taken_keeps_no_other_back() {
    let stage = Stage::new().await;
    let carol = (3..).map(AccountId).find(|account| home_of(*account) == home_of(ANA)).unwrap();
    stage.sign_up(ANA, "ana", false).await;
    stage.sign_up(carol, "carol", false).await;
    stage.settle().await;
    let mut outbox = stage.outbox(ANA);
    stage.mail.fail([MailError::Later("greylisted".into())]);
    stage.later(outbox.round().await);
    assert_eq!(stage.to(), ["carol@roost.example"]);
    outbox.round().await;
    assert_eq!((stage.to().len(), stage.waiting().await), (2, 0));
}

#[tokio::test]
async fn mails_that_are_refused_too_old_or_not_waited_for_are_given_up() {
    for what in ["refused", "old", "confirmed", "no address"] {
        let stage = Stage::new().await;
        stage.sign_up(ANA, "ana", false).await;
        match what {
            "refused" => stage.mail.fail([MailError::Refused("nobody there".into())]),
            "old" => stage.later(Duration::from_millis(AGE_MS_MAX + 10_000)),
            "confirmed" => {
                stage.world.append(home_of(ANA), &[CredentialsConfirmed { account: ANA }.into()]).await;
            }
            _ => {
                stage.world.append(home_of(ANA), &[stage.credentials(ANA, "", false)]).await;
            }
        }
        stage.settle().await;
        stage.outbox(ANA).round().await;
        assert_eq!((stage.to().len(), stage.waiting().await), (0, 0), "{what}");
    }
}

#[tokio::test]
async fn asking_again_mails_the_newest_address() {
    let stage = Stage::new().await;
    stage.sign_up(ANA, "ana", false).await;
    stage.settle().await;
    stage.outbox(ANA).round().await;
    stage.world.append(home_of(ANA), &[stage.credentials(ANA, "new@roost.example", false)]).await;
    assert!(stage.settle().await);
    stage.outbox(ANA).round().await;
    assert_eq!(stage.to(), ["ana@roost.example", "new@roost.example"]);
}
