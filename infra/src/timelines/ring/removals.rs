//! What is removed while rings are being filled from lists that were read before.

/// Removals noted while rings are being filled; beyond it those fills are given up.
const REMOVALS_NOTED_MAX: usize = 4_096;

/// Posts removed while rings are being filled: what was read of their lists may be older.
#[derive(Debug, Default)]
pub(super) struct Removals {
    posts: Vec<u64>,
    lost: bool,
    fills: u32,
}

impl Removals {
    /// Notes a removal, where a fill is under way.
    pub(super) fn note(&mut self, post: u64) {
        if self.fills > 0 {
            self.lost |= self.posts.len() >= REMOVALS_NOTED_MAX;
            if !self.lost {
                self.posts.push(post);
            }
        }
    }

    /// Begins a fill, and says how many removals were noted before it.
    pub(super) fn begin_fill(&mut self) -> usize {
        self.fills += 1;
        self.posts.len()
    }

    /// Whether there were too many to note: what was filled meanwhile cannot be trusted.
    pub(super) fn lost(&self) -> bool {
        self.lost
    }

    /// The posts removed after the first `noted` ones.
    pub(super) fn since(&self, noted: usize) -> &[u64] {
        self.posts.get(noted..).unwrap_or_default()
    }

    /// Ends a fill; after the last one nothing needs to be noted any more.
    pub(super) fn end_fill(&mut self) {
        self.fills = self.fills.saturating_sub(1);
        if self.fills == 0 {
            *self = Self::default();
        }
    }
}
