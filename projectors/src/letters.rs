//! Dead letters: records that a view could not take, and those held back behind them.
//!
//! A letter is kept per version of a view with its cause and what it touches; later records of the partition that touch any of it are
//! held back, in order, and hold back others in turn. Everything else goes on. An operator releases a letter once its cause is gone
//! (`release.rs`); the records themselves stay in the log.

use infra::views::{Scan, Version, ViewBatch, ViewError, ViewStore};
use rustc_hash::FxHashSet;
use schemas::PartitionId;
use schemas::events::Event;
use schemas::log::Offset;
use schemas::rows::{DeadLetterRow, LetterCause, RowKey, RowWrite, Table, View, codec, keys};
use serde::{Deserialize, Serialize};

use crate::batch::Fact;
use crate::{step, touches};

/// Letters read at once.
const PAGE: usize = 1_000;

/// What is held back in a partition of a view's version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds(FxHashSet<u64>);

impl Holds {
    /// Whether a record must wait.
    pub(crate) fn hold(&self, events: &[Event]) -> bool {
        !self.0.is_empty() && touches::of_record(events).iter().any(|number| self.0.contains(number))
    }

    /// Holds back whatever touches this from now on.
    pub(crate) fn add(&mut self, touched: &[u64]) {
        self.0.extend(touched);
    }
}

/// A record that no rows were made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) view: View,
    pub(crate) version: u32,
    pub(crate) offset: Offset,
    pub(crate) row: DeadLetterRow,
}

impl Letter {
    pub(crate) fn new(view: View, version: u32, fact: &Fact, cause: LetterCause) -> Self {
        let row = DeadLetterRow { cause, command_id: fact.header.command_id, touches: step::touched(fact) };
        Self { view, version, offset: fact.offset, row }
    }

    pub(crate) fn write(&self, partition: PartitionId) -> RowWrite {
        let key = keys::dead_letter(self.view, self.version, partition, self.offset);
        RowWrite { key, value: Some(codec::encode(&self.row)), offset: self.offset }
    }

    pub(crate) fn removal(&self, partition: PartitionId) -> RowWrite {
        RowWrite { key: keys::dead_letter(self.view, self.version, partition, self.offset), value: None, offset: self.offset }
    }

    /// Says so in the log and the metrics.
    pub(crate) fn report(&self) {
        let kind = match &self.row.cause {
            LetterCause::Undecodable(_) => "undecodable",
            LetterCause::Panicked(_) => "panicked",
            LetterCause::Held => "held",
        };
        metrics::counter!("roost_dead_letters_total", "view" => self.view.name(), "cause" => kind).increment(1);
        if self.row.cause != LetterCause::Held {
            tracing::error!(view = self.view.name(), offset = self.offset, cause = ?self.row.cause, "a record went to the dead letters");
        }
    }
}

/// The letters of a version of a view in a partition, in order.
pub(crate) async fn load(views: &dyn ViewStore, view: View, version: u32, partition: PartitionId) -> Result<Vec<Letter>, ViewError> {
    let mut letters: Vec<Letter> = Vec::new();
    loop {
        let scan = Scan {
            table: Table::DeadLetter,
            pk: keys::dead_letters_of(view, version, partition),
            above: letters.last().map(|letter| keys::id(letter.offset)),
            below: None,
            descending: false,
            limit: PAGE,
        };
        let page = views.scan(Version::Live, scan).await?;
        let last = page.len() < PAGE;
        for (sk, bytes) in page {
            let row = codec::decode(&bytes).map_err(|error| ViewError::Fatal(error.to_string()))?;
            let offset = keys::id_of(&sk).ok_or_else(|| ViewError::Fatal("a dead letter's key is damaged".into()))?;
            letters.push(Letter { view, version, offset, row });
        }
        if last {
            return Ok(letters);
        }
    }
}

/// A record that waits for an operator, or behind one that does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterInfo {
    /// The view that could not take it.
    pub view: View,
    /// The version of the view.
    pub version: u32,
    /// Whether readers see that version.
    pub live: bool,
    /// The record's partition.
    pub partition: PartitionId,
    /// The record's offset.
    pub offset: Offset,
    /// Why.
    pub cause: LetterCause,
    /// Accounts, posts and applications that are held back with it.
    pub touches: Vec<u64>,
}

/// Every letter of every view, by view, version, partition and offset.
pub async fn list(views: &dyn ViewStore) -> Result<Vec<LetterInfo>, ViewError> {
    let mut letters = Vec::new();
    let mut after: Option<RowKey> = None;
    loop {
        let page = views.dump(Version::Live, Table::DeadLetter, after.take(), PAGE).await?;
        after = page.last().filter(|_| page.len() == PAGE).map(|(key, _)| key.clone());
        for (key, bytes) in &page {
            letters.push(info(views, key, bytes).await?);
        }
        if after.is_none() {
            letters.sort_by_key(|letter| (letter.view, letter.version, letter.partition, letter.offset));
            return Ok(letters);
        }
    }
}

async fn info(views: &dyn ViewStore, key: &RowKey, bytes: &[u8]) -> Result<LetterInfo, ViewError> {
    let damaged = || ViewError::Fatal("a dead letter's key is damaged".into());
    let (view, version, partition) = keys::dead_letters_origin(&key.pk).ok_or_else(damaged)?;
    let offset = keys::id_of(&key.sk).ok_or_else(damaged)?;
    let row: DeadLetterRow = codec::decode(bytes).map_err(|error| ViewError::Fatal(error.to_string()))?;
    let live = views.versions(view).await?.live == version;
    Ok(LetterInfo { view, version, live, partition, offset, cause: row.cause, touches: row.touches })
}

/// Removes the letters of versions that are no more.
pub(crate) async fn sweep(views: &dyn ViewStore) -> Result<(), ViewError> {
    let mut writes = Vec::new();
    for letter in list(views).await? {
        let versions = views.versions(letter.view).await?;
        let kept = [Some(versions.live), versions.building, versions.previous];
        if !kept.contains(&Some(letter.version)) {
            let key = keys::dead_letter(letter.view, letter.version, letter.partition, letter.offset);
            writes.push(RowWrite { key, value: None, offset: letter.offset });
        }
    }
    views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await
}

pub(crate) async fn load_holds(views: &dyn ViewStore, view: View, version: u32, partition: PartitionId) -> Result<Holds, ViewError> {
    let mut holds = Holds::default();
    load(views, view, version, partition).await?.iter().for_each(|letter| holds.add(&letter.row.touches));
    Ok(holds)
}
