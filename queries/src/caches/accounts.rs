//! Accounts, serialised once.

use bytes::Bytes;
use infra::cache::Kept;
use schemas::AccountId;
use schemas::api::entities::{Account, AccountParts, Urls};
use schemas::rows::{AccountRow, AccountStatsRow, Table, keys};

use super::{Caches, Held, weight};
use crate::error::QueryError;

/// An account as it is kept.
#[derive(Debug)]
pub(crate) struct CachedAccount {
    pub(crate) row: AccountRow,
    pub(crate) stats: AccountStatsRow,
    /// The entity.
    pub(crate) json: Bytes,
    /// `,"uri":"…/statuses/`: a post's id follows.
    pub(crate) post_uri: Bytes,
    /// `","url":"…/@handle/`: a post's id follows.
    pub(crate) post_url: Bytes,
}

const OVERHEAD_BYTES: usize = 640;

pub(super) fn weigh(account: Option<&CachedAccount>) -> u32 {
    weight(OVERHEAD_BYTES + account.map_or(0, |account| account.json.len() * 2))
}

impl CachedAccount {
    fn new(id: AccountId, row: AccountRow, stats: AccountStatsRow, urls: &Urls) -> Self {
        let entity = Account::new(AccountParts { id, row: &row, stats: &stats }, urls);
        let json = serde_json::to_vec(&entity).expect("an entity is plain data: writing it to memory cannot fail");
        // Handles are ASCII letters, digits and underscores; the public URL is the operator's: neither needs escaping.
        let post_uri = format!(",\"uri\":\"{}/statuses/", urls.account_uri(&row.handle));
        let post_url = format!("\",\"url\":\"{}/", urls.account(&row.handle));
        Self { row, stats, json: json.into(), post_uri: post_uri.into(), post_url: post_url.into() }
    }
}

impl Caches {
    /// The account, if it exists.
    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Held<CachedAccount>>, QueryError> {
        Ok(Held::of(self.account_or_none(id).await?))
    }

    /// The account, or that there is none.
    pub(super) async fn account_or_none(&self, id: AccountId) -> Result<Kept<Option<CachedAccount>>, QueryError> {
        if let Some(held) = self.accounts.get(&id) {
            return Ok(held);
        }
        let pk = keys::account(id).pk;
        let deps = [(Table::Account, pk.clone()), (Table::AccountStats, pk)];
        self.accounts.get_or_load(&id, &deps, self.load_account(id)).await
    }

    async fn load_account(&self, id: AccountId) -> Result<Option<CachedAccount>, QueryError> {
        let Some(row) = self.rows.one::<AccountRow>(keys::account(id)).await? else { return Ok(None) };
        let stats = self.rows.one::<AccountStatsRow>(keys::account_stats(id)).await?.unwrap_or_default();
        Ok(Some(CachedAccount::new(id, row, stats, &self.settings.urls)))
    }
}
