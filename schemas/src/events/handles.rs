//! Handles: the claim, confirmation and release of names, on the handle's own partition.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, RelationId, UnixMillis};

/// A handle is spoken for until it is confirmed or lapses. On the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleClaimed {
    /// The normalised handle.
    pub handle: String,
    /// For whom.
    pub account: AccountId,
    /// Names this claim.
    pub claim: RelationId,
    /// When an unconfirmed claim may lapse.
    pub expires_ms: UnixMillis,
}

/// The account exists under the handle. On the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleConfirmed {
    /// The normalised handle.
    pub handle: String,
    /// Whose it is.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
}

/// A claim that nobody confirmed is over. On the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleLapsed {
    /// The normalised handle.
    pub handle: String,
    /// Who had claimed it.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
}

/// The account goes by another handle; this one stays reserved for it for a while. On the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleHeld {
    /// The normalised handle.
    pub handle: String,
    /// Whose it was.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
    /// When it may be released.
    pub until_ms: UnixMillis,
}

/// A held handle is free again. On the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleReleased {
    /// The normalised handle.
    pub handle: String,
    /// Whose it was.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
}
