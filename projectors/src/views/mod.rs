//! The views: what each event changes in each table. Pure and synchronous; all I/O is the loop's.
//!
//! A view names the rows that an event needs (`reads`), then changes rows in the working set (`project`). What it reads is always among
//! its own tables, so a view can be rebuilt alone and is exact at its own checkpoint.

mod accounts;
pub(crate) mod home_timeline;
mod identity;
mod relations;
mod settings;
#[cfg(test)]
mod spec;
mod stats;
mod statuses;
mod timelines;

use schemas::events::Event;
use schemas::log::Offset;
use schemas::rows::{RowKey, View};
use schemas::{PartitionId, UnixMillis};

use crate::rows::Rows;

/// What a projection knows of the record beside its events.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The record's partition: the source of every row that it writes.
    pub partition: PartitionId,
    /// The record's offset.
    pub offset: Offset,
    /// When it was decided, milliseconds since 1970.
    pub time_ms: UnixMillis,
}

/// One view.
pub trait Projection: Send + Sync {
    /// Which one.
    fn view(&self) -> View;

    /// Adds the keys of the rows that `project` will read for the event.
    fn reads(&self, event: &Event, context: &Context, keys: &mut Vec<RowKey>);

    /// Applies the event.
    fn project(&self, event: &Event, context: &Context, rows: &mut Rows);
}

/// The projection of a view; nothing for those that the loop does not keep.
pub fn projection(view: View) -> Option<&'static dyn Projection> {
    match view {
        View::Accounts => Some(&accounts::Accounts),
        View::Relations => Some(&relations::Relations),
        View::Statuses => Some(&statuses::Statuses),
        View::Timelines => Some(&timelines::Timelines),
        View::Identity => Some(&identity::Identity),
        View::Settings => Some(&settings::Settings),
        View::Decisions | View::Reactors | View::DeadLetters => None,
    }
}
