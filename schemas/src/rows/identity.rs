//! Rows of the identity and settings views.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, AppId, UnixMillis};

/// An application. Source: its own partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRow {
    /// SHA-256 of its secret.
    pub secret_hash: Bytes,
    /// Its name.
    pub name: String,
    /// Its page.
    pub website: Option<String>,
    /// Where codes may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
    /// When it registered.
    pub created_ms: UnixMillis,
}

/// A token. Source: its account's partition, or its application's. Removed when revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// For whom it acts; 0 for the application itself.
    pub account: AccountId,
    /// Whose it is; 0 for an operator's.
    pub app: AppId,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was issued.
    pub created_ms: UnixMillis,
}

/// An authorization code. Source: its account's partition. Removed when redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthCodeRow {
    /// Who consented.
    pub account: AccountId,
    /// To which application.
    pub app: AppId,
    /// Until when it may be redeemed.
    pub expires_ms: UnixMillis,
}

/// How an account signs in. Source: its own partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRow {
    /// Sealed.
    pub email: Bytes,
    /// Sealed.
    pub password: Bytes,
    /// Whether the address is confirmed.
    pub confirmed: bool,
}

/// A reading marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerRow {
    /// The newest id read.
    pub last_read: u64,
    /// Counts the changes.
    pub version: u64,
    /// When it last moved.
    pub updated_ms: UnixMillis,
}
