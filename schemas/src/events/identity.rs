//! Identity: credentials, applications, codes, tokens. Secrets are hashed, personal data sealed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, AppId, UnixMillis};

/// How the account signs in; personal data, sealed (docs/decisions/0005-identity-in-the-log.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsSet {
    /// The account.
    pub account: AccountId,
    /// Sealed e-mail address.
    pub email: Bytes,
    /// Sealed argon2id hash, PHC string.
    pub password: Bytes,
    /// Whether the address is confirmed.
    pub confirmed: bool,
}

/// The account has shown that the e-mail address is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsConfirmed {
    /// The account.
    pub account: AccountId,
}

/// An OAuth application. On the application's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRegistered {
    /// The application; its client id.
    pub app: AppId,
    /// SHA-256 of the client secret.
    pub secret_hash: Bytes,
    /// Its name.
    pub name: String,
    /// Its page.
    pub website: Option<String>,
    /// Where codes may go.
    pub redirect_uris: Vec<String>,
    /// What it may ever ask for.
    pub scopes: Vec<String>,
}

/// The account lets the application act for it; the code is to be redeemed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeIssued {
    /// Who consents.
    pub account: AccountId,
    /// SHA-256 of the code.
    pub code_hash: Bytes,
    /// For which application.
    pub app: AppId,
    /// Where the code goes.
    pub redirect_uri: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// PKCE S256 code challenge.
    pub challenge: Option<String>,
    /// Until when it may be redeemed.
    pub expires_ms: UnixMillis,
}

/// The code is spent; a token of the same record replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRedeemed {
    /// Who consented.
    pub account: AccountId,
    /// SHA-256 of the code.
    pub code_hash: Bytes,
}

/// A bearer token is valid from now on. On the account's partition, or on the application's for a token of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssued {
    /// For whom it acts; 0 for the application itself.
    pub account: AccountId,
    /// SHA-256 of the token.
    pub token_hash: Bytes,
    /// To which application; 0 for an operator's.
    pub app: AppId,
    /// What it allows.
    pub scopes: Vec<String>,
}

/// A bearer token is refused from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// For whom it acted; 0 for the application itself.
    pub account: AccountId,
    /// SHA-256 of the token.
    pub token_hash: Bytes,
    /// Whose it was.
    pub app: AppId,
}
