//! The search index in memory: the naive reference, which reads every document of every search. For tests and demos.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use parking_lot::RwLock;
use schemas::rows::Checkpoint;
use schemas::{PartitionId, PostId};

use super::query::{self, NameTerms};
use super::{
    CANDIDATES_MAX, HITS_MAX, Item, NameQuery, OFFSET_MAX, SearchChange, SearchDocument, SearchError, SearchIndex, SearchQuery,
    SearchWrite, StatusQuery, analysis,
};
use crate::views::registry::{Registry, VersionFault};
use crate::views::{Version, Versions};

/// Documents in maps behind one lock; what is applied is searchable and, as far as memory goes, durable at once.
#[derive(Debug, Default)]
pub struct MemorySearch {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    registry: Registry,
    versions: BTreeMap<u32, Documents>,
}

#[derive(Debug, Default)]
struct Documents {
    documents: BTreeMap<Item, SearchDocument>,
    checkpoints: BTreeMap<PartitionId, Checkpoint>,
}

/// The first offset that changes anything, of records before `after`; nothing where the checkpoint is of an earlier generation.
pub(super) fn first_new(known: Option<&Checkpoint>, after: &Checkpoint) -> Option<u64> {
    match known {
        Some(known) if known.generation > after.generation => None,
        Some(known) if known.generation == after.generation => Some(known.next),
        _ => Some(0),
    }
}

impl From<VersionFault> for SearchError {
    fn from(fault: VersionFault) -> Self {
        match fault {
            VersionFault::Unknown(number) => Self::NoVersion(number),
            fault => Self::Fatal(fault.to_string()),
        }
    }
}

impl MemorySearch {
    /// An empty index: version 1 is live.
    pub fn new() -> Self {
        Self::default()
    }

    fn change<T>(&self, change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>) -> Result<T, SearchError> {
        let mut state = self.state.write();
        let (registry, answer) = change(state.registry)?;
        state.registry = registry;
        state.versions.retain(|number, _| registry.numbers().any(|known| known == *number));
        Ok(answer)
    }
}

fn text_words(text: &str) -> Vec<String> {
    analysis::words(&analysis::folded(text)).map(str::to_owned).collect()
}

fn page<T>(found: impl Iterator<Item = T>, offset: usize, limit: usize) -> Vec<T> {
    found.skip(offset.min(OFFSET_MAX)).take(limit.min(HITS_MAX)).collect()
}

impl Documents {
    fn statuses(&self, asked: &StatusQuery) -> Vec<Item> {
        let parsed = query::parse(&asked.text);
        if parsed.all.is_empty() && asked.author.is_none() {
            return Vec::new();
        }
        let matches = |document: &SearchDocument| -> Option<PostId> {
            let SearchDocument::Status { id, author, text } = document else { return None };
            let within = asked.max_id.is_none_or(|max| *id < max) && asked.min_id.is_none_or(|min| *id > min);
            let wanted = within && asked.author.is_none_or(|wanted| wanted == *author) && parsed.matches(&text_words(text));
            wanted.then_some(*id)
        };
        let mut found: Vec<PostId> = self.documents.values().filter_map(matches).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        let let_through = found.into_iter().take(CANDIDATES_MAX).filter(|id| asked.filter.as_ref().is_none_or(|filter| filter(*id)));
        page(let_through.map(Item::Status), asked.offset, asked.limit)
    }

    fn accounts(&self, asked: &NameQuery) -> Vec<Item> {
        let Some(NameTerms { handle: wanted, words }) = query::parse_name(&asked.text) else { return Vec::new() };
        let mut found = Vec::new();
        for document in self.documents.values() {
            let SearchDocument::Account { id, handle, display_name } = document else { continue };
            let names = text_words(&analysis::name_text(handle, display_name));
            let handle = analysis::folded(handle);
            let rank = match () {
                () if handle == wanted => 0,
                () if handle.starts_with(&wanted) => 1,
                () if words.iter().all(|word| names.iter().any(|name| name.starts_with(word))) => 2,
                () => continue,
            };
            found.push((rank, std::cmp::Reverse(*id)));
        }
        found.sort_unstable();
        page(found.into_iter().map(|(_, id)| Item::Account(id.0)), asked.offset, asked.limit)
    }

    fn tags(&self, asked: &NameQuery) -> Vec<Item> {
        let Some(prefix) = query::parse_tag(&asked.text) else { return Vec::new() };
        let mut found = BTreeSet::new();
        for document in self.documents.values() {
            if let SearchDocument::Tag { name } = document {
                found.insert((analysis::folded(name), name.clone()));
            }
        }
        page(
            found.into_iter().filter(|(folded, _)| folded.starts_with(&prefix)).map(|(_, name)| Item::Tag(name)),
            asked.offset,
            asked.limit,
        )
    }
}

#[async_trait]
impl SearchIndex for MemorySearch {
    async fn apply(
        &self,
        version: Version,
        partition: PartitionId,
        writes: Vec<SearchWrite>,
        checkpoint: Checkpoint,
    ) -> Result<(), SearchError> {
        let mut state = self.state.write();
        let number = state.registry.resolve(version)?;
        let documents = state.versions.entry(number).or_default();
        let Some(from) = first_new(documents.checkpoints.get(&partition), &checkpoint) else { return Ok(()) };
        for write in writes.into_iter().filter(|write| write.offset >= from) {
            match write.change {
                SearchChange::Put(document) => drop(documents.documents.insert(document.item(), document)),
                SearchChange::Delete(item) => drop(documents.documents.remove(&item)),
            }
        }
        if checkpoint.next >= from {
            documents.checkpoints.insert(partition, checkpoint);
        }
        Ok(())
    }

    async fn checkpoint(&self, version: Version, partition: PartitionId) -> Result<Option<Checkpoint>, SearchError> {
        let state = self.state.read();
        let number = state.registry.resolve(version)?;
        Ok(state.versions.get(&number).and_then(|documents| documents.checkpoints.get(&partition)).copied())
    }

    async fn search(&self, query: SearchQuery) -> Result<Vec<Item>, SearchError> {
        let state = self.state.read();
        let Some(documents) = state.versions.get(&state.registry.versions().live) else { return Ok(Vec::new()) };
        Ok(match &query {
            SearchQuery::Statuses(asked) => documents.statuses(asked),
            SearchQuery::Accounts(asked) => documents.accounts(asked),
            SearchQuery::Tags(asked) => documents.tags(asked),
        })
    }

    async fn dump(&self, version: Version, after: Option<Item>, limit: usize) -> Result<Vec<(Item, u64)>, SearchError> {
        let state = self.state.read();
        let number = state.registry.resolve(version)?;
        let Some(documents) = state.versions.get(&number) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = documents.documents.range((from, Bound::Unbounded)).take(limit);
        Ok(page.map(|(item, document)| (item.clone(), document.fingerprint())).collect())
    }

    async fn flush(&self) -> Result<(), SearchError> {
        Ok(())
    }

    async fn versions(&self) -> Result<Versions, SearchError> {
        Ok(self.state.read().registry.versions())
    }

    async fn begin(&self) -> Result<u32, SearchError> {
        self.change(Registry::begin)
    }

    async fn promote(&self) -> Result<(), SearchError> {
        self.change(|registry| Ok((registry.promote()?, ())))
    }

    async fn drop_version(&self, version: u32) -> Result<(), SearchError> {
        self.change(|registry| Ok((registry.drop_version(version)?, ())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::search::contract;

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::run(&|| Arc::new(MemorySearch::new()) as Arc<dyn SearchIndex>).await;
    }
}
