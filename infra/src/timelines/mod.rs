//! The timelines port: home timelines of all readers, by push, pull or both.
//!
//! What it answers is a function of the follow graph and the author lists alone: every policy and adapter gives the same candidates, in
//! the same order. It does not judge visibility: readers filter candidates through `schemas::visibility`.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(feature = "cql")]
pub mod cql;
mod memory;
mod naive;
pub mod ring;
mod source;

use async_trait::async_trait;
use schemas::{AccountId, PostId};

pub use memory::MemorySource;
pub use naive::NaiveTimelines;
pub use ring::{RingOptions, RingTimelines};
pub use source::ViewSource;

/// An entry of an author list or a home timeline; 16 bytes at rest, with the author interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The post, or the reblog that wraps one.
    pub post: PostId,
    /// Who posted or reblogged.
    pub author: AccountId,
    /// `schemas::rows::entry_flags`.
    pub flags: u32,
}

/// A change that home timelines follow, applied after the view rows of the same record are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimelineOp {
    /// A post or reblog, already in the author's list.
    Posted(Entry),
    /// A post or reblog, already out of the author's list.
    Removed(Entry),
    /// The reader follows the author from now on; all of the author's list is in the reader's home.
    Followed {
        /// Who reads.
        reader: AccountId,
        /// Who is read.
        author: AccountId,
    },
    /// The reader no longer follows the author; nothing of the author's list is in the reader's home.
    Unfollowed {
        /// Who reads.
        reader: AccountId,
        /// Who was read.
        author: AccountId,
    },
}

/// A stretch of a timeline; bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Only entries older than this one (`max_id`).
    pub below: Option<PostId>,
    /// Only entries newer than this one (`since_id`, `min_id`).
    pub above: Option<PostId>,
    /// Start at the oldest end (`min_id`): the result then ascends.
    pub ascending: bool,
    /// Entries at the most.
    pub limit: usize,
}

impl Stretch {
    /// Says whether the stretch, without its limit, holds the post.
    pub fn holds(self, post: PostId) -> bool {
        self.below.is_none_or(|bound| post < bound) && self.above.is_none_or(|bound| post > bound)
    }
}

/// How an edge is served: for operators, and for "explain this feed".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Written to the reader's ring when posted.
    Push,
    /// Merged from the author's list when read.
    Pull,
}

/// Why timelines could not serve.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// The same call may succeed later.
    #[error("timelines are not available: {0}")]
    Retryable(String),
    /// Terminal for this process.
    #[error("timelines failed: {0}")]
    Fatal(String),
}

/// Home timelines.
#[async_trait]
pub trait Timelines: Send + Sync + 'static {
    /// Applies changes of one source partition in order; returns once later reads see them.
    async fn apply(&self, ops: &[TimelineOp]) -> Result<(), TimelineError>;

    /// The reader's entries in a stretch: own ones and those of followees, strictly ordered by id, without duplicates; fewer than `limit`
    /// only where the stretch has no more.
    async fn home(&self, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError>;

    /// How the edge is served now.
    async fn delivery(&self, reader: AccountId, author: AccountId) -> Result<Delivery, TimelineError>;

    /// Forgets everything held in memory: the next read of each reader recomputes it. For a swap of the views beneath.
    async fn reset(&self) -> Result<(), TimelineError>;
}

/// What adapters recompute from: the view rows of follows and author lists.
#[async_trait]
pub trait TimelineSource: Send + Sync + 'static {
    /// Whom the reader follows, confirmed follows only, without the reader.
    async fn followees(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError>;

    /// How many follow the author.
    async fn followers_count(&self, author: AccountId) -> Result<u64, TimelineError>;

    /// The author's posts and reblogs in a stretch.
    async fn author_list(&self, author: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError>;

    /// The same stretch of many authors' lists, one answer per author in their order. Sources that can answer in one pass override it.
    async fn author_lists(&self, authors: &[AccountId], stretch: Stretch) -> Result<Vec<Vec<Entry>>, TimelineError> {
        let mut lists = Vec::with_capacity(authors.len());
        for author in authors {
            lists.push(self.author_list(*author, stretch).await?);
        }
        Ok(lists)
    }
}
