//! Accounts by id and by name.

use bytes::Bytes;
use schemas::AccountId;
use schemas::api::entities::{AccountParts, CredentialAccount};
use schemas::events::Mention;
use schemas::handles::normalise;
use schemas::rows::{HandleRow, HandleState, keys};
use serde_json::json as value;

use crate::error::QueryError;
use crate::side::QuerySide;
use crate::{json, render};

/// Accounts that one request may ask for.
pub(crate) const ACCOUNTS_MAX: usize = 40;

impl QuerySide {
    /// The account, as JSON, if it exists; `own` gives the CredentialAccount with its source.
    pub async fn account_entity(&self, id: AccountId, own: bool) -> Result<Option<Bytes>, QueryError> {
        let Some(account) = self.caches.account(id).await? else { return Ok(None) };
        if !own {
            return Ok(Some(account.json.clone()));
        }
        let parts = AccountParts { id, row: &account.row, stats: &account.stats };
        Ok(Some(json(&CredentialAccount::new(parts, &self.settings.urls))))
    }

    /// Those of the accounts that exist, in the order asked for, as JSON.
    pub async fn accounts_many(&self, ids: &[AccountId]) -> Result<Bytes, QueryError> {
        Ok(render::accounts(&self.accounts_of(ids.iter().copied().take(ACCOUNTS_MAX)).await?))
    }

    /// The account that goes by an address (`handle`, `@handle`, or with this server's name behind it), if there is one.
    pub async fn lookup(&self, acct: &str) -> Result<Option<AccountId>, QueryError> {
        let Some(handle) = self.local_part(acct) else { return Ok(None) };
        Ok(self.by_handles(&[handle]).await?.pop().flatten().map(|mention| mention.account))
    }

    /// The handle of an address of this server.
    pub(crate) fn local_part<'a>(&self, acct: &'a str) -> Option<&'a str> {
        let acct = acct.trim().trim_start_matches('@');
        let (handle, domain) = acct.split_once('@').unwrap_or((acct, ""));
        (domain.is_empty() || domain.eq_ignore_ascii_case(self.settings.urls.host())).then_some(handle)
    }

    /// The accounts that go by the handles, in order, each with its handle as shown.
    pub(crate) async fn by_handles(&self, handles: &[&str]) -> Result<Vec<Option<Mention>>, QueryError> {
        let row_keys: Vec<_> = handles.iter().map(|handle| keys::handle(&normalise(handle))).collect();
        let mut found = Vec::with_capacity(handles.len());
        for row in self.rows.many::<HandleRow>(&row_keys).await? {
            found.push(match row.filter(|row| row.state == HandleState::Confirmed) {
                Some(row) => {
                    let account = self.caches.account(row.account).await?;
                    account.map(|account| Mention { account: row.account, handle: account.row.handle.clone() })
                }
                None => None,
            });
        }
        Ok(found)
    }

    /// The reader's preferences, as JSON.
    pub async fn preferences(&self, reader: AccountId) -> Result<Option<Bytes>, QueryError> {
        let Some(account) = self.caches.account(reader).await? else { return Ok(None) };
        let profile = &account.row.profile;
        Ok(Some(json(&value!({
            "posting:default:visibility": profile.default_visibility.name(),
            "posting:default:sensitive": profile.default_sensitive,
            "posting:default:language": profile.default_language,
            "reading:expand:media": "default",
            "reading:expand:spoilers": false,
            "reading:autoplay:gifs": false,
        }))))
    }
}
