//! What operators and tests choose about the ring engine.

pub use super::rates::Costs;

/// Who serves an edge from an author to a reader. Feeds are the same under each; cost is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Every post is written to every ring of its audience.
    PushAll,
    /// Nothing is written: each read merges the author lists. There are no rings then.
    PullAll,
    /// Authors with at least as many followers are pulled, the others pushed.
    Threshold {
        /// Followers from which an author is pulled.
        followers: u64,
    },
    /// The cheaper of both per edge, by the author's posting and the reader's reading rate; bursts are pulled, and rings that nobody reads are paused.
    #[default]
    Adaptive,
}

/// The ring engine's limits and choices.
#[derive(Debug, Clone)]
pub struct RingOptions {
    /// Push or pull.
    pub policy: Policy,
    /// Entries of a ring, rounded up to a power of two between 2 and 32,768.
    pub slots: usize,
    /// Rings at the most; beyond it the longest unread gives way. A ring of 256 slots takes about 4.2 KB.
    pub rings_max: usize,
    /// Shards of readers, each with its own lock, rounded up to a power of two between 1 and 256; zero: one per core. More of them wait
    /// less for one another and hold more, smaller follower lists.
    pub shards: usize,
    /// A reader who has not read for as long loses the ring, in milliseconds.
    pub idle_after_ms: u64,
    /// Author lists held in memory at the most.
    pub lists_max: usize,
    /// Entries of each.
    pub list_slots: usize,
    /// Adaptive: whether a ring takes no more posts where filling it anew at its next read will be cheaper.
    pub pauses: bool,
    /// Adaptive: work that an author's posts may cause within ten seconds, in milliseconds; what exceeds it is pulled.
    pub burst_budget_ms: u32,
    /// Adaptive: one post in so many, a power of two, is counted for as many, to know how often authors post.
    pub posts_counted_in: u32,
    /// Adaptive: the costs to start from.
    pub costs: Costs,
    /// Adaptive: whether costs follow what is measured.
    pub measure: bool,
}

impl Default for RingOptions {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            slots: 256,
            rings_max: 65_536,
            shards: 0,
            idle_after_ms: 3 * 24 * 3_600 * 1_000,
            lists_max: 16_384,
            list_slots: 64,
            pauses: true,
            burst_budget_ms: 50,
            posts_counted_in: 8,
            costs: Costs { push_ns: 40, open_ns: 1_000, entry_ns: 25, fill_ns: 500 },
            measure: true,
        }
    }
}

/// The largest window: its indexes are `u16`.
const SLOTS_MAX: usize = 32_768;
const SHARDS_MAX: usize = 256;
const POSTS_COUNTED_IN_MAX: u32 = 1 << 10;

impl RingOptions {
    /// Brings every number into its range.
    pub(super) fn settled(mut self) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shards = if self.shards == 0 { cores() } else { self.shards };
        self.shards = shards.clamp(1, SHARDS_MAX).next_power_of_two();
        self.posts_counted_in = self.posts_counted_in.clamp(1, POSTS_COUNTED_IN_MAX).next_power_of_two();
        self.slots = self.slots.clamp(2, SLOTS_MAX).next_power_of_two();
        self.list_slots = self.list_slots.clamp(2, SLOTS_MAX).next_power_of_two();
        self
    }
}
