//! Lists of accounts: followers, followees, requests, blocks, mutes, and who favourited or reblogged a post.

use bytes::Bytes;
use schemas::api::entities::timestamp;
use schemas::rows::{AuthorRow, KeyPart, MuteRow, PeerRow, Table, keys};
use schemas::visibility::Reader;
use schemas::{AccountId, PostId};

use crate::caches::{CachedAccount, Held};
use crate::error::QueryError;
use crate::paging::{Collected, Page, PageAsk};
use crate::render;
use crate::side::QuerySide;
use crate::walk::Walk;

/// Accounts with their ids.
type People = Vec<(AccountId, Held<CachedAccount>)>;

impl QuerySide {
    /// A page of an account's followers, as JSON; nothing if there is no such account.
    pub async fn followers(&self, reader: Option<AccountId>, of: AccountId, ask: PageAsk) -> Result<Option<Page<Bytes>>, QueryError> {
        self.follows(Table::FollowerList, reader, of, ask).await
    }

    /// A page of those whom an account follows, as JSON; nothing if there is no such account.
    pub async fn following(&self, reader: Option<AccountId>, of: AccountId, ask: PageAsk) -> Result<Option<Page<Bytes>>, QueryError> {
        self.follows(Table::FolloweeList, reader, of, ask).await
    }

    /// Hidden from those whom the account blocks, and from others if it says so.
    async fn follows(
        &self,
        list: Table,
        reader: Option<AccountId>,
        of: AccountId,
        ask: PageAsk,
    ) -> Result<Option<Page<Bytes>>, QueryError> {
        let Some(account) = self.caches.account(of).await? else { return Ok(None) };
        let reader = self.reader(reader).await?;
        let own = reader.as_ref().is_some_and(|reader| reader.account == of);
        let blocked = reader.as_ref().is_some_and(|reader| reader.blocked_by.contains(&of));
        if blocked || (account.row.profile.hide_collections && !own) {
            return Ok(Some(Page::<People>::empty().with(render_people)));
        }
        let page = self.peers(list, keys::id(of.0), reader.as_deref().filter(|_| !own), ask).await?;
        Ok(Some(page.with(render_people)))
    }

    /// A page of those who ask to follow the reader, as JSON.
    pub async fn follow_requests(&self, reader: AccountId, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        Ok(self.peers(Table::RequestList, keys::id(reader.0), None, ask).await?.with(render_people))
    }

    /// A page of those whom the reader blocks, as JSON.
    pub async fn blocks(&self, reader: AccountId, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        Ok(self.peers(Table::BlockList, keys::id(reader.0), None, ask).await?.with(render_people))
    }

    /// A page of those whom the reader mutes, each with the end of its mute, as JSON.
    pub async fn mutes(&self, reader: AccountId, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        let mut walk = Walk::along(&self.rows, Table::MuteList, keys::id(reader.0), ask);
        let mut page = Collected::new(ask);
        let now = self.now();
        'page: while let Some(chunk) = walk.next::<PeerRow>().await? {
            let mute_keys: Vec<_> = chunk.iter().map(|(_, peer)| keys::mute(reader, peer.account)).collect();
            let mutes = self.rows.many::<MuteRow>(&mute_keys).await?;
            for ((relation, peer), mute) in chunk.into_iter().zip(mutes) {
                let Some(mute) = mute.filter(|mute| mute.expires_ms == 0 || mute.expires_ms > now) else { continue };
                let Some(account) = self.caches.account(peer.account).await? else { continue };
                if !page.push(relation, (account, mute.expires_ms)) {
                    break 'page;
                }
            }
        }
        Ok(page.cut(walk.cut_at()).done().with(|muted| render_muted(&muted)))
    }

    /// A page of those who favourited a post, as JSON; nothing if the reader may not see the post.
    pub async fn favourited_by(&self, reader: Option<AccountId>, post: PostId, ask: PageAsk) -> Result<Option<Page<Bytes>>, QueryError> {
        self.who(Table::FavouritedBy, reader, post, ask).await
    }

    /// A page of those who reblogged a post, as JSON; nothing if the reader may not see the post.
    pub async fn reblogged_by(&self, reader: Option<AccountId>, post: PostId, ask: PageAsk) -> Result<Option<Page<Bytes>>, QueryError> {
        self.who(Table::RebloggedBy, reader, post, ask).await
    }

    async fn who(&self, list: Table, reader: Option<AccountId>, post: PostId, ask: PageAsk) -> Result<Option<Page<Bytes>>, QueryError> {
        let reader = self.reader(reader).await?;
        let Some(known) = self.seen(reader.as_deref(), post).await? else { return Ok(None) };
        let acted_on = known.original.as_ref().map_or(post, |(id, _)| *id);
        let mut walk = Walk::along(&self.rows, list, keys::id(acted_on.0), ask);
        let mut page = Collected::new(ask);
        'page: while let Some(chunk) = walk.next::<AuthorRow>().await? {
            for (cursor, row) in chunk {
                if let Some(account) = self.unless_avoided(reader.as_deref(), row.author).await?
                    && !page.push(cursor, (row.author, account))
                {
                    break 'page;
                }
            }
        }
        Ok(Some(page.cut(walk.cut_at()).done().with(render_people)))
    }

    /// A page of the other sides of relations; cursors are relation ids.
    async fn peers(&self, list: Table, pk: KeyPart, reader: Option<&Reader>, ask: PageAsk) -> Result<Page<People>, QueryError> {
        let mut walk = Walk::along(&self.rows, list, pk, ask);
        let mut page = Collected::new(ask);
        'page: while let Some(chunk) = walk.next::<PeerRow>().await? {
            for (relation, peer) in chunk {
                if let Some(account) = self.unless_avoided(reader, peer.account).await?
                    && !page.push(relation, (peer.account, account))
                {
                    break 'page;
                }
            }
        }
        Ok(page.cut(walk.cut_at()).done())
    }

    /// The account, unless the reader avoids it or is blocked by it.
    async fn unless_avoided(&self, reader: Option<&Reader>, id: AccountId) -> Result<Option<Held<CachedAccount>>, QueryError> {
        let avoided = reader.is_some_and(|reader| reader.avoids(id, self.now()) || reader.blocked_by.contains(&id));
        if avoided { Ok(None) } else { self.caches.account(id).await }
    }
}

fn render_people(people: People) -> Bytes {
    let accounts: Vec<_> = people.into_iter().map(|(_, account)| account).collect();
    render::accounts(&accounts)
}

fn render_muted(muted: &[(Held<CachedAccount>, u64)]) -> Bytes {
    let mut out = vec![b'['];
    for (at, (account, expires_ms)) in muted.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(account.json.strip_suffix(b"}").unwrap_or(&account.json));
        match expires_ms {
            0 => out.extend_from_slice(b",\"mute_expires_at\":null}"),
            ms => out.extend_from_slice(format!(",\"mute_expires_at\":\"{}\"}}", timestamp(*ms)).as_bytes()),
        }
    }
    out.push(b']');
    out.into()
}
