//! The posts of one account, with every filter that a profile page has.

use bytes::Bytes;
use schemas::rows::{EntryRow, PostRow, Table, entry_flags, keys};
use schemas::text::normalise_tag;
use schemas::visibility::Reader;
use schemas::{AccountId, PostId};

use crate::error::QueryError;
use crate::paging::{Collected, Page, PageAsk};
use crate::side::{Known, QuerySide};
use crate::walk::Walk;

/// Which of an account's posts are wanted.
#[derive(Debug, Clone, Default)]
pub struct ProfileFilter {
    /// No answers to others; answers to itself stay.
    pub exclude_replies: bool,
    /// No reblogs.
    pub exclude_reblogs: bool,
    /// Only what is pinned, newest pin first.
    pub pinned: bool,
    /// Only posts with media.
    pub only_media: bool,
    /// Only posts with this hashtag.
    pub tagged: Option<String>,
}

impl QuerySide {
    /// A page of an account's posts, as JSON; nothing if there is no such account.
    pub async fn account_statuses(
        &self,
        reader: Option<AccountId>,
        author: AccountId,
        filter: &ProfileFilter,
        ask: PageAsk,
    ) -> Result<Option<Page<Bytes>>, QueryError> {
        if self.caches.account(author).await?.is_none() {
            return Ok(None);
        }
        let reader = self.reader(reader).await?;
        let page = match filter.pinned {
            true => self.pinned(reader.as_deref(), author, ask).await?,
            false => self.posts_of(reader.as_deref(), author, filter, ask).await?,
        };
        Ok(Some(self.render_page(page, reader.as_deref()).await?))
    }

    async fn posts_of(
        &self,
        reader: Option<&Reader>,
        author: AccountId,
        filter: &ProfileFilter,
        ask: PageAsk,
    ) -> Result<Page<Vec<Known>>, QueryError> {
        let tag = filter.tagged.as_deref().map(|tag| normalise_tag(tag.trim_start_matches('#')));
        let mut walk = Walk::along(&self.rows, Table::AuthorList, keys::id(author.0), ask);
        let mut page = Collected::new(ask);
        'page: while let Some(chunk) = walk.next::<EntryRow>().await? {
            for (id, entry) in chunk {
                if filter.skips(&entry) {
                    continue;
                }
                let Some(known) = self.shown_on_profile(reader, PostId(id)).await? else { continue };
                if tag.as_ref().is_none_or(|tag| known.post.tags.contains(tag)) && !page.push(id, known) {
                    break 'page;
                }
            }
        }
        Ok(page.cut(walk.cut_at()).done())
    }

    /// A profile shows all that may be seen, also to those who mute its owner; but no reblogs of somebody avoided.
    async fn shown_on_profile(&self, reader: Option<&Reader>, id: PostId) -> Result<Option<Known>, QueryError> {
        let Some(known) = self.seen(reader, id).await? else { return Ok(None) };
        let avoided = match (reader, &known.original) {
            (Some(reader), Some((_, original))) => reader.avoids(original.facts.author, self.now()),
            _ => false,
        };
        Ok((!avoided).then_some(known))
    }

    async fn pinned(&self, reader: Option<&Reader>, author: AccountId, ask: PageAsk) -> Result<Page<Vec<Known>>, QueryError> {
        let mut walk = Walk::along(&self.rows, Table::PinList, keys::id(author.0), ask);
        let mut page = Collected::new(ask);
        'page: while let Some(chunk) = walk.next::<PostRow>().await? {
            for (relation, listed) in chunk {
                if let Some(known) = self.seen(reader, listed.post).await?
                    && !page.push(relation, known)
                {
                    break 'page;
                }
            }
        }
        Ok(page.done())
    }
}

impl ProfileFilter {
    fn skips(&self, entry: &EntryRow) -> bool {
        let has = |flag: u32| entry.flags & flag != 0;
        self.exclude_replies && has(entry_flags::REPLY)
            || self.exclude_reblogs && has(entry_flags::REBLOG)
            || self.only_media && !has(entry_flags::MEDIA)
            || self.tagged.is_some() && has(entry_flags::REBLOG)
    }
}
