//! What the edge holds: settings, keys, limits, and exact caches of tokens and applications.

use std::sync::Arc;
use std::time::Duration;

use schemas::log::PositionToken;
use schemas::rows::{AppRow, CredentialRow, RowKey, TokenRow, codec, keys};
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
/// Accounts of which it is held whether they may act.
const ACCOUNTS_MAX: u64 = 100_000;

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
}

impl Edge {
    /// An edge with empty caches. `stamps` are those of `views`.
    pub fn new(views: Arc<dyn ViewStore>, stamps: Arc<Stamps>, progress: Arc<Progress>, keys: InstanceKeys, settings: Settings) -> Self {
        Self {
            limits: RateLimits::new(settings.rate_limits),
            tokens: StampedCache::new("tokens", stamps.clone(), TOKENS_MAX, |_, _| 1),
            apps: StampedCache::new("apps", stamps.clone(), APPS_MAX, |_, _| 1),
            confirmed: StampedCache::new("confirmed", stamps, ACCOUNTS_MAX, |_, _| 1),
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

    /// The token with that SHA-256, unless it is unknown or revoked.
    pub async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, ViewError> {
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

    /// A live row.
    pub async fn row<T: DeserializeOwned>(&self, key: RowKey) -> Result<Option<T>, ViewError> {
        let rows = self.views.get(Version::Live, &[key]).await?;
        let bytes = rows.into_iter().next().flatten();
        bytes.map(|bytes| codec::decode(&bytes)).transpose().map_err(|error| ViewError::Fatal(error.to_string()))
    }

    /// Waits, within patience, until the views have passed the positions of a token's text; false if they have not, or it is none of ours.
    pub async fn reached(&self, token: &str) -> bool {
        match PositionToken::decode(token, self.keys.position()) {
            Ok(token) => self.progress.wait(&token.0, self.settings.patience).await,
            Err(_) => false,
        }
    }
}
