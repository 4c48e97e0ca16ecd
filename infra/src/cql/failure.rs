//! What goes wrong with a CQL store: errors of the driver as retryable or terminal.

use scylla::errors::{BadQuery, DbError, ExecutionError, PrepareError, RequestAttemptError};

use crate::timelines::TimelineError;
use crate::views::ViewError;

/// Why the store could not serve.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CqlFailure {
    /// The same call may succeed later.
    #[error("{0}")]
    Retryable(String),
    /// Terminal for this process.
    #[error("{0}")]
    Fatal(String),
}

/// What to do about an error of the kind "the statement does not fit the schema".
const BEHIND: &str = "if a table is missing, run `roost migrate`";

impl CqlFailure {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable(_))
    }

    /// A damaged row.
    pub(crate) fn damaged(what: &str) -> Self {
        Self::Fatal(format!("{what} is damaged"))
    }
}

fn of_server(error: &DbError, text: String) -> CqlFailure {
    match error {
        DbError::Invalid | DbError::SyntaxError | DbError::ConfigError => CqlFailure::Fatal(format!("{text}: {BEHIND}")),
        DbError::Unauthorized | DbError::AuthenticationError => CqlFailure::Fatal(text),
        _ => CqlFailure::Retryable(text),
    }
}

impl From<&ExecutionError> for CqlFailure {
    fn from(error: &ExecutionError) -> Self {
        match error {
            ExecutionError::LastAttemptError(RequestAttemptError::DbError(kind, _)) => of_server(kind, error.to_string()),
            ExecutionError::BadQuery(BadQuery::SerializationError(_)) => Self::Fatal(error.to_string()),
            ExecutionError::PrepareError(inner) => Self::from(inner),
            other => Self::Retryable(other.to_string()),
        }
    }
}

impl From<&PrepareError> for CqlFailure {
    fn from(error: &PrepareError) -> Self {
        match error {
            PrepareError::AllAttemptsFailed { first_attempt: RequestAttemptError::DbError(kind, _) } => of_server(kind, error.to_string()),
            other => Self::Retryable(other.to_string()),
        }
    }
}

impl From<CqlFailure> for ViewError {
    fn from(failure: CqlFailure) -> Self {
        match failure {
            CqlFailure::Retryable(cause) => Self::Retryable(cause),
            CqlFailure::Fatal(cause) => Self::Fatal(cause),
        }
    }
}

impl From<CqlFailure> for TimelineError {
    fn from(failure: CqlFailure) -> Self {
        match failure {
            CqlFailure::Retryable(cause) => Self::Retryable(cause),
            CqlFailure::Fatal(cause) => Self::Fatal(cause),
        }
    }
}
