//! Accounts and how they sign in: opening one (self-service, command line, demo), passwords, tokens.
//!
//! An e-mail address is claimed like a handle, under a keyed hash, so that it is unique without being readable in the log; the address
//! and the password's hash are sealed (docs/decisions/0005-identity-in-the-log.md).

mod check;
mod confirmation;
mod passwords;
mod repeated;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::keys::{InstanceKeys, KEY_BYTES, Sealed, sha256};
use infra::views::{Version, ViewError, ViewStore};
use rand::Rng;
use schemas::commands::{ClaimHandle, Command, CommandError, ConfirmHandle, Credentials, Envelope, IssueToken, Receipt, Rejection};
use schemas::events::Profile;
use schemas::handles::normalise;
use schemas::log::{CommandId, PositionToken, TraceContext};
use schemas::rows::{AccountRow, CredentialRow, HandleRow, HandleState, RowKey, codec, keys};
use schemas::{AccountId, AppId, RelationId};
use serde::de::DeserializeOwned;

pub use self::check::{FieldProblem, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
pub use self::confirmation::{Confirmed, ResendError};
pub use self::passwords::{BusyError, Passwords};
use crate::registration::{AccountIds, Registration, register};

/// An account to be opened.
#[derive(Debug, Clone, Default)]
pub struct NewAccount {
    /// The handle as it will be shown.
    pub username: String,
    /// The address to sign in by, if any.
    pub email: Option<String>,
    /// The password to sign in by; without one there are only tokens.
    pub password: Option<String>,
    /// What it starts with.
    pub profile: Profile,
    /// Whether the address counts as confirmed from the start.
    pub confirmed: bool,
    /// To which application its first token belongs; 0 for an operator's.
    pub app: AppId,
    /// What the first token allows.
    pub scopes: Vec<String>,
    /// The trace it belongs to.
    pub trace: TraceContext,
    /// Names the sign-up, if its client may repeat it: the same key with the same fields gives the same account and token.
    pub key: Option<String>,
}

impl NewAccount {
    /// What is wrong with it that can be seen without asking anybody.
    pub fn problems(&self) -> Vec<FieldProblem> {
        check::check(self)
    }
}

/// The scopes of tokens that operators make.
pub const OPERATOR_SCOPES: [&str; 4] = ["read", "write", "follow", "push"];

/// An account that was opened.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub id: AccountId,
    /// Its first token, as the client sends it: nobody keeps it but the client.
    pub token: String,
    /// What a read must have passed to see all of it.
    pub positions: PositionToken,
}

/// Why an account is not opened.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The caller's fault, by field.
    #[error("{}", check::sentence(.0))]
    Invalid(Vec<FieldProblem>),
    /// The write side's.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The view store's.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// Too many passwords at once.
    #[error(transparent)]
    Busy(#[from] BusyError),
}

/// Opens accounts and knows who signs in.
pub struct Accounts {
    bus: Arc<dyn CommandBus>,
    views: Arc<dyn ViewStore>,
    keys: InstanceKeys,
    clock: Clock,
    ids: AccountIds,
    passwords: Passwords,
}

impl Accounts {
    /// Works by the ports it is given.
    pub fn new(bus: Arc<dyn CommandBus>, views: Arc<dyn ViewStore>, keys: InstanceKeys, clock: Clock) -> Self {
        Self { bus, views, keys, ids: AccountIds::new(clock.clone()), clock, passwords: Passwords::new() }
    }

    /// An id that was not given before; applications take theirs from the same maker.
    pub fn next_id(&self) -> AccountId {
        self.ids.next()
    }

    /// Opens an account with its first token; for a sign-up that was made before, under the same key, what that one gave.
    pub async fn create(&self, new: NewAccount) -> Result<Created, CreateError> {
        if new.key.is_none() {
            return self.open_new(new).await;
        }
        if let Some(created) = self.repeated(&new).await? {
            return Ok(created);
        }
        match self.open_new(new.clone()).await {
            // Taken, maybe by the same sign-up.
            Err(CreateError::Invalid(problems)) if problems.iter().all(FieldProblem::is_taken) => match self.taken_up(&new).await? {
                Some(created) => Ok(created),
                None => Err(CreateError::Invalid(problems)),
            },
            done => done,
        }
    }

    async fn open_new(&self, new: NewAccount) -> Result<Created, CreateError> {
        let mut problems = new.problems();
        if problems.is_empty() && self.handle_row(&normalise(&new.username)).await?.is_some() {
            problems.push(FieldProblem::taken("username"));
        }
        let email = new.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        let mail_key = email.map(|email| self.keys.mail_claim(email));
        let standing = match &mail_key {
            Some(key) => self.handle_row(key).await?,
            None => None,
        };
        let account = match standing {
            None => self.ids.next(),
            // Somebody began to sign up with this address and did not get through: whoever tries again goes on with that account.
            Some(row) if row.state == HandleState::Claimed && !self.exists(row.account).await? => row.account,
            Some(_) => {
                problems.push(FieldProblem::taken("email"));
                self.ids.next()
            }
        };
        if !problems.is_empty() {
            return Err(CreateError::Invalid(problems));
        }
        self.open(account, new, mail_key).await
    }

