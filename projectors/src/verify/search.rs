//! Verifies the search index: what the log says of every document, folded by the index's own projection, compared with what is there.
//!
//! Memory is bounded: a pass keeps the fingerprints of at most so many items, the first in their order, and forgets those beyond; the
//! next pass folds the log again for the items from there on. Within a pass the index stands still for the last part only.
//!
//! An account's document is made of its row when the index comes by, and the row may already have names that the index has not come to
//! yet. So the names that follow up to the log's end are as good as those at the index's checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use infra::log::EventLog;
use infra::search::{Item, SearchChange, SearchDocument, SearchIndex};
use infra::views::Version;
use schemas::PartitionId;
use schemas::events::Event;
use schemas::ids::AccountId;
use schemas::log::Offset;
use schemas::rows::Checkpoint;

use super::{Fault, PAGE, Verified};
use crate::ProjectorOptions;
use crate::batch::{self, Batch};
use crate::error::{ProjectError, Trouble};
use crate::rebuild::Target;
use crate::run::{Gate, Sink, Tail};
use crate::search::project;

/// Items of one pass at the most: some 100 MB.
const ITEMS_MAX: usize = 1 << 20;

/// Verifies the live search index while nothing else has the stores open.
pub async fn verify_search(
    log: &Arc<dyn EventLog>,
    search: &Arc<dyn SearchIndex>,
    options: ProjectorOptions,
) -> Result<Verified, ProjectError> {
    verify_search_behind(log, &**search, &Gate::default(), options).await
}

pub(crate) async fn verify_search_behind(
    log: &Arc<dyn EventLog>,
    search: &dyn SearchIndex,
    gate: &Gate,
    options: ProjectorOptions,
) -> Result<Verified, ProjectError> {
    in_passes(log, search, gate, options, ITEMS_MAX).await
}

async fn in_passes(
    log: &Arc<dyn EventLog>,
    search: &dyn SearchIndex,
    gate: &Gate,
    options: ProjectorOptions,
    items_max: usize,
) -> Result<Verified, ProjectError> {
    let mut found = Verified::named(Target::Search.name());
    let (mut from, mut after) = (None, None);
    loop {
        let mut said = Said { generation: log.layout().generation, items_max, from, below: None, later: false, items: BTreeMap::new() };
        let mut tails: Vec<_> = log.layout().partition_ids().map(|id| (id, Tail::new(log.clone(), id, options.limits()))).collect();
        // Twice: most of it while the index goes on, the rest while it stands still. Whoever asks for its checkpoints must close the gate:
        // the loops then read them anew, and miss nothing that the index may have lost before.
        let closed = gate.close().await;
        let ends = checkpoints(log, search).await?;
        drop(closed);
        catch_up(&mut tails, &mut said, ends).await?;
        let closed = gate.close().await;
        search.flush().await.map_err(ProjectError::Search)?;
        let ends = checkpoints(log, search).await?;
        catch_up(&mut tails, &mut said, ends).await?;
        said.later = true;
        let mut ends = Vec::new();
        for partition in log.layout().partition_ids() {
            ends.push(log.bounds(partition).await.map_err(ProjectError::Log)?.end);
        }
        catch_up(&mut tails, &mut said, ends).await?;
        from = said.below.clone();
        compare(search, said, &mut after, &mut found).await?;
        drop(closed);
        if from.is_none() {
            return Ok(found);
        }
    }
}

/// How far the index has come in every partition.
async fn checkpoints(log: &Arc<dyn EventLog>, search: &dyn SearchIndex) -> Result<Vec<Offset>, ProjectError> {
    let layout = log.layout();
    let mut ends = Vec::new();
    for partition in layout.partition_ids() {
        let at = search.checkpoint(Version::Live, partition).await.map_err(ProjectError::Search)?;
        if let Some(at) = at.filter(|at| at.generation != layout.generation) {
            let what = Target::Search.name().to_owned();
            return Err(ProjectError::Generation { what, found: at.generation, expected: layout.generation });
        }
        ends.push(at.map_or(0, |at| at.next));
    }
    Ok(ends)
}

async fn catch_up(tails: &mut [(PartitionId, Tail)], said: &mut Said, ends: Vec<Offset>) -> Result<(), ProjectError> {
    for ((_, tail), end) in tails.iter_mut().zip(ends) {
        tail.catch_up(said, end).await?;
    }
    Ok(())
}

