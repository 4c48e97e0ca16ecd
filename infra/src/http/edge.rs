//! What the edge holds: settings, keys, limits, and exact caches of tokens and applications.

use std::sync::Arc;
use std::time::Duration;

use schemas::events::{Profile, Visibility};
use schemas::log::PositionToken;
use schemas::rows::{AccountRow, AppRow, CredentialRow, RowKey, TokenRow, codec, keys};
use schemas::{AccountId, AppId, UnixMillis};
use serde::de::DeserializeOwned;

use super::client::{BadNetwork, Network};
use super::limits::RateLimits;
use crate::cache::{StampedCache, Stamps};
use crate::clock;
use crate::config::{Config, SignUps};
use crate::keys::InstanceKeys;
use crate::progress::Progress;
use crate::views::{Version, ViewError, ViewStore};

/// Tokens held: a token row takes some 200 bytes.
const TOKENS_MAX: u64 = 100_000;
/// Applications held.
const APPS_MAX: u64 = 10_000;
/// Accounts of which it is held whether they may act, and those of which their habits are held.
const ACCOUNTS_MAX: u64 = 100_000;
/// For how long of the view store's absence a token is trusted that was read before. The end of a token is told to all processes at once; this
/// bounds what it comes to where the process that was to tell it died.
pub const TRUST_AWAY_MAX: Duration = Duration::from_secs(600);

/// What an operator decides of the edge.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients reach us, without a slash at the end; nothing: as each request says.
    pub public_url: Option<String>,
    /// The server's name.
    pub title: String,
    /// Whether anyone may sign up.
    pub sign_ups_open: bool,
    /// Whether a new account must confirm its e-mail address before it may act.
    pub confirmation: bool,
    /// Whether passwords may be traded for tokens.
    pub password_grant: bool,
    /// Whether requests are limited.
    pub rate_limits: bool,
    /// Proxies whose headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// How long writes wait for the views, and reads for a position.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            title: "Roost".to_owned(),
            sign_ups_open: true,
            confirmation: false,
            password_grant: false,
            rate_limits: true,
            trusted_proxies: Vec::new(),
            patience: Duration::from_secs(1),
        }
    }
}

impl Settings {
    /// The settings that a configuration holds.
    pub fn of(config: &Config) -> Result<Self, BadNetwork> {
        Ok(Self {
            public_url: Some(config.public_url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty()),
            title: config.title.clone(),
            sign_ups_open: config.sign_ups == SignUps::Open,
            confirmation: config.email_confirmation.is_on(),
            password_grant: config.password_grant.is_on(),
            rate_limits: config.rate_limits.is_on(),
            trusted_proxies: config.trusted_proxies.0.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            patience: Duration::from_millis(config.wait_ms),
        })
    }
}

/// What an account's own writes start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Whether it answers follow requests one by one.
    pub locked: bool,
    /// Who sees a post that does not say so.
    pub visibility: Visibility,
    /// Whether such a post is marked as sensitive.
    pub sensitive: bool,
    /// The language of such a post.
    pub language: Option<String>,
}

impl From<AccountRow> for Habits {
    fn from(row: AccountRow) -> Self {
        let Profile { locked, default_visibility: visibility, default_sensitive: sensitive, default_language: language, .. } = row.profile;
        Self { locked, visibility, sensitive, language }
    }
}

/// The edge of a process.
pub struct Edge {
    /// The view store.
    pub views: Arc<dyn ViewStore>,
    /// How far the live views have come.
    pub progress: Arc<Progress>,
    /// The instance's keys.
    pub keys: InstanceKeys,
    /// What the operator decided.
    pub settings: Settings,
    /// The counts of calls.
    pub limits: RateLimits,
    tokens: StampedCache<[u8; 32], Option<TokenRow>>,
    apps: StampedCache<AppId, Option<AppRow>>,
    confirmed: StampedCache<AccountId, bool>,
    habits: StampedCache<AccountId, Option<Habits>>,
    stamps: Arc<Stamps>,
}

