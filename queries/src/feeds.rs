//! The public timeline and those of hashtags: walks along buckets of time, back to the oldest post and no further.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use schemas::rows::{EntryRow, PartBuilder, Table, entry_flags, keys};
use schemas::text::normalise_tag;
use schemas::visibility::Reader;
use schemas::{AccountId, PostId, UnixMillis};

use crate::error::QueryError;
use crate::paging::{Collected, Page, PageAsk};
use crate::side::{Known, QuerySide};
use crate::walk::Walk;

/// Hashtags of each kind that one request may combine: Mastodon's figure.
const TAGS_MAX: usize = 4;

/// Milliseconds by which ids may run ahead of the clock, or clocks differ.
const SKEW_MS: UnixMillis = 60_000;

/// What of the public timeline is wanted.
#[derive(Debug, Clone, Default)]
pub struct FeedFilter {
    /// Only posts of other servers: there are none.
    pub remote: bool,
    /// Only posts with media.
    pub only_media: bool,
}

/// Which hashtags are wanted beside the one of the path.
#[derive(Debug, Clone, Default)]
pub struct TagFilter {
    /// Or one of these.
    pub any: Vec<String>,
    /// And all of these.
    pub all: Vec<String>,
    /// And none of these.
    pub none: Vec<String>,
}

impl QuerySide {
    /// A page of the public timeline, as JSON: public posts, no reblogs, no answers to others.
    pub async fn public(&self, reader: Option<AccountId>, filter: &FeedFilter, ask: PageAsk) -> Result<Page<Bytes>, QueryError> {
        let reader = self.reader(reader).await?;
        if filter.remote {
            return Ok(Page::<Vec<Known>>::empty().with(|_| Bytes::from_static(b"[]")));
        }
        let mut walk = Walk::along_buckets(&self.rows, None, self.span().await?, ask);
        let mut page = Collected::new(ask);
        'page: while let Some(chunk) = walk.next::<EntryRow>().await? {
            for (id, entry) in chunk {
                if entry.flags & entry_flags::REPLY != 0 || filter.skips(&entry) {
                    continue;
                }
                if let Some(known) = self.shown_in_feed(reader.as_deref(), PostId(id)).await?
                    && !page.push(id, known)
                {
                    break 'page;
                }
            }
        }
        self.render_page(page.cut(walk.cut_at()).done(), reader.as_deref()).await
    }

    /// A page of a hashtag's timeline, as JSON.
    pub async fn tag_timeline(
        &self,
        reader: Option<AccountId>,
        tag: &str,
        tags: &TagFilter,
        filter: &FeedFilter,
        ask: PageAsk,
    ) -> Result<Page<Bytes>, QueryError> {
        let reader = self.reader(reader).await?;
        let mut found: Vec<(u64, Known)> = Vec::new();
        let mut cut_at: Option<u64> = None;
        let mut any = normalised(&tags.any);
        any.insert(0, normalise_tag(tag));
        any.sort_unstable();
        any.dedup();
        for tag in any.iter().filter(|_| !filter.remote) {
            let (items, cut) = self.one_tag(reader.as_deref(), tag, tags, filter, ask).await?;
            found.extend(items);
            cut_at = if ask.ascending() { cut_at.into_iter().chain(cut).min() } else { cut_at.max(cut) };
        }
        found.sort_unstable_by_key(|(id, _)| if ask.ascending() { *id } else { u64::MAX - *id });
        found.dedup_by_key(|(id, _)| *id);
        // Where one tag's walk was cut, the others are good up to there only.
        found.retain(|(id, _)| cut_at.is_none_or(|cut| if ask.ascending() { *id <= cut } else { *id >= cut }));
        let mut page = Collected::new(ask);
        for (id, known) in found {
            page.push(id, known);
        }
        self.render_page(page.cut(cut_at).done(), reader.as_deref()).await
    }

    /// One page (and one more) of a tag, and where its walk was cut.
    async fn one_tag(
        &self,
        reader: Option<&Reader>,
        tag: &str,
        tags: &TagFilter,
        filter: &FeedFilter,
        ask: PageAsk,
    ) -> Result<(Vec<(u64, Known)>, Option<u64>), QueryError> {
        let (all, none) = (normalised(&tags.all), normalised(&tags.none));
        let mut walk = Walk::along_buckets(&self.rows, Some(tag), self.span().await?, ask);
        let mut found = Vec::new();
        while let Some(chunk) = walk.next::<EntryRow>().await? {
            for (id, entry) in chunk {
                if filter.skips(&entry) {
                    continue;
                }
                let Some(known) = self.shown_in_feed(reader, PostId(id)).await? else { continue };
                let has = |tag: &String| known.post.tags.contains(tag);
                if all.iter().all(has) && !none.iter().any(has) {
                    found.push((id, known));
                }
                if found.len() > ask.limit {
                    return Ok((found, None));
                }
            }
        }
        Ok((found, walk.cut_at()))
    }

    async fn shown_in_feed(&self, reader: Option<&Reader>, id: PostId) -> Result<Option<Known>, QueryError> {
        Ok(self.known(id).await?.filter(|known| known.shown_in_feeds(reader, self.now())))
    }

    pub(crate) async fn render_page(&self, page: Page<Vec<Known>>, reader: Option<&Reader>) -> Result<Page<Bytes>, QueryError> {
        let links = page.links;
        Ok(Page { items: self.render_statuses(page.items, reader).await?, links })
    }

    /// When the oldest and the newest posts can have been published: nobody posted before the oldest account was there.
    async fn span(&self) -> Result<(UnixMillis, UnixMillis), QueryError> {
        let newest = self.now() + SKEW_MS;
        let known = self.oldest_ms.load(Ordering::Relaxed);
        if known > 0 {
            return Ok((known, newest));
        }
        let mut oldest: Option<UnixMillis> = None;
        for partition in 0..self.settings.partitions {
            let pk = PartBuilder::default().u16(partition).done();
            let first = self.rows.after::<()>(Table::Directory, pk, None, 1).await?;
            let ms = first.first().and_then(|(sk, ())| keys::id_of(sk)).map(|id| AccountId(id).snowflake().ms());
            oldest = oldest.into_iter().chain(ms).min();
        }
        match oldest.map(|ms| ms.saturating_sub(SKEW_MS)) {
            Some(oldest) => {
                self.oldest_ms.store(oldest.max(1), Ordering::Relaxed);
                Ok((oldest, newest))
            }
            None => Ok((newest, newest)),
        }
    }
}

impl FeedFilter {
    fn skips(&self, entry: &EntryRow) -> bool {
        self.only_media && entry.flags & entry_flags::MEDIA == 0
    }
}

fn normalised(tags: &[String]) -> Vec<String> {
    tags.iter().take(TAGS_MAX).map(|tag| normalise_tag(tag.trim_start_matches('#'))).filter(|tag| !tag.is_empty()).collect()
}
