//! Posts printed whole: a home page copies or hands out one run of bytes per post, whoever posted and whatever it wraps.
//!
//! A printed post is made of what the other caches keep (bodies, accounts), and rests on all their stamps. It carries the flags of a reader
//! who did nothing with it; where they stand is remembered, for those who did.

use std::ops::Range;

use bytes::Bytes;
use infra::cache::{Kept, Taken};
use schemas::visibility::{PostFacts, Reader, shown_in_home};
use schemas::{PostId, UnixMillis};

use super::{CachedAccount, CachedPost, Caches, Held, Mark, weight};
use crate::error::QueryError;
use crate::render::{self, Whole};

/// A post as home pages show it.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) id: PostId,
    pub(crate) facts: PostFacts,
    /// What a reblog wraps, if that still exists.
    pub(crate) original: Option<(PostId, PostFacts)>,
    /// Nothing where one of its accounts is not known (any more).
    pub(crate) entity: Option<Entity>,
}

/// The bytes of a post's entity.
#[derive(Debug)]
pub(crate) struct Entity {
    /// A comma, so that pages are runs of these, and the object.
    pub(crate) json: Bytes,
    /// The reader's flags of the post, within `json`.
    pub(crate) flags: Range<usize>,
    /// Those of the post that a reblog wraps.
    pub(crate) original_flags: Option<Range<usize>>,
}

/// What an entry costs beside its bytes: facts, keys, stamps, the cache's own nodes.
const OVERHEAD_BYTES: usize = 640;

pub(super) fn weigh(printed: Option<&Printed>) -> u32 {
    weight(OVERHEAD_BYTES + printed.and_then(|printed| printed.entity.as_ref()).map_or(0, |entity| entity.json.len()))
}

impl Printed {
    /// The post that actions act on and marks stand at: the original of a reblog, else the post itself.
    pub(crate) fn acted_on(&self) -> PostId {
        self.original.as_ref().map_or(self.id, |(id, _)| *id)
    }

    pub(crate) fn shown_in_home(&self, reader: &Reader, now: UnixMillis) -> bool {
        shown_in_home(reader, &self.facts, self.original.as_ref().map(|(_, facts)| facts), now)
    }

    /// Whether the reader's flags are those that were printed.
    pub(crate) fn plain_to(&self, mark: Mark, reader: &Reader) -> bool {
        let own = self.original.as_ref().map_or(self.facts.author, |(_, original)| original.author) == reader.account;
        mark == Mark::default() && !own
    }
}

impl Caches {
    /// The post printed, or that there is none.
    pub(crate) async fn printed(&self, id: PostId) -> Result<Kept<Option<Printed>>, QueryError> {
        if let Some(held) = self.printed.get(&id) {
            return Ok(held);
        }
        let mut taken = Taken::default();
        let printed = self.print(id, &mut taken).await?;
        Ok(self.printed.insert(id, taken, printed))
    }

    async fn print(&self, id: PostId, taken: &mut Taken) -> Result<Option<Printed>, QueryError> {
        let Some(post) = self.post_for(id, taken).await? else { return Ok(None) };
        let account = self.account_for(&post, taken).await?;
        let original = match &post.facts.reblog_of {
            None => None,
            Some(of) => match self.post_for(of.post, taken).await? {
                Some(original) => Some((of.post, self.account_for(&original, taken).await?, original)),
                // Nobody sees it: its bytes are never asked for.
                None => return Ok(Some(Printed { id, facts: post.facts.clone(), original: None, entity: None })),
            },
        };
        let facts = post.facts.clone();
        Ok(Some(match original {
            None => {
                let entity = account.map(|account| render::print(&Whole { id, post, account, original: None }));
                Printed { id, facts, original: None, entity }
            }
            Some((of, wrapped, original)) => {
                let original_facts = original.facts.clone();
                let both = account.zip(wrapped);
                let entity =
                    both.map(|(account, wrapped)| render::print(&Whole { id, post, account, original: Some((of, original, wrapped)) }));
                Printed { id, facts, original: Some((of, original_facts)), entity }
            }
        }))
    }

    async fn post_for(&self, id: PostId, taken: &mut Taken) -> Result<Option<Held<CachedPost>>, QueryError> {
        let post = self.post_or_none(id).await?;
        taken.add(post.taken());
        Ok(Held::of(post))
    }

    async fn account_for(&self, post: &CachedPost, taken: &mut Taken) -> Result<Option<Held<CachedAccount>>, QueryError> {
        let account = self.account_or_none(post.facts.author).await?;
        taken.add(account.taken());
        Ok(Held::of(account))
    }
}
