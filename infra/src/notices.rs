//! The notices port: what projectors committed, told to the processes that cache rows and wait for positions.
//!
//! A notice is published after the commit that it tells of, and says which stamps moved (see [`crate::cache`]) and how far the views of a
//! partition are. Whoever follows first moves the stamps, then its [`Progress`]; so a reader that waited for a position never takes a cached
//! value from before it. Order: notices of one process arrive in the order in which they were published. Losing one is told as
//! [`Heard::Missed`]. See docs/decisions/0011-roles-in-processes.md.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod follower;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
mod publisher;
mod wire;

use async_trait::async_trait;
use schemas::PartitionId;
use schemas::log::Offset;

pub use follower::Follower;
pub use publisher::Publisher;
pub use wire::{BadNotice, decode, encode};

/// Slots that one notice names at the most; beyond them it names all.
pub const SLOTS_MAX: usize = 65_536;

/// What was committed since the last notice of the same process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notice {
    /// Stamps that moved; nothing for all of them.
    pub slots: Option<Vec<u32>>,
    /// The next offset of the live views of each partition that went on.
    pub next: Vec<(PartitionId, Offset)>,
}

/// What a follower hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A notice.
    Notice(Notice),
    /// Some may not have been heard. Whoever cannot do without them subscribes again: the place may be lost.
    Missed,
}

/// Why the feed could not serve; the same call may succeed later.
#[derive(Debug, thiserror::Error)]
#[error("notices are not available: {0}")]
pub struct NoticeError(pub String);

/// The feed of notices of a deployment.
#[async_trait]
pub trait Notices: Send + Sync + 'static {
    /// Publishes a notice; returns once every follower will hear it.
    async fn publish(&self, notice: Notice) -> Result<(), NoticeError>;

    /// Follows the feed: returns once every notice published from now on will be heard.
    async fn subscribe(&self) -> Result<Box<dyn Subscription>, NoticeError>;
}

/// A place in the feed.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for what comes next. May be dropped and called again.
    async fn hear(&mut self) -> Result<Heard, NoticeError>;
}
