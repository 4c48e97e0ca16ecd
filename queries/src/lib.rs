//! The read side: timelines, visibility, paging, hydration, and the HTTP resources over them.
//!
//! A read is: candidates (ids) from an index, rows through exact caches, the one visibility rule, a page assembled from bytes that were
//! serialised once.

mod caches;
mod dedupe;
mod error;
mod home;
mod paging;
mod render;
mod rows;
mod settings;
mod side;
#[cfg(test)]
mod testing;

pub use error::QueryError;
pub use paging::{Links, Page, PageAsk};
pub use settings::{Clock, Settings};
pub use side::QuerySide;
