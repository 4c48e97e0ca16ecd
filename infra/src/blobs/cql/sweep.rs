//! The sweep: ends what broke off. A put whose head is there has only its clearing up left; one without a head is undone, for good.

use super::Inner;
use super::tables::{Change, Kind};
use crate::cql::CqlFailure;

/// How old a change is at least that is taken for broken off, in hours; puts take seconds.
const AGE_HOURS_MIN: i32 = 1;
/// How far back a process looks at first: processes start more often than that.
const BACK_HOURS: i32 = 14 * 24;

impl Inner {
    /// Goes through the hours since the last time; says how many changes it ended.
    pub(super) async fn sweep(&self) -> Result<u64, CqlFailure> {
        let mut from = self.sweep_from.lock().await;
        let until = self.hour().saturating_sub(AGE_HOURS_MIN);
        let mut ended = 0;
        for hour in (*from).max(until.saturating_sub(BACK_HOURS))..until {
            loop {
                let changes = self.tables.changes(hour).await?;
                if changes.is_empty() {
                    break;
                }
                for change in &changes {
                    self.end(change).await?;
                    ended += 1;
                }
            }
            // What began in that hour has ended or will be ended here: nothing begins in it again.
            *from = hour + 1;
        }
        metrics::counter!("roost_blob_changes_swept_total").increment(ended);
        Ok(ended)
    }

    async fn end(&self, change: &Change) -> Result<(), CqlFailure> {
        match change.kind {
            Kind::Removal => self.finish_removal(change).await,
            Kind::Put => {
                self.tables.mark_swept(change).await?;
                let heads = self.tables.heads(&change.name).await?;
                if heads.iter().any(|head| head.upload == change.upload) {
                    self.remove_older(&change.name).await?;
                } else {
                    // Its head, should it be on its way still, is removed before it comes.
                    self.tables.remove_head(&change.name, change.stamp, change.upload).await?;
                    self.tables.remove_chunks(&change.name, change.upload, change.chunks).await?;
                }
                self.tables.remove_change(change).await
            }
        }
    }
}