impl Edge {
    /// An edge with empty caches. `stamps` are those of `views`.
    pub fn new(views: Arc<dyn ViewStore>, stamps: Arc<Stamps>, progress: Arc<Progress>, keys: InstanceKeys, settings: Settings) -> Self {
        Self {
            limits: RateLimits::new(settings.rate_limits),
            tokens: StampedCache::new("tokens", stamps.clone(), TOKENS_MAX, |_, _| 1),
            apps: StampedCache::new("apps", stamps.clone(), APPS_MAX, |_, _| 1),
            confirmed: StampedCache::new("confirmed", stamps.clone(), ACCOUNTS_MAX, |_, _| 1),
            habits: StampedCache::new("habits", stamps.clone(), ACCOUNTS_MAX, |_, _| 1),
            stamps,
            views,
            progress,
            keys,
            settings,
        }
    }

    /// The time, milliseconds since 1970.
    pub fn now_ms() -> UnixMillis {
        clock::now_ms()
    }

    /// The token with that SHA-256, unless it is unknown or revoked. While the view store is away, one that was read before is good as long as
    /// nobody told that it changes, for [`TRUST_AWAY_MAX`] at the most.
    pub async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, ViewError> {
        if self.views.away().is_some_and(|away| away > TRUST_AWAY_MAX) {
            return Err(ViewError::Retryable("it has been away for too long to trust a token".to_owned()));
        }
        let key = keys::token(hash);
        let deps = [(key.table, key.pk.clone())];
        let row = self.tokens.get_or_load(hash, &deps, self.row::<TokenRow>(key)).await?;
        Ok((*row).clone())
    }

    /// The application.
    pub async fn app(&self, app: AppId) -> Result<Option<AppRow>, ViewError> {
        let key = keys::app(app);
        let deps = [(key.table, key.pk.clone())];
        let row = self.apps.get_or_load(&app, &deps, self.row::<AppRow>(key)).await?;
        Ok((*row).clone())
    }

    /// Whether the account may act: where confirmation is asked for, its address is confirmed (or it has none: operators' accounts).
    pub async fn may_act(&self, account: AccountId) -> Result<bool, ViewError> {
        if !self.settings.confirmation {
            return Ok(true);
        }
        let key = keys::credential(account);
        let deps = [(key.table, key.pk.clone())];
        let load = async { Ok::<_, ViewError>(self.row::<CredentialRow>(key).await?.is_none_or(|row| row.confirmed)) };
        Ok(*self.confirmed.get_or_load(&account, &deps, load).await?)
    }

    /// The habits of an account, if it exists.
    pub async fn habits(&self, account: AccountId) -> Result<Option<Habits>, ViewError> {
        let key = keys::account(account);
        let deps = [(key.table, key.pk.clone())];
        let load = async { Ok::<_, ViewError>(self.row::<AccountRow>(key).await?.map(Habits::from)) };
        Ok((*self.habits.get_or_load(&account, &deps, load).await?).clone())
    }

    /// Says that a row is about to change by what was just acknowledged: what any process keeps of it is not trusted from now on, though the
    /// views may take their time.
    pub fn distrust(&self, key: &RowKey) {
        self.stamps.distrust(key);
    }

    /// How long to wait for the views: not at all while their store is away.
    pub fn patience(&self) -> Duration {
        if self.views.away().is_some() { Duration::ZERO } else { self.settings.patience }
    }

    /// A live row.
    pub async fn row<T: DeserializeOwned>(&self, key: RowKey) -> Result<Option<T>, ViewError> {
        let rows = self.views.get(Version::Live, &[key]).await?;
        let bytes = rows.into_iter().next().flatten();
        bytes.map(|bytes| codec::decode(&bytes)).transpose().map_err(|error| ViewError::Fatal(error.to_string()))
    }

    /// Waits, within patience, until the views have passed the positions of a token's text; false if they have not, or it is none of ours.
    pub async fn reached(&self, token: &str) -> bool {
        match PositionToken::decode(token, self.keys.position()) {
            Ok(token) => self.progress.wait(&token.0, self.patience()).await,
            Err(_) => false,
        }
    }
}
