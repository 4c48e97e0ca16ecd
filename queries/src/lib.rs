//! The read side: timelines, visibility, paging, hydration, and the HTTP resources over them.
//!
//! A read is: candidates (ids) from an index, rows through exact caches, the one visibility rule, a page assembled from bytes that were
//! serialised once.

mod accounts;
mod caches;
mod dedupe;
#[cfg(test)]
mod entities_tests;
mod error;
mod feeds;
mod home;
pub mod http;
mod instance;
mod kept;
mod markers;
mod paging;
mod people;
mod profile;
mod readside;
mod relationship;
mod render;
mod rows;
mod search;
mod settings;
mod side;
mod statuses;
mod tags;
#[cfg(test)]
mod testing;
mod thread;
mod walk;

use bytes::Bytes;
use serde::Serialize;

pub use error::QueryError;
pub use feeds::{FeedFilter, TagFilter};
pub use instance::AboutServer;
pub use paging::{Links, Page, PageAsk};
pub use profile::ProfileFilter;
pub use search::{Kind, PostSearch, SearchAsk};
pub use settings::Settings;
pub use side::QuerySide;

/// An entity as JSON.
fn json<T: Serialize>(entity: &T) -> Bytes {
    serde_json::to_vec(entity).expect("entities are plain data: writing them to memory cannot fail").into()
}
