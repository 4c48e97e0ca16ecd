//! Why a projection stops, and what may be tried again.

use infra::log::LogError;
use infra::search::SearchError;
use infra::timelines::TimelineError;
use infra::views::ViewError;
use schemas::PartitionId;
use schemas::log::Offset;

/// Why the projection of a partition stopped. The rows stay as they are; a restart goes on from the checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The log skipped offsets: nothing after the gap may be projected.
    #[error("partition {partition} goes from offset {expected} to {found}: the log has a gap, restore it before going on")]
    Gap {
        /// Where.
        partition: PartitionId,
        /// The offset that should have come.
        expected: Offset,
        /// The offset that came.
        found: Offset,
    },
    /// A checkpoint belongs to another log.
    #[error("{what} stands in log generation {found}, the log is generation {expected}: rebuild it")]
    Generation {
        /// The view, index or reactor.
        what: String,
        /// The checkpoint's generation.
        found: u32,
        /// The log's generation.
        expected: u32,
    },
    /// A store stayed unavailable for longer than the retries last.
    #[error("gave up after {attempts} attempts: {cause}")]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        cause: String,
    },
    /// The log failed for good.
    #[error(transparent)]
    Log(LogError),
    /// The view store failed for good.
    #[error(transparent)]
    Views(ViewError),
    /// The timelines failed for good.
    #[error(transparent)]
    Timelines(TimelineError),
    /// The search index failed for good.
    #[error(transparent)]
    Search(SearchError),
    /// A task ended without an answer.
    #[error("a projection task ended: {0}")]
    Task(String),
    /// What was asked for does not exist, or cannot be done now; says what to do.
    #[error("{0}")]
    Refused(String),
}

/// What a step met.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The same step may succeed later.
    Retryable(String),
    /// Read the checkpoint and go on from there.
    Reload,
    /// Nothing helps.
    Fatal(ProjectError),
}

impl From<ProjectError> for Trouble {
    fn from(error: ProjectError) -> Self {
        Self::Fatal(error)
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Retryable(cause) => Self::Retryable(cause),
            other => Self::Fatal(ProjectError::Log(other)),
        }
    }
}

impl From<ViewError> for Trouble {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Retryable(cause) => Self::Retryable(cause),
            other => Self::Fatal(ProjectError::Views(other)),
        }
    }
}

impl From<TimelineError> for Trouble {
    fn from(error: TimelineError) -> Self {
        match error {
            TimelineError::Retryable(cause) => Self::Retryable(cause),
            other @ TimelineError::Fatal(_) => Self::Fatal(ProjectError::Timelines(other)),
        }
    }
}

impl From<SearchError> for Trouble {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Retryable(cause) => Self::Retryable(cause),
            SearchError::Rewound(_) => Self::Reload,
            other => Self::Fatal(ProjectError::Search(other)),
        }
    }
}
