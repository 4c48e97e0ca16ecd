//! What the embedded log can be told, with defaults for a server.

use std::sync::Arc;
use std::time::Duration;

use super::files::{FileLayer, OsFiles};
use crate::log::{LogError, LogLayout};

const MIB: usize = 1 << 20;

/// Called when the log can no longer keep its promises; see [`EmbeddedOptions::on_fatal`].
pub type OnFatal = Arc<dyn Fn(&LogError) + Send + Sync>;

/// How an embedded log is opened.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// The cut; of an existing log it must be the one that it was made with.
    pub layout: LogLayout,
    /// A segment that a write would grow beyond is followed by a new one. Bytes, at most 1 GiB.
    pub segment_bytes: u64,
    /// A segment older than this is followed by a new one at the next write.
    pub segment_age: Duration,
    /// Bytes of newest records that each partition keeps in memory for its readers.
    pub recent_bytes: usize,
    /// Records that may wait for the disk in each partition.
    pub queue_records: usize,
    /// Bytes that may wait for the disk in each partition.
    pub queue_bytes: usize,
    /// Bytes of complete segments verified before the log opens, the newest first and shared evenly between partitions; the rest is
    /// verified behind, once.
    pub verify_at_open_bytes: u64,
    /// How files are written; other than [`OsFiles`] only to test faults.
    pub files: Arc<dyn FileLayer>,
    /// Called after a failed write or sync, and when damage is found behind, before anyone is told that their append failed. The default
    /// logs the error and aborts the process, for after a failed sync nothing that the log says can be trusted. Nothing is acknowledged
    /// after it.
    pub on_fatal: OnFatal,
}

impl EmbeddedOptions {
    /// The defaults.
    pub fn new(layout: LogLayout) -> Self {
        Self {
            layout,
            segment_bytes: 128 * MIB as u64,
            segment_age: Duration::from_hours(7 * 24),
            recent_bytes: 4 * MIB,
            queue_records: 65_536,
            queue_bytes: 32 * MIB,
            verify_at_open_bytes: 1_024 * MIB as u64,
            files: Arc::new(OsFiles),
            on_fatal: Arc::new(abort),
        }
    }
}

fn abort(error: &LogError) {
    tracing::error!(%error, "the log cannot go on: stopping the process");
    std::process::abort();
}
