//! What an account keeps: its favourites and bookmarks, in the order of keeping.

use bytes::Bytes;
use schemas::AccountId;
use schemas::rows::{PostRow, Table, keys};

use crate::error::QueryError;
use crate::paging::{Collected, Page, PageAsk};
use crate::side::QuerySide;
use crate::walk::Walk;

impl QuerySide {
    /// A page of the posts that the reader favourited, as JSON.
    pub async fn favourites(&self, reader: AccountId, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        self.kept(Table::FavouriteList, reader, ask).await
    }

    /// A page of the posts that the reader bookmarked, as JSON.
    pub async fn bookmarks(&self, reader: AccountId, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        self.kept(Table::BookmarkList, reader, ask).await
    }

    /// Those that may (still) be seen; cursors are relation ids.
    async fn kept(&self, list: Table, reader: AccountId, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        let reader = self.caches.reader(reader).await?;
        let mut walk = Walk::along(&self.rows, list, keys::id(reader.account.0), ask);
        let mut page = Collected::new(ask);
        'page: while let Some(chunk) = walk.next::<PostRow>().await? {
            for (relation, kept) in chunk {
                if let Some(known) = self.seen(Some(&reader), kept.post).await?
                    && !page.push(relation, known)
                {
                    break 'page;
                }
            }
        }
        self.render_page(page.cut(walk.cut_at()).done(), Some(&reader)).await
    }
}
