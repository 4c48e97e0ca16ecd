//! What can go wrong while reading: always ours to mend. What a reader may not see is no error but an absence.

use infra::readside::ReadError;
use infra::search::SearchError;
use infra::timelines::TimelineError;
use infra::views::ViewError;
use schemas::rows::codec::BadRow;

/// Why a read could not be served.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The view store.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// The home timelines.
    #[error(transparent)]
    Timelines(#[from] TimelineError),
    /// The search index.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A row of another build, or damaged.
    #[error(transparent)]
    Row(#[from] BadRow),
}

impl QueryError {
    /// Whether the same read may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Views(error) => matches!(error, ViewError::Retryable(_)),
            Self::Timelines(error) => matches!(error, TimelineError::Retryable(_)),
            Self::Search(error) => matches!(error, SearchError::Retryable(_)),
            Self::Row(_) => false,
        }
    }
}

impl From<QueryError> for ReadError {
    fn from(error: QueryError) -> Self {
        if error.is_retryable() { Self::Retryable(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}