    async fn open(&self, account: AccountId, new: NewAccount, mail_key: Option<String>) -> Result<Created, CreateError> {
        let credentials = match &new.password {
            Some(password) => Some(self.credentials(account, new.email.as_deref().unwrap_or_default(), password, new.confirmed).await?),
            None => None,
        };
        let mut positions = PositionToken::default();
        let token = self.first_token(&new);
        if let Some(key) = &mail_key {
            let claim = Command::ClaimHandle(ClaimHandle { handle: key.clone(), account, expires_ms: 0 });
            let receipt = self.send(account, new.trace, claim).await.map_err(|error| taken(error, "email"))?;
            add(&mut positions, &receipt);
        }
        let registration =
            Registration { account, handle: new.username, profile: new.profile, credentials, invited_by: AccountId(0), trace: new.trace };
        let receipt = register(&*self.bus, registration).await.map_err(|error| taken(error, "username"))?;
        add(&mut positions, &receipt);
        if let Some(handle) = mail_key {
            let confirm = Command::ConfirmHandle(ConfirmHandle { handle, account, claim: RelationId(0) });
            add(&mut positions, &self.send(account, new.trace, confirm).await?);
        }
        let token_hash = sha256(token.as_bytes()).to_vec().into();
        let issue = IssueToken { account, app: new.app, token_hash, scopes: new.scopes };
        add(&mut positions, &self.send(account, new.trace, Command::IssueToken(issue)).await?);
        Ok(Created { id: account, token, positions })
    }

    async fn credentials(&self, account: AccountId, email: &str, password: &str, confirmed: bool) -> Result<Credentials, BusyError> {
        let hash = self.passwords.hash(password).await?;
        Ok(Credentials {
            email: self.keys.seal(account, Sealed::Email, email.trim()),
            password: self.keys.seal(account, Sealed::Password, &hash),
            confirmed,
        })
    }

    /// The account that signs in by a handle or an e-mail address and a password; nobody if they do not fit. Takes the same time
    /// whether there is such an account or not.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<Option<AccountId>, CreateError> {
        let login = login.trim();
        let key = if login.contains('@') { self.keys.mail_claim(login) } else { normalise(login) };
        let row = self.handle_row(&key).await?.filter(|row| row.state != HandleState::Held);
        let stored = match &row {
            Some(row) => self.row::<CredentialRow>(keys::credential(row.account)).await?,
            None => None,
        };
        let opened = row.zip(stored).map(|(row, stored)| (row.account, self.keys.open(row.account, Sealed::Password, &stored.password)));
        let (account, hash) = match opened {
            Some((account, Ok(hash))) => (Some(account), Some(hash)),
            Some((account, Err(error))) => {
                tracing::error!(%account, %error, "credentials cannot be read");
                (None, None)
            }
            None => (None, None),
        };
        let fits = self.passwords.fits(password, hash).await?;
        Ok(account.filter(|_| fits))
    }

    /// The account that goes by a handle.
    pub async fn named(&self, handle: &str) -> Result<Option<AccountId>, ViewError> {
        let row = self.handle_row(&normalise(handle)).await?;
        Ok(row.filter(|row| row.state == HandleState::Confirmed).map(|row| row.account))
    }

    async fn send(&self, actor: AccountId, trace: TraceContext, command: Command) -> Result<Receipt, CommandError> {
        let (id, causation) = (random_id(), CommandId::default());
        self.bus.execute(Envelope { id, maybe_repeated: false, actor, causation, trace, command }).await
    }

    async fn handle_row(&self, key: &str) -> Result<Option<HandleRow>, ViewError> {
        self.row(keys::handle(key)).await
    }

    async fn exists(&self, account: AccountId) -> Result<bool, ViewError> {
        Ok(self.row::<AccountRow>(keys::account(account)).await?.is_some())
    }

    async fn row<T: DeserializeOwned>(&self, key: RowKey) -> Result<Option<T>, ViewError> {
        let rows = self.views.get(Version::Live, &[key]).await?;
        let bytes = rows.into_iter().next().flatten();
        bytes.map(|bytes| codec::decode(&bytes)).transpose().map_err(|error| ViewError::Fatal(error.to_string()))
    }
}

fn add(positions: &mut PositionToken, receipt: &Receipt) {
    receipt.positions.0.iter().for_each(|position| positions.add(*position));
}

/// What the write side rejects is a problem of the field that it was about.
fn taken(error: CommandError, field: &'static str) -> CreateError {
    match error {
        CommandError::Rejected(Rejection::HandleTaken) => CreateError::Invalid(vec![FieldProblem::taken(field)]),
        // The account of an unfinished sign-up was opened meanwhile, by somebody with the same address.
        CommandError::Rejected(Rejection::NotAllowed) => CreateError::Invalid(vec![FieldProblem::taken("email")]),
        other => CreateError::Command(other),
    }
}

/// A new secret (a token, a code, a client secret) of 256 random bits as text, and the hash by which it is known.
pub fn secret() -> (String, [u8; KEY_BYTES]) {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let hash = sha256(text.as_bytes());
    (text, hash)
}

/// The id of a command that is sent once.
pub fn random_id() -> CommandId {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    CommandId(u128::from_be_bytes(bytes))
}
