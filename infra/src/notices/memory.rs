//! Notices within one process, for tests: a bounded broadcast.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Heard, Notice, NoticeError, Notices, Subscription};

/// Notices that a slow follower may be behind before it misses some.
const BEHIND_MAX: usize = 1_024;

/// See the module.
#[derive(Debug, Clone)]
pub struct MemoryNotices {
    feed: broadcast::Sender<Arc<Notice>>,
}

impl Default for MemoryNotices {
    fn default() -> Self {
        Self { feed: broadcast::Sender::new(BEHIND_MAX) }
    }
}

struct Place(broadcast::Receiver<Arc<Notice>>);

#[async_trait]
impl Notices for MemoryNotices {
    async fn publish(&self, notice: Notice) -> Result<(), NoticeError> {
        // Nobody follows: nobody misses it.
        let _ = self.feed.send(Arc::new(notice));
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, NoticeError> {
        Ok(Box::new(Place(self.feed.subscribe())))
    }
}

#[async_trait]
impl Subscription for Place {
    async fn hear(&mut self) -> Result<Heard, NoticeError> {
        match self.0.recv().await {
            Ok(notice) => Ok(Heard::Notice((*notice).clone())),
            Err(RecvError::Lagged(_)) => Ok(Heard::Missed),
            Err(RecvError::Closed) => Err(NoticeError("the feed is closed".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::notices::contract::{self, Join};

    fn fresh() -> Join {
        let feed = MemoryNotices::default();
        Arc::new(move || std::future::ready(Arc::new(feed.clone()) as Arc<dyn Notices>).boxed())
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::check(&fresh).await;
    }
}
