//! The reference: home timelines computed from the source at each read. What it answers is the definition of right.

use std::sync::Arc;

use async_trait::async_trait;
use schemas::AccountId;

use super::{Delivery, Entry, Stretch, TimelineError, TimelineOp, TimelineSource, Timelines};

/// Timelines that keep nothing: each read merges the lists of all followees.
pub struct NaiveTimelines {
    source: Arc<dyn TimelineSource>,
}

impl NaiveTimelines {
    /// Makes timelines over a source.
    pub fn new(source: Arc<dyn TimelineSource>) -> Self {
        Self { source }
    }
}

#[async_trait]
impl Timelines for NaiveTimelines {
    async fn apply(&self, _ops: &[TimelineOp]) -> Result<(), TimelineError> {
        Ok(())
    }

    async fn home(&self, reader: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        let mut authors = self.source.followees(reader).await?;
        authors.push(reader);
        let mut page = Vec::new();
        for author in authors {
            page.extend(self.source.author_list(author, stretch).await?);
        }
        page.sort_unstable_by_key(|entry| entry.post);
        page.dedup_by_key(|entry| entry.post);
        if !stretch.ascending {
            page.reverse();
        }
        page.truncate(stretch.limit);
        Ok(page)
    }

    async fn delivery(&self, _reader: AccountId, _author: AccountId) -> Result<Delivery, TimelineError> {
        Ok(Delivery::Pull)
    }

    async fn reset(&self) -> Result<(), TimelineError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn passes_the_contract() {
        contract::check(&|source, _clock| Arc::new(NaiveTimelines::new(source))).await;
    }
}
