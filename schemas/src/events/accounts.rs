//! Accounts: registration, profile, handle.

use serde::{Deserialize, Serialize};

use super::shared::Profile;
use crate::ids::AccountId;

/// An account exists from now on; its handle is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRegistered {
    /// The account.
    pub account: AccountId,
    /// The handle as shown; its normalised form was claimed.
    pub handle: String,
    /// What it starts with.
    pub profile: Profile,
    /// Who let it in; 0 for self-service or an operator.
    pub invited_by: AccountId,
}

/// The profile is replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileChanged {
    /// The account.
    pub account: AccountId,
    /// The new profile.
    pub profile: Profile,
}

/// The account goes by another handle, which it has claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleChanged {
    /// The account.
    pub account: AccountId,
    /// The former handle.
    pub from: String,
    /// The new one.
    pub to: String,
}
