//! The search index as a sink: documents of accounts, posts and tags, at the index's own checkpoint.
//!
//! It never holds views up, and nobody's writes wait for it. An account's document takes its names from the account's row, so a stretch
//! that changes names is taken once the accounts view has passed it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use infra::progress::Progress;
use infra::search::{Item, SearchChange, SearchDocument, SearchIndex, SearchWrite};
use infra::views::{Version, ViewStore};
use schemas::events::{Event, Visibility};
use schemas::ids::AccountId;
use schemas::log::{Offset, Position};
use schemas::rows::{AccountRow, Checkpoint, View, codec, keys};
use schemas::{PartitionId, PostId};

use crate::batch::{self, Batch};
use crate::error::{ProjectError, Trouble};
use crate::run::{LINGER, Sink};

/// How long a step waits for the accounts view before it is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A version of the search index in one partition.
pub(crate) struct SearchSink {
    pub(crate) search: Arc<dyn SearchIndex>,
    pub(crate) views: Arc<dyn ViewStore>,
    pub(crate) version: Version,
    pub(crate) generation: u32,
    pub(crate) partition: PartitionId,
    /// Of the live views, where they are kept by this process.
    pub(crate) progress: Option<Arc<Progress>>,
    /// Records behind the log's end, for the live version.
    pub(crate) lag: Option<metrics::Gauge>,
}

impl SearchSink {
    /// The documents of the accounts whose names a stretch changes.
    async fn accounts(&self, batch: &Batch) -> Result<Vec<SearchWrite>, Trouble> {
        let mut changed: Vec<(AccountId, Offset)> = Vec::new();
        for fact in &batch.facts {
            changed.extend(fact.events().iter().filter_map(renamed).map(|account| (account, fact.offset)));
        }
        let Some((_, last)) = changed.last().copied() else { return Ok(Vec::new()) };
        if let Some(progress) = &self.progress {
            let position = Position { generation: self.generation, partition: self.partition, offset: last };
            progress.wait(&[position], PATIENCE).await;
        }
        let at = self.views.checkpoint(Version::Live, View::Accounts, self.partition).await?;
        if at.is_none_or(|at| at.next <= last) {
            return Err(Trouble::Retryable("the accounts view has not come so far".into()));
        }
        let wanted: Vec<_> = changed.iter().map(|(account, _)| keys::account(*account)).collect();
        let rows = self.views.get(Version::Live, &wanted).await?;
        let mut writes = Vec::new();
        for ((id, offset), bytes) in changed.into_iter().zip(rows) {
            // No row: its record is among the dead letters.
            let Some(bytes) = bytes else { continue };
            let row: AccountRow = codec::decode(&bytes).map_err(damaged)?;
            let document = SearchDocument::Account { id, handle: row.handle, display_name: row.profile.display_name };
            writes.push(SearchWrite { offset, change: SearchChange::Put(document) });
        }
        Ok(writes)
    }
}

fn damaged(error: codec::BadRow) -> Trouble {
    Trouble::Fatal(ProjectError::Views(infra::views::ViewError::Fatal(error.to_string())))
}

fn renamed(event: &Event) -> Option<AccountId> {
    match event {
        Event::AccountRegistered(e) => Some(e.account),
        Event::ProfileChanged(e) => Some(e.account),
        Event::HandleChanged(e) => Some(e.account),
        _ => None,
    }
}

/// Adds what an event changes of posts and tags.
pub(crate) fn project(event: &Event, changes: &mut Vec<SearchChange>) {
    match event {
        Event::PostPublished(e) => {
            changes.push(status(e.post, e.account, &e.spoiler, &e.text));
            tags(e.visibility, &e.tags, changes);
        }
        Event::PostEdited(e) => {
            changes.push(status(e.post, e.account, &e.spoiler, &e.text));
            tags(e.visibility, &e.tags, changes);
        }
        Event::PostDeleted(e) => changes.push(SearchChange::Delete(Item::Status(e.post))),
        _ => {}
    }
}

fn status(id: PostId, author: AccountId, spoiler: &str, text: &str) -> SearchChange {
    let text = if spoiler.is_empty() { text.to_owned() } else { format!("{spoiler}\n{text}") };
    SearchChange::Put(SearchDocument::Status { id, author, text })
}

/// Tags that anyone can see used; never taken out, as in the views.
fn tags(visibility: Visibility, tags: &[String], changes: &mut Vec<SearchChange>) {
    if visibility == Visibility::Public {
        changes.extend(tags.iter().map(|tag| SearchChange::Put(SearchDocument::Tag { name: tag.clone() })));
    }
}

