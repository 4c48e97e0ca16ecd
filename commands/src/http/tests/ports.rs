//! Ports in memory: a bus that keeps what it is sent and projects identity at once, and a read side that sees little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use infra::blobs::Blobs;
use infra::blobs::memory::MemoryBlobs;
use infra::bus::CommandBus;
use infra::cache::{StampedViews, Stamps};
use infra::clock::system_clock;
use infra::http::{Edge, Settings, finish};
use infra::keys::InstanceKeys;
use infra::progress::Progress;
use infra::readside::{ReadError, ReadSide, SeenPost};
use infra::views::faulty::FaultyViews;
use infra::views::memory::MemoryViews;
use infra::views::{Version, ViewBatch, ViewStore};
use parking_lot::Mutex;
use schemas::commands::{Command, CommandError, Envelope, Receipt, Rejection};
use schemas::events::{Mention, Visibility};
use schemas::log::Position;
use schemas::rows::{
    AccountRow, AppRow, AuthCodeRow, ContentRow, CredentialRow, HandleRow, HandleState, RowKey, RowWrite, StatusRow, TokenRow, codec, keys,
};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId};

use crate::accounts::{Accounts, NewAccount, OPERATOR_SCOPES};
use crate::http::{Writes, routes};

/// A command service over memory.
pub(super) struct World {
    pub(super) router: Router,
    pub(super) bus: Arc<TestBus>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) reads: Arc<TestReads>,
    pub(super) store: Arc<FaultyViews>,
}

/// An account with a token that allows everything.
pub(super) struct User {
    pub(super) id: AccountId,
    pub(super) token: String,
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let stamps = Arc::new(Stamps::new());
        let store = Arc::new(FaultyViews::new(Arc::new(MemoryViews::new())));
        let views: Arc<dyn ViewStore> = Arc::new(StampedViews::new(store.clone(), stamps.clone()));
        let keys = InstanceKeys::new([3; 32]);
        let bus = Arc::new(TestBus {
            views: views.clone(),
            behind: AtomicBool::new(false),
            sent: Mutex::default(),
            failure: Mutex::default(),
            codes: Mutex::default(),
        });
        let edge = Arc::new(Edge::new(views.clone(), stamps, Arc::new(Progress::new(1, 1)), keys.clone(), settings));
        let accounts = Arc::new(Accounts::new(bus.clone(), views.clone(), keys, system_clock()));
        let blobs: Arc<dyn Blobs> = Arc::new(MemoryBlobs::new());
        let reads = Arc::new(TestReads { views, late: AtomicBool::new(false) });
        let writes =
            Writes { bus: bus.clone(), reads: reads.clone(), blobs: blobs.clone(), edge: edge.clone(), accounts: accounts.clone() };
        Self { router: finish(routes(Arc::new(writes)), edge), bus, accounts, blobs, reads, store }
    }

    pub(super) async fn user(&self, name: &str) -> User {
        let scopes = OPERATOR_SCOPES.map(str::to_owned).to_vec();
        let created = self.accounts.create(NewAccount { username: name.to_owned(), scopes, ..NewAccount::default() }).await.unwrap();
        User { id: created.id, token: created.token }
    }
}

/// Keeps commands, and projects those of identity.
pub(super) struct TestBus {
    views: Arc<dyn ViewStore>,
    /// Whether nothing is projected.
    pub(super) behind: AtomicBool,
    sent: Mutex<Vec<Envelope>>,
    failure: Mutex<Option<CommandError>>,
    codes: Mutex<Vec<schemas::commands::IssueCode>>,
}

impl TestBus {
    pub(super) fn sent(&self) -> Vec<Envelope> {
        self.sent.lock().clone()
    }

    pub(super) fn fail_next(&self, error: CommandError) {
        *self.failure.lock() = Some(error);
    }

    async fn put(&self, key: RowKey, value: Option<Bytes>) {
        let writes = vec![RowWrite { key, value, offset: 0 }];
        self.views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.unwrap();
    }

    async fn handle(&self, key: &str, account: AccountId, state: HandleState) -> Result<(), CommandError> {
        let rows = self.views.get(Version::Live, &[keys::handle(key)]).await.unwrap();
        if let Some(Some(bytes)) = rows.first()
            && codec::decode::<HandleRow>(bytes).unwrap().account != account
        {
            return Err(Rejection::HandleTaken.into());
        }
        self.put(keys::handle(key), Some(codec::encode(&HandleRow { account, claim: RelationId(1), state, due_ms: 0 }))).await;
        Ok(())
    }

    async fn token(&self, hash: &[u8], account: AccountId, app: AppId, scopes: Vec<String>) {
        self.put(keys::token(hash), Some(codec::encode(&TokenRow { account, app, scopes, created_ms: 0 }))).await;
    }

