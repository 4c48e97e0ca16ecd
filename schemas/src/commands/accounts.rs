//! Commands on accounts, handles and reading markers.

use serde::{Deserialize, Serialize};

use super::identity::Credentials;
use crate::events::{Profile, ProfileField, Visibility};
use crate::ids::{AccountId, RelationId, UnixMillis};

/// Opens an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterAccount {
    /// Its id, chosen before the handle was claimed.
    pub account: AccountId,
    /// The handle as it will be shown.
    pub handle: String,
    /// What it starts with.
    pub profile: Profile,
    /// How it signs in, if it does.
    pub credentials: Option<Credentials>,
    /// Who let it in; 0 for self-service or an operator.
    pub invited_by: AccountId,
    /// The handle's claim, to be confirmed.
    pub claim: RelationId,
}

/// What of a profile changes; nothing where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ProfilePatch {
    /// See [`Profile`].
    pub display_name: Option<String>,
    /// See [`Profile`].
    pub note: Option<String>,
    /// See [`Profile`].
    pub fields: Option<Vec<ProfileField>>,
    /// See [`Profile`]; inner nothing removes.
    pub avatar: Option<Option<String>>,
    /// See [`Profile`]; inner nothing removes.
    pub header: Option<Option<String>>,
    /// See [`Profile`].
    pub locked: Option<bool>,
    /// See [`Profile`].
    pub bot: Option<bool>,
    /// See [`Profile`].
    pub discoverable: Option<bool>,
    /// See [`Profile`].
    pub indexable: Option<bool>,
    /// See [`Profile`].
    pub hide_collections: Option<bool>,
    /// See [`Profile`].
    pub default_visibility: Option<Visibility>,
    /// See [`Profile`].
    pub default_sensitive: Option<bool>,
    /// See [`Profile`]; inner nothing removes.
    pub default_language: Option<Option<String>>,
}

/// Changes what the account says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeProfile {
    /// The account.
    pub account: AccountId,
    /// The change.
    pub patch: ProfilePatch,
}

/// Goes by another handle; the claim of the new one is confirmed and the old one held by follow-ups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeHandle {
    /// The account.
    pub account: AccountId,
    /// The new handle as it will be shown.
    pub to: String,
    /// The new handle's claim.
    pub claim: RelationId,
}

/// Speaks for a handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimHandle {
    /// The normalised handle.
    pub handle: String,
    /// For whom.
    pub account: AccountId,
    /// When the claim may lapse unless confirmed.
    pub expires_ms: UnixMillis,
}

/// Makes a claim final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmHandle {
    /// The normalised handle.
    pub handle: String,
    /// Whose it is.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
}

/// Ends a claim that nobody confirmed in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LapseHandle {
    /// The normalised handle.
    pub handle: String,
    /// The claim.
    pub claim: RelationId,
}

/// Reserves a handle that its account gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldHandle {
    /// The normalised handle.
    pub handle: String,
    /// Whose it was.
    pub account: AccountId,
    /// Until when.
    pub until_ms: UnixMillis,
}

/// Frees a held handle whose time has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHandle {
    /// The normalised handle.
    pub handle: String,
    /// The claim.
    pub claim: RelationId,
}

/// Moves a reading marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveMarker {
    /// The account.
    pub account: AccountId,
    /// `home` or `notifications`.
    pub timeline: String,
    /// The newest id read.
    pub last_read: u64,
}