#[async_trait]
impl Sink for SearchSink {
    fn name(&self) -> &'static str {
        "search"
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    async fn load(&mut self) -> Result<Checkpoint, Trouble> {
        let at = self.search.checkpoint(self.version, self.partition).await?;
        Ok(at.unwrap_or(batch::beginning(self.generation)))
    }

    async fn take(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let mut writes = self.accounts(batch).await?;
        for fact in &batch.facts {
            let mut changes = Vec::new();
            fact.events().iter().for_each(|event| project(event, &mut changes));
            writes.extend(changes.into_iter().map(|change| SearchWrite { offset: fact.offset, change }));
        }
        writes.sort_by_key(|write| write.offset);
        self.search.apply(self.version, self.partition, writes, batch.end).await?;
        if let Some(lag) = &self.lag {
            lag.set(batch.behind as f64);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Tail;
    use crate::testing::history::home_of;
    use crate::testing::{LAYOUT, World};
    use infra::log::ReadLimits;
    use infra::search::memory::MemorySearch;
    use infra::search::{NameQuery, SearchQuery, StatusQuery};
    use infra::views::memory::MemoryViews;
    use schemas::events::{AccountRegistered, HandleChanged, PostDeleted, PostEdited, PostPublished, Profile};
    use schemas::ids::AppId;

    const ANA: AccountId = AccountId(1);

    fn post(id: u64, text: &str) -> Event {
        PostPublished {
            post: PostId(id),
            account: ANA,
            visibility: Visibility::Public,
            text: text.into(),
            spoiler: "birds".into(),
            sensitive: false,
            language: None,
            mentions: vec![],
            tags: vec!["owls".into()],
            in_reply_to: None,
            app: AppId(0),
        }
        .into()
    }

    fn edited(id: u64, text: &str) -> Event {
        PostEdited {
            post: PostId(id),
            account: ANA,
            visibility: Visibility::Public,
            text: text.into(),
            spoiler: String::new(),
            sensitive: false,
            language: None,
            mentions: vec![],
            tags: vec![],
        }
        .into()
    }

    fn deleted(id: u64) -> Event {
        PostDeleted { post: PostId(id), account: ANA, visibility: Visibility::Public, in_reply_to: None, mentions: vec![], tags: vec![] }
            .into()
    }

    async fn indexed(events: &[Event]) -> Arc<MemorySearch> {
        let world = World::new().await;
        for event in events {
            world.append(home_of(ANA), std::slice::from_ref(event)).await;
        }
        let views = Arc::new(MemoryViews::new());
        world.project(&views, 100).await;
        let search = Arc::new(MemorySearch::new());
        for partition in LAYOUT.partition_ids() {
            let (search, views) = (search.clone(), views.clone());
            let mut sink = SearchSink { search, views, version: Version::Live, generation: 1, partition, progress: None, lag: None };
            let mut tail = Tail::new(world.log.clone(), partition, ReadLimits { records: 2, bytes: 1 << 20 });
            tail.catch_up(&mut sink, u64::MAX).await.expect("memory does not fail");
        }
        search
    }

    async fn check(events: &[Event], query: SearchQuery, expected: &[Item]) {
        assert_eq!(indexed(events).await.search(query).await.expect("memory does not fail"), expected);
    }

    fn statuses(text: &str) -> SearchQuery {
        SearchQuery::Statuses(StatusQuery { text: text.into(), limit: 10, ..StatusQuery::default() })
    }

    fn names(text: &str) -> NameQuery {
        NameQuery { text: text.into(), limit: 10, ..NameQuery::default() }
    }

    #[tokio::test]
    async fn posts_are_found_by_their_present_text_and_warning() {
        let events = [post(10, "an owl at night"), post(11, "a lark"), edited(11, "an owl by day"), post(12, "an owl"), deleted(12)];
        check(&events, statuses("owl"), &[Item::Status(PostId(11)), Item::Status(PostId(10))]).await;
        check(&events, statuses("birds"), &[Item::Status(PostId(10))]).await;
        check(&events, SearchQuery::Tags(names("ow")), &[Item::Tag("owls".into())]).await;
    }

    #[tokio::test]
    async fn accounts_are_found_by_their_present_names() {
        let profile = Profile { display_name: "Ana Lark".into(), ..Profile::default() };
        let registered = AccountRegistered { account: ANA, handle: "ana".into(), profile, invited_by: AccountId(0) };
        let renamed = HandleChanged { account: ANA, from: "ana".into(), to: "nightowl".into() };
        let events = [registered.into(), renamed.into()];
        check(&events, SearchQuery::Accounts(names("nightowl")), &[Item::Account(ANA)]).await;
        check(&events, SearchQuery::Accounts(names("lark")), &[Item::Account(ANA)]).await;
    }
}
