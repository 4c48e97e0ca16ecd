//! Per-account settings that clients keep.

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

/// How far the account has read a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerMoved {
    /// Who.
    pub account: AccountId,
    /// `home` or `notifications`.
    pub timeline: String,
    /// The newest id read.
    pub last_read: u64,
    /// Counts the changes, from 1.
    pub version: u64,
}