/// Compares the index with what the log says of a pass; `after` is the last item of the index that was compared.
async fn compare(search: &dyn SearchIndex, mut said: Said, after: &mut Option<Item>, found: &mut Verified) -> Result<(), ProjectError> {
    found.rows += said.items.len() as u64;
    'index: loop {
        let page = search.dump(Version::Live, after.clone(), PAGE).await.map_err(ProjectError::Search)?;
        let last = page.len() < PAGE;
        for (item, print) in page {
            if said.below.as_ref().is_some_and(|below| item >= *below) {
                break 'index;
            }
            *after = Some(item.clone());
            // What an earlier pass was about has come since.
            if said.from.as_ref().is_some_and(|from| item < *from) {
                continue;
            }
            match said.items.remove(&item) {
                Some(document) if document.is(print) => {}
                Some(_) => found.add_document(&item, Fault::Different),
                None => found.add_document(&item, Fault::Unexpected),
            }
        }
        if last {
            break;
        }
    }
    said.items.keys().for_each(|item| found.add_document(item, Fault::Missing));
    Ok(())
}

/// What the log says of the items from `from` on and below `below`.
struct Said {
    generation: u32,
    items_max: usize,
    from: Option<Item>,
    /// Lowered when there are more items than may be kept.
    below: Option<Item>,
    /// Whether what comes is beyond the index's checkpoint.
    later: bool,
    items: BTreeMap<Item, Document>,
}

/// A document that the log asks for.
enum Document {
    /// Its fingerprint.
    Print(u64),
    /// An account's: the present names, and the fingerprints of those that the document may have.
    Names(Box<Names>),
}

struct Names {
    handle: String,
    display_name: String,
    prints: Vec<u64>,
}

impl Document {
    fn is(&self, print: u64) -> bool {
        match self {
            Self::Print(said) => *said == print,
            Self::Names(names) => names.prints.contains(&print),
        }
    }
}

impl Said {
    fn take_event(&mut self, event: &Event) {
        match event {
            Event::AccountRegistered(e) if !self.later => {
                let mut names =
                    Names { handle: e.handle.clone(), display_name: e.profile.display_name.clone(), prints: Vec::with_capacity(1) };
                names.note(e.account, false);
                self.put(Item::Account(e.account), Document::Names(Box::new(names)));
            }
            Event::ProfileChanged(e) => self.rename(e.account, |names| names.display_name.clone_from(&e.profile.display_name)),
            Event::HandleChanged(e) => self.rename(e.account, |names| names.handle.clone_from(&e.to)),
            _ if self.later => {}
            event => {
                let mut changes = Vec::new();
                project(event, &mut changes);
                for change in changes {
                    match change {
                        SearchChange::Put(document) => self.put(document.item(), Document::Print(document.fingerprint())),
                        SearchChange::Delete(item) => drop(self.items.remove(&item)),
                    }
                }
            }
        }
    }

    fn rename(&mut self, account: AccountId, change: impl FnOnce(&mut Names)) {
        if let Some(Document::Names(names)) = self.items.get_mut(&Item::Account(account)) {
            change(names);
            names.note(account, self.later);
        }
    }

    fn put(&mut self, item: Item, document: Document) {
        let below = self.below.as_ref().is_none_or(|below| item < *below);
        if below && self.from.as_ref().is_none_or(|from| item >= *from) {
            self.items.insert(item, document);
        }
        if self.items.len() > self.items_max {
            self.below = self.items.pop_last().map(|(item, _)| item);
        }
    }
}

impl Names {
    /// Takes the names as those that the document has, or may have already.
    fn note(&mut self, id: AccountId, later: bool) {
        if !later {
            self.prints.clear();
        }
        let (handle, display_name) = (self.handle.clone(), self.display_name.clone());
        self.prints.push(SearchDocument::Account { id, handle, display_name }.fingerprint());
    }
}

#[async_trait]
impl Sink for Said {
    fn name(&self) -> &'static str {
        "verify search"
    }

    async fn load(&mut self) -> Result<Checkpoint, Trouble> {
        Ok(batch::beginning(self.generation))
    }

    async fn take(&mut self, batch: &Batch) -> Result<(), Trouble> {
        batch.facts.iter().flat_map(|fact| fact.events()).for_each(|event| self.take_event(event));
        Ok(())
    }
}

impl Verified {
    fn add_document(&mut self, item: &Item, fault: Fault) {
        let key = match item {
            Item::Account(id) => format!("account/{id}"),
            Item::Status(id) => format!("status/{id}"),
            Item::Tag(name) => format!("tag/{name}"),
        };
        self.add_difference(Target::Search.name(), key, fault);
    }
}

#[cfg(test)]
mod tests;
