//! The search port: accounts, posts and tags by their words; one more view, rebuildable like the others.
//!
//! Ordering: changes of one partition take effect in the order of their offsets, and one at or below a partition's checkpoint does nothing,
//! so replaying anything changes nothing. Durability: what was applied becomes searchable and durable together, by itself within
//! [`COMMIT_AFTER_MAX`]; a crash takes back what was not, and [`SearchIndex::checkpoint`] says from where to read the log again.
//! Visibility is not judged here: readers filter hits through `schemas::visibility`.

pub mod analysis;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(feature = "elastic")]
pub mod elastic;
mod fingerprint;
pub mod memory;
pub mod query;
pub mod tantivy;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemas::log::Offset;
use schemas::rows::Checkpoint;
use schemas::{AccountId, PartitionId, PostId};

use crate::views::{Version, Versions};

/// The longest that an applied change waits until it is searchable, while the index keeps up.
pub const COMMIT_AFTER_MAX: Duration = Duration::from_millis(500);
/// Hits of one search at the most.
pub const HITS_MAX: usize = 100;
/// How far into the hits a search may start.
pub const OFFSET_MAX: usize = 10_000;
/// Matches that one search puts to its filter at the most; hits beyond are not found.
pub const CANDIDATES_MAX: usize = 1_000_000;

/// What can be found, by its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// An account.
    Account(AccountId),
    /// A post.
    Status(PostId),
    /// A tag, by its name without `#`.
    Tag(String),
}

/// What is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchDocument {
    /// An account and its names.
    Account {
        /// Who.
        id: AccountId,
        /// The handle, without `@`.
        handle: String,
        /// The display name.
        display_name: String,
    },
    /// A post and its text.
    Status {
        /// Which.
        id: PostId,
        /// Who wrote it.
        author: AccountId,
        /// Plain text: content warning, content, poll options, media descriptions.
        text: String,
    },
    /// A tag.
    Tag {
        /// Its name, without `#`.
        name: String,
    },
}

impl SearchDocument {
    /// What the document is about.
    pub fn item(&self) -> Item {
        match self {
            Self::Account { id, .. } => Item::Account(*id),
            Self::Status { id, .. } => Item::Status(*id),
            Self::Tag { name } => Item::Tag(name.clone()),
        }
    }
}

/// A change of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchChange {
    /// Puts a document in, in place of the earlier one of the same item.
    Put(SearchDocument),
    /// Takes an item out.
    Delete(Item),
}

/// A change with the offset of the record that causes it, in the item's one source partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWrite {
    /// The record.
    pub offset: Offset,
    /// What it changes.
    pub change: SearchChange,
}

/// Says of a post whether it may be among the hits.
pub type StatusFilter = Arc<dyn Fn(PostId) -> bool + Send + Sync>;

/// A search for posts; hits come newest first.
#[derive(Clone, Default)]
pub struct StatusQuery {
    /// What the user wrote, as in [`query`].
    pub text: String,
    /// Only posts of this author.
    pub author: Option<AccountId>,
    /// Only posts older than this one.
    pub max_id: Option<PostId>,
    /// Only posts newer than this one.
    pub min_id: Option<PostId>,
    /// Only posts that this lets through; it is asked newest first, until the page is full.
    pub filter: Option<StatusFilter>,
    /// Hits to pass over, up to [`OFFSET_MAX`].
    pub offset: usize,
    /// Hits at the most, up to [`HITS_MAX`].
    pub limit: usize,
}

/// A search for names.
#[derive(Debug, Clone, Default)]
pub struct NameQuery {
    /// What the user wrote.
    pub text: String,
    /// Hits to pass over, up to [`OFFSET_MAX`].
    pub offset: usize,
    /// Hits at the most, up to [`HITS_MAX`].
    pub limit: usize,
}

/// A search.
#[derive(Clone)]
pub enum SearchQuery {
    /// Posts whose words match.
    Statuses(StatusQuery),
    /// Accounts of which each word of the query starts a word of the handle or display name: the exact handle first, then handles that
    /// start with the query, then the others; the newest account first among equals.
    Accounts(NameQuery),
    /// Tags that start with the query, by name: the exact one comes first.
    Tags(NameQuery),
}

/// Why the search index could not serve.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The same call may succeed later.
    #[error("search index is not available: {0}")]
    Retryable(String),
    /// What was applied and not yet committed is lost: read `checkpoint` and apply again from there.
    #[error("search index went back to its last commit in partition {0}: apply again from its checkpoint")]
    Rewound(PartitionId),
    /// No such version: it was dropped, or never begun.
    #[error("search index has no version {0}")]
    NoVersion(u32),
    /// Another process holds the index.
    #[error("search index is in use by another process: {0}")]
    Locked(String),
    /// Terminal for this process.
    #[error("search index failed: {0}")]
    Fatal(String),
}

/// The index of all that can be searched.
#[async_trait]
pub trait SearchIndex: Send + Sync + 'static {
    /// Applies changes of one source partition in order; `checkpoint` is where the partition stands after them.
    async fn apply(
        &self,
        version: Version,
        partition: PartitionId,
        writes: Vec<SearchWrite>,
        checkpoint: Checkpoint,
    ) -> Result<(), SearchError>;

    /// How far a partition has come durably: from where to apply again after a start or [`SearchError::Rewound`].
    async fn checkpoint(&self, version: Version, partition: PartitionId) -> Result<Option<Checkpoint>, SearchError>;

    /// Hits of a search in the live version, in order.
    async fn search(&self, query: SearchQuery) -> Result<Vec<Item>, SearchError>;

    /// What a version holds, for verification: items in their order, those after `after`, `limit` of them at the most, each with the
    /// fingerprint of its document ([`SearchDocument::fingerprint`]). What was applied and is not searchable yet is not among them; an item
    /// that a fault put in twice comes twice. Fewer than `limit` only at the end.
    async fn dump(&self, version: Version, after: Option<Item>, limit: usize) -> Result<Vec<(Item, u64)>, SearchError>;

    /// Makes what was applied durable and searchable now.
    async fn flush(&self) -> Result<(), SearchError>;

    /// The versions; a fresh index has version 1 live.
    async fn versions(&self) -> Result<Versions, SearchError>;

    /// Begins an empty version beside the live one; an unfinished earlier one is dropped.
    async fn begin(&self) -> Result<u32, SearchError>;

    /// Commits the version under construction and swaps it in; the former live one stays as the previous one.
    async fn promote(&self) -> Result<(), SearchError>;

    /// Drops a version that does not serve.
    async fn drop_version(&self, version: u32) -> Result<(), SearchError>;
}
