//! What is there after a restart, against the journal: through the API, and in the log itself.

pub(super) mod api;
pub(super) mod log;
