//! The embedded log under the contract of the port, and the bytes that it may never change.

use std::sync::Arc;

use futures_util::FutureExt;

use super::*;
use crate::log::contract::{self, OpenAgain};

fn fresh(options: impl Fn(&mut EmbeddedOptions) + Copy + Send + Sync + 'static) -> impl Fn(LogLayout) -> OpenAgain {
    move |layout| {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        Arc::new(move || {
            let folder = Arc::clone(&folder);
            async move {
                let mut with = EmbeddedOptions::new(layout);
                options(&mut with);
                Ok(EmbeddedLog::open(folder.path().join("log"), with)? as Arc<dyn EventLog>)
            }
            .boxed()
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    contract::check(&fresh(|_| {})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_with_tiny_segments_and_no_memory() {
    contract::check(&fresh(|options| (options.segment_bytes, options.recent_bytes) = (2_000, 0))).await;
}
