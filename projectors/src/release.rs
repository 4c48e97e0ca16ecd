//! Releases dead letters: an operator has the cause mended and the record tried again, or gives it up.
//!
//! The steps of the live views stand still meanwhile. What was held back behind the released record follows it in order, up to whatever
//! another letter still holds back; rows and letters change in one commit, so a crash leaves either all of it or nothing.

use infra::log::{EventLog, ReadLimits};
use infra::views::{Version, ViewBatch, ViewStore};
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::{LetterCause, RowWrite, View};

use crate::batch::Fact;
use crate::error::ProjectError;
use crate::letters::{self, Holds, Letter};
use crate::rows::Rows;
use crate::step;
use crate::views::{Context, Projection, projection};

/// What becomes of a released record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It is projected again.
    Retry,
    /// It is left out for good; the view then differs from the log until it is rebuilt.
    Discard,
}

/// What a release did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Released {
    /// Records projected.
    pub applied: u64,
    /// Letters of the view's partition that remain.
    pub remaining: u64,
}

/// Releases a letter of a live view, by view, partition and offset. The caller sees to it that no step of the view runs meanwhile:
/// beside a running service, [`crate::Projectors::release`] does.
pub async fn release(
    log: &dyn EventLog,
    views: &dyn ViewStore,
    (view, partition, offset): (View, PartitionId, Offset),
    how: Release,
) -> Result<Released, ProjectError> {
    let refused = |what: &str| ProjectError::Refused(format!("{what}: list the dead letters to see which there are"));
    let projection = projection(view).ok_or_else(|| refused("this view has no dead letters"))?;
    let number = views.versions(view).await.map_err(ProjectError::Views)?.live;
    let letters = letters::load(views, view, number, partition).await.map_err(ProjectError::Views)?;
    let meant = letters.iter().find(|letter| letter.offset == offset).ok_or_else(|| refused("there is no such dead letter"))?;
    if meant.row.cause == LetterCause::Held {
        return Err(refused("the record is held back behind another one: release that"));
    }
    let at = views.checkpoint(Version::Live, view, partition).await.map_err(ProjectError::Views)?.unwrap_or_default();
    let mut work = Work { log, views, projection, partition, rows: Rows::late(at.next), holds: Holds::default(), writes: Vec::new() };
    let mut released = Released::default();
    for letter in &letters {
        let fact = work.fact(letter.offset).await?;
        let free = match letter.row.cause {
            LetterCause::Held => !work.holds.hold(fact.events()),
            _ => letter.offset == offset,
        };
        match (free, how) {
            (true, Release::Discard) if letter.offset == offset => work.writes.push(letter.removal(partition)),
            (true, _) if work.retry(letter, &fact).await? => released.applied += 1,
            _ => {
                released.remaining += 1;
                work.holds.add(&letter.row.touches);
            }
        }
    }
    let Work { rows, mut writes, .. } = work;
    writes.extend(rows.into_writes());
    views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await.map_err(ProjectError::Views)?;
    Ok(released)
}

struct Work<'a> {
    log: &'a dyn EventLog,
    views: &'a dyn ViewStore,
    projection: &'static dyn Projection,
    partition: PartitionId,
    rows: Rows,
    holds: Holds,
    /// Changes of the letters themselves.
    writes: Vec<RowWrite>,
}

impl Work<'_> {
    async fn fact(&self, offset: Offset) -> Result<Fact, ProjectError> {
        let limits = ReadLimits { records: 1, bytes: usize::MAX };
        let records = self.log.read(self.partition, offset, limits).await.map_err(ProjectError::Log)?;
        let gone = || ProjectError::Refused(format!("the log no longer has offset {offset} of partition {}", self.partition));
        records.first().map(Fact::of).ok_or_else(gone)
    }

    /// Projects the record; says whether it went well. If not, its letter says why.
    async fn retry(&mut self, letter: &Letter, fact: &Fact) -> Result<bool, ProjectError> {
        let context = Context { partition: self.partition, offset: fact.offset, time_ms: fact.header.time_ms };
        let outcome = match &fact.events {
            Err(cause) => Err(LetterCause::Undecodable(cause.clone())),
            Ok(_) => match step::reads_of(self.projection, &context, fact) {
                Err(panic) => Err(LetterCause::Panicked(panic)),
                Ok(keys) => {
                    let keys: Vec<_> = keys.into_iter().filter(|key| !self.rows.knows(key)).collect();
                    let values = self.views.get(Version::Live, &keys).await.map_err(ProjectError::Views)?;
                    keys.into_iter().zip(values).for_each(|(key, value)| self.rows.fetched(key, value));
                    step::apply(self.projection, &context, fact, &mut self.rows)
                }
            },
        };
        match outcome {
            Ok(()) => {
                self.writes.push(letter.removal(self.partition));
                Ok(true)
            }
            Err(cause) => {
                let again = Letter::new(letter.view, letter.version, fact, cause);
                self.writes.push(again.write(self.partition));
                Ok(false)
            }
        }
    }
}
