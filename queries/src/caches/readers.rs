//! Readers: whom each follows, blocks and mutes, and who blocks it.

use infra::cache::Kept;
use schemas::AccountId;
use schemas::rows::{FolloweeRow, KeyPart, MuteRow, RelationRow, Table, keys};
use schemas::visibility::{FollowOptions, Reader};

use super::{Caches, weight};
use crate::error::QueryError;

const OVERHEAD_BYTES: usize = 256;
const RELATION_BYTES: usize = 72;

pub(super) fn weigh(reader: &Reader) -> u32 {
    let relations = reader.followees.len() + reader.blocks.len() + reader.blocked_by.len() + reader.mutes.len();
    weight(OVERHEAD_BYTES + relations * RELATION_BYTES)
}

impl Caches {
    /// The reader, as its own rows describe it.
    pub(crate) async fn reader(&self, account: AccountId) -> Result<Kept<Reader>, QueryError> {
        if let Some(held) = self.readers.get(&account) {
            return Ok(held);
        }
        let pk = keys::id(account.0);
        let deps = [Table::Followee, Table::Block, Table::BlockedBy, Table::Mute].map(|table| (table, pk.clone()));
        self.readers.get_or_load(&account, &deps, self.load_reader(account, pk)).await
    }

    async fn load_reader(&self, account: AccountId, pk: KeyPart) -> Result<Reader, QueryError> {
        let mut reader = Reader { account, ..Reader::default() };
        for (sk, follow) in self.rows.all::<FolloweeRow>(Table::Followee, pk.clone()).await? {
            if let Some(id) = keys::id_of(&sk).filter(|_| follow.confirmed) {
                let options = FollowOptions { reblogs: follow.reblogs, languages: follow.languages };
                reader.followees.insert(AccountId(id), options);
            }
        }
        reader.blocks = self.rows.all::<RelationRow>(Table::Block, pk.clone()).await?.iter().filter_map(peer).collect();
        reader.blocked_by = self.rows.all::<RelationRow>(Table::BlockedBy, pk.clone()).await?.iter().filter_map(peer).collect();
        for (sk, mute) in self.rows.all::<MuteRow>(Table::Mute, pk).await? {
            if let Some(id) = keys::id_of(&sk) {
                reader.mutes.insert(AccountId(id), mute.expires_ms);
            }
        }
        Ok(reader)
    }
}

fn peer((sk, _): &(KeyPart, RelationRow)) -> Option<AccountId> {
    keys::id_of(sk).map(AccountId)
}
