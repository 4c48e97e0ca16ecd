//! The search index on Elasticsearch, shared by many processes (docs/decisions/0012-elasticsearch.md).
//!
//! ```text
//! apply ─> _bulk (external_gte)  ─ durable ─>  committer: refresh, then checkpoint documents      search ─> alias PREFIX
//! ```
//!
//! Opening asks nothing of the server: the first call makes what is absent, so a process starts and serves its feeds while search is down.

mod admin;
mod breaker;
mod bulk;
mod client;
mod commit;
mod documents;
mod find;
mod names;
mod state;
mod url;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::rows::Checkpoint;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use self::url::ElasticUrl;

use self::bulk::{Write, Written};
use self::client::{Call, Client, Method, PATIENT};
use self::documents::Document;
use self::find::{Finder, NO_INDEX};
use self::names::Names;
use self::state::State;
use super::memory::first_new;
use super::{Item, SearchChange, SearchError, SearchIndex, SearchQuery, SearchWrite};
use crate::views::registry::Registry;
use crate::views::{Version, Versions};

/// How long applied changes wait.
#[derive(Debug, Clone)]
pub struct ElasticOptions {
    /// Until those of the live version are searchable; below [`super::COMMIT_AFTER_MAX`].
    pub commit_after: Duration,
    /// Until those of a version under construction are.
    pub build_commit_after: Duration,
}

impl Default for ElasticOptions {
    fn default() -> Self {
        Self { commit_after: Duration::from_millis(250), build_commit_after: Duration::from_secs(5) }
    }
}

/// The search index on the nodes of an Elasticsearch.
pub struct ElasticSearch {
    shared: Arc<Shared>,
    committer: OnceLock<JoinHandle<()>>,
}

struct Shared {
    url: ElasticUrl,
    names: Names,
    options: ElasticOptions,
    client: Client,
    state: Mutex<State>,
    /// One commit of this process at a time.
    committing: tokio::sync::Mutex<()>,
    /// One reading of the versions at a time, which may make the first one.
    preparing: tokio::sync::Mutex<()>,
    /// Wakes the committer: there is something to commit.
    wake: Notify,
}

impl ElasticSearch {
    /// An index under the names that `url` gives; nothing is asked of the server yet. Fails where this build cannot speak to it.
    pub fn new(url: ElasticUrl, options: ElasticOptions) -> Result<Self, SearchError> {
        let shared = Shared {
            client: Client::new(&url)?,
            names: Names { prefix: url.prefix.clone() },
            url,
            options,
            state: Mutex::default(),
            committing: tokio::sync::Mutex::default(),
            preparing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
        };
        Ok(Self { shared: Arc::new(shared), committer: OnceLock::new() })
    }

    /// Takes away tombstones of the live version that were written before `before_ms` (milliseconds since 1970), and says how many. The
    /// index does so by itself, when they are a day old.
    pub async fn sweep_tombstones(&self, before_ms: u64) -> Result<u64, SearchError> {
        self.shared.sweep(before_ms).await
    }

    /// Removes every index under the prefix: for tests, and for operators who begin anew.
    pub async fn remove_everything(&self) -> Result<(), SearchError> {
        self.shared.remove_everything().await
    }
}

impl Drop for ElasticSearch {
    fn drop(&mut self) {
        if let Some(committer) = self.committer.get() {
            committer.abort();
        }
    }
}

impl Shared {
    /// The version and the alias that a write means.
    async fn target(&self, version: Version, partition: PartitionId) -> Result<(u32, String), SearchError> {
        self.prepared().await?;
        let known = self.state.lock().target(version, partition)?;
        let number = match known {
            Some(number) => number,
            None => self.resolve_now(version).await?,
        };
        let alias = if version == Version::Live { self.names.live(number) } else { self.names.any(number) };
        Ok((number, alias))
    }

    /// How far a partition was applied, by this process or, as far as is durable, by another.
    async fn applied(&self, number: u32, partition: PartitionId) -> Result<Option<Checkpoint>, SearchError> {
        let known = self.state.lock().applied(number, partition);
        match known {
            Some(at) => Ok(Some(at)),
            None => self.stored(number, partition).await,
        }
    }

    /// The checkpoint document of a partition.
    async fn stored(&self, number: u32, partition: PartitionId) -> Result<Option<Checkpoint>, SearchError> {
        let path = format!("/{}/_doc/{}", self.names.index(number), documents::checkpoint_id(partition));
        let reply = self.client.call(Call::new(Method::Get, path), PATIENT).await?;
        match reply.status {
            404 if reply.cause().kind == "index_not_found_exception" => Err(SearchError::NoVersion(number)),
            404 => Ok(None),
            _ => documents::read_checkpoint(&reply.expect_success("read a checkpoint")?.body),
        }
    }

