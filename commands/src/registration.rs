//! Sagas of accounts and their handles: claim, then open or rename; the confirmation follows from what the log says.
//!
//! The ids of the commands follow from what is asked, so calling again with the same request takes up a saga where it was cut short. A
//! saga that nobody takes up leaves a claim that lapses.

use infra::bus::CommandBus;
use infra::clock::Clock;
use parking_lot::Mutex;
use schemas::commands::{ChangeHandle, ClaimHandle, Command, CommandError, ConfirmHandle, Credentials, Envelope, Receipt, RegisterAccount};
use schemas::events::Profile;
use schemas::handles::normalise;
use schemas::ids::IdMaker;
use schemas::log::{CommandId, TraceContext};
use schemas::{AccountId, PartitionId, RelationId, UnixMillis};

/// Makes ids of accounts. An account's partition follows from a hash of its id, so the id's own partition bits only keep processes apart:
/// they are drawn at random, and should two ids ever be the same, the second registration is rejected.
pub struct AccountIds {
    clock: Clock,
    maker: Mutex<IdMaker>,
}

impl AccountIds {
    /// Makes ids by the clock.
    pub fn new(clock: Clock) -> Self {
        let maker = Mutex::new(IdMaker::after(PartitionId(rand::random_range(0..256)), 0));
        Self { clock, maker }
    }

    /// An id that was not given before.
    pub fn next(&self) -> AccountId {
        self.maker.lock().next((self.clock)()).into()
    }
}

/// What an account starts with.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its id, from [`AccountIds`]; the same one when the call is repeated.
    pub account: AccountId,
    /// The handle as it will be shown.
    pub handle: String,
    /// What it says of itself.
    pub profile: Profile,
    /// How it signs in, if it does.
    pub credentials: Option<Credentials>,
    /// Who let it in; 0 for self-service or an operator.
    pub invited_by: AccountId,
    /// The trace it belongs to.
    pub trace: TraceContext,
}

/// A wish to go by another handle.
#[derive(Debug, Clone)]
pub struct Renaming {
    /// The account.
    pub account: AccountId,
    /// The new handle as it will be shown.
    pub to: String,
    /// Names the wish: the same one when the call is repeated, another one when the account comes back to a handle.
    pub key: String,
    /// The trace it belongs to.
    pub trace: TraceContext,
}

/// Opens an account: claims its handle, registers it, and confirms the claim. The receipt carries the account's id.
///
/// Errors: [`schemas::commands::Rejection::HandleTaken`], what the registration is rejected for, and those of the bus; after `Retry`, `Unknown` and
/// `Overloaded` the same call may be repeated, for five minutes from the first one.
pub async fn register(bus: &dyn CommandBus, registration: Registration) -> Result<Receipt, CommandError> {
    let Registration { account, handle, profile, credentials, invited_by, trace } = registration;
    let saga = Saga { bus, account, trace, key: normalise(&handle) };
    let claim = saga.claim(&handle, "register/claim").await?;
    let command = RegisterAccount { account, handle: handle.clone(), profile, credentials, invited_by, claim: RelationId(claim.id) };
    let done = saga.send("register/account", Command::RegisterAccount(command)).await?;
    saga.finish(&handle, "register/confirm", claim, done).await
}

/// Gives an account another handle: claims it, switches, confirms the claim and holds the former one.
///
/// Errors: as [`register`].
pub async fn rename(bus: &dyn CommandBus, renaming: Renaming) -> Result<Receipt, CommandError> {
    let Renaming { account, to, key, trace } = renaming;
    let saga = Saga { bus, account, trace, key };
    let claim = saga.claim(&to, "rename/claim").await?;
    let command = ChangeHandle { account, to: to.clone(), claim: RelationId(claim.id) };
    let done = saga.send("rename/change", Command::ChangeHandle(command)).await?;
    saga.finish(&to, "rename/confirm", claim, done).await
}

struct Saga<'a> {
    bus: &'a dyn CommandBus,
    account: AccountId,
    trace: TraceContext,
    key: String,
}

impl Saga<'_> {
    async fn claim(&self, handle: &str, step: &str) -> Result<Receipt, CommandError> {
        // The log's writer gives a claim the time that it needs.
        let expires_ms: UnixMillis = 0;
        self.send(step, Command::ClaimHandle(ClaimHandle { handle: normalise(handle), account: self.account, expires_ms })).await
    }

    async fn send(&self, step: &str, command: Command) -> Result<Receipt, CommandError> {
        let envelope = Envelope {
            id: CommandId::from_key(self.account, step, &self.key),
            maybe_repeated: true,
            actor: self.account,
            causation: CommandId::default(),
            trace: self.trace,
            command,
        };
        self.bus.execute(envelope).await
    }

    /// A first run has sent the follow-ups itself. A repetition cannot know whether they were, and confirms.
    async fn finish(&self, handle: &str, step: &str, claim: Receipt, mut done: Receipt) -> Result<Receipt, CommandError> {
        if done.repeated {
            let confirm = ConfirmHandle { handle: normalise(handle), account: self.account, claim: RelationId(0) };
            let confirmed = self.send(step, Command::ConfirmHandle(confirm)).await?;
            confirmed.positions.0.into_iter().for_each(|position| done.positions.add(position));
        }
        claim.positions.0.into_iter().for_each(|position| done.positions.add(position));
        Ok(done)
    }
}