    async fn project(&self, command: &Command) -> Result<u64, CommandError> {
        match command.clone() {
            Command::RegisterApp(c) => {
                let row = AppRow {
                    secret_hash: c.secret_hash,
                    name: c.name,
                    website: c.website,
                    redirect_uris: c.redirect_uris,
                    scopes: c.scopes,
                    created_ms: 0,
                };
                self.put(keys::app(c.app), Some(codec::encode(&row))).await;
            }
            Command::ClaimHandle(c) => self.handle(&c.handle, c.account, HandleState::Claimed).await?,
            Command::ConfirmHandle(c) => self.handle(&c.handle, c.account, HandleState::Confirmed).await?,
            Command::RegisterAccount(c) => {
                self.handle(&c.handle.to_lowercase(), c.account, HandleState::Confirmed).await?;
                let row = AccountRow { handle: c.handle, profile: c.profile, created_ms: 0 };
                self.put(keys::account(c.account), Some(codec::encode(&row))).await;
                if let Some(c2) = c.credentials {
                    let row = CredentialRow { email: c2.email, password: c2.password, confirmed: c2.confirmed };
                    self.put(keys::credential(c.account), Some(codec::encode(&row))).await;
                }
            }
            Command::ConfirmCredentials(c) => {
                let row = CredentialRow { email: Bytes::new(), password: Bytes::new(), confirmed: true };
                self.put(keys::credential(c.account), Some(codec::encode(&row))).await;
            }
            Command::IssueCode(c) => {
                let row = AuthCodeRow { account: c.account, app: c.app, expires_ms: c.expires_ms };
                self.put(keys::auth_code(&c.code_hash), Some(codec::encode(&row))).await;
                self.codes.lock().push(c);
            }
            Command::RedeemCode(c) => {
                let good = self.codes.lock().iter().position(|code| {
                    (&code.code_hash, code.account, code.app, &code.redirect_uri, &code.challenge)
                        == (&c.code_hash, c.account, c.app, &c.redirect_uri, &c.challenge)
                });
                let code = good.map(|at| self.codes.lock().remove(at)).ok_or(Rejection::BadCode)?;
                self.put(keys::auth_code(&c.code_hash), None).await;
                self.token(&c.token_hash, c.account, c.app, code.scopes).await;
            }
            Command::IssueToken(c) => self.token(&c.token_hash, c.account, c.app, c.scopes).await,
            Command::RevokeToken(c) => self.put(keys::token(&c.token_hash), None).await,
            _ => {}
        }
        Ok(7)
    }
}

#[async_trait]
impl CommandBus for TestBus {
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError> {
        if let Some(error) = self.failure.lock().take() {
            return Err(error);
        }
        self.sent.lock().push(envelope.clone());
        let id = if self.behind.load(Ordering::Relaxed) { 7 } else { self.project(&envelope.command).await? };
        let mut receipt = Receipt { id, ..Receipt::default() };
        receipt.positions.add(Position { generation: 1, partition: PartitionId(0), offset: 0 });
        Ok(receipt)
    }
}

/// Sees the accounts of the views and one post, number 1, of somebody else; whatever was just written it shows by its id.
pub(super) struct TestReads {
    views: Arc<dyn ViewStore>,
    pub(super) late: AtomicBool,
}

impl TestReads {
    async fn answers(&self) -> Result<(), ReadError> {
        self.views.get(Version::Live, &[]).await.map(drop).map_err(|error| ReadError::Retryable(error.to_string()))
    }
}

#[async_trait]
impl ReadSide for TestReads {
    async fn wait(&self, _positions: &[Position], _patience: Duration) -> bool {
        !self.late.load(Ordering::Relaxed)
    }

    async fn visible_post(&self, _reader: Option<AccountId>, post: PostId) -> Result<Option<SeenPost>, ReadError> {
        let (author, visibility) = (AccountId(5), Visibility::Public);
        let row = StatusRow {
            author,
            visibility,
            reblog_of: None,
            content: ContentRow::default(),
            in_reply_to: None,
            app: AppId(0),
            created_ms: 0,
            edited_ms: 0,
            versions: 1,
        };
        Ok((post == PostId(1)).then_some(SeenPost { post, row, original: post, author, visibility }))
    }

    async fn resolve_handles(&self, handles: &[&str]) -> Result<Vec<Option<Mention>>, ReadError> {
        Ok(handles
            .iter()
            .map(|handle| (*handle == "bob").then(|| Mention { account: AccountId(6), handle: (*handle).to_owned() }))
            .collect())
    }

    async fn status_json(&self, _reader: AccountId, post: PostId, _with_source: bool) -> Result<Option<Bytes>, ReadError> {
        self.answers().await?;
        Ok(Some(format!(r#"{{"id":"{post}"}}"#).into()))
    }

    async fn account_json(&self, account: AccountId, _own: bool) -> Result<Option<Bytes>, ReadError> {
        self.answers().await?;
        Ok(Some(format!(r#"{{"id":"{account}","username":"ana","url":"http://localhost/@ana"}}"#).into()))
    }

    async fn relationship_json(&self, _reader: AccountId, other: AccountId) -> Result<Option<Bytes>, ReadError> {
        self.answers().await?;
        Ok(Some(format!(r#"{{"id":"{other}"}}"#).into()))
    }

    async fn follow_is_stale(&self, _reader: AccountId, _other: AccountId) -> Result<bool, ReadError> {
        Ok(false)
    }

    async fn markers_json(&self, _account: AccountId, timelines: &[&str]) -> Result<Bytes, ReadError> {
        self.answers().await?;
        Ok(serde_json::to_vec(timelines).unwrap().into())
    }
}