    /// What a write answers whose alias is gone: promoted away, dropped, or removed.
    fn lost(&self, version: Version, number: u32, partition: PartitionId) -> SearchError {
        self.state.lock().forget(number);
        match version {
            Version::Live => SearchError::Rewound(partition),
            Version::Number(_) => SearchError::NoVersion(number),
        }
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Item>, SearchError> {
        self.prepared().await?;
        let finder = Finder { client: &self.client, alias: self.names.serving() };
        let found = match query {
            SearchQuery::Statuses(asked) => finder.statuses(asked).await,
            SearchQuery::Accounts(asked) => finder.accounts(asked).await,
            SearchQuery::Tags(asked) => finder.tags(asked).await,
        };
        match found {
            Err(SearchError::NoVersion(NO_INDEX)) => {
                self.state.lock().set_versions(None);
                Err(SearchError::Retryable("no index serves: it is made at the next call".to_owned()))
            }
            found => found,
        }
    }
}

/// The last change of each item, in documents under versions.
fn documents_of(writes: Vec<SearchWrite>, from: u64, generation: u32) -> Result<Vec<Write>, SearchError> {
    let now_ms = Shared::now_ms();
    let mut last: HashMap<String, Write> = HashMap::new();
    for write in writes.into_iter().filter(|write| write.offset >= from) {
        let version = names::document_version(generation, write.offset)?;
        let (id, document) = match write.change {
            SearchChange::Put(document) => (documents::item_id(&document.item()), Document::of(document)),
            SearchChange::Delete(item) => (documents::item_id(&item), Document::gone(now_ms)),
        };
        last.insert(id.clone(), Write { id, version, document: Some(document) });
    }
    Ok(last.into_values().collect())
}

#[async_trait]
impl SearchIndex for ElasticSearch {
    async fn apply(
        &self,
        version: Version,
        partition: PartitionId,
        writes: Vec<SearchWrite>,
        checkpoint: Checkpoint,
    ) -> Result<(), SearchError> {
        let shared = &self.shared;
        let (number, alias) = shared.target(version, partition).await?;
        let known = shared.applied(number, partition).await?;
        let Some(from) = first_new(known.as_ref(), &checkpoint).filter(|from| checkpoint.next >= *from) else { return Ok(()) };
        let writes = documents_of(writes, from, checkpoint.generation)?;
        if bulk::send(&shared.client, &alias, writes).await? == Written::NoAlias {
            return Err(shared.lost(version, number, partition));
        }
        let due = shared.due(number);
        let is_new = shared.state.lock().note_applied(number, partition, checkpoint, due);
        self.committer.get_or_init(|| tokio::spawn(commit::commit_when_due(shared.clone())));
        if is_new {
            shared.wake.notify_one();
        }
        Ok(())
    }

    async fn checkpoint(&self, version: Version, partition: PartitionId) -> Result<Option<Checkpoint>, SearchError> {
        let shared = &self.shared;
        let number = shared.resolve_now(version).await?;
        let is_pending = shared.state.lock().is_pending(number, partition);
        if is_pending {
            shared.commit(number).await?;
        }
        let at = shared.stored(number, partition).await?;
        shared.state.lock().note_read(version, number, partition, at);
        Ok(at)
    }

    async fn search(&self, query: SearchQuery) -> Result<Vec<Item>, SearchError> {
        self.shared.search(&query).await
    }

    async fn dump(&self, version: Version, after: Option<Item>, limit: usize) -> Result<Vec<(Item, u64)>, SearchError> {
        let number = self.shared.resolve_now(version).await?;
        let finder = Finder { client: &self.shared.client, alias: &self.shared.names.any(number) };
        finder.dump(after.as_ref(), limit).await.map_err(|error| match error {
            SearchError::NoVersion(NO_INDEX) => SearchError::NoVersion(number),
            error => error,
        })
    }

    async fn flush(&self) -> Result<(), SearchError> {
        let numbers = self.shared.state.lock().pending_numbers();
        for number in numbers {
            self.shared.commit(number).await?;
        }
        Ok(())
    }

    async fn versions(&self) -> Result<Versions, SearchError> {
        self.shared.current().await
    }

    async fn begin(&self) -> Result<u32, SearchError> {
        self.shared.begin().await
    }

    async fn promote(&self) -> Result<(), SearchError> {
        if let Some(building) = self.shared.current().await?.building {
            self.shared.commit(building).await?;
            self.shared.refresh(building).await?;
        }
        self.shared.change(Registry::promote).await
    }

    async fn drop_version(&self, version: u32) -> Result<(), SearchError> {
        self.shared.change(|registry| registry.drop_version(version)).await
    }
}
