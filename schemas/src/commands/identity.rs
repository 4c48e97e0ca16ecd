//! Commands on credentials, applications, codes and tokens.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, AppId, UnixMillis};

/// How an account signs in; sealed before it becomes a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Sealed e-mail address.
    pub email: Bytes,
    /// Sealed argon2id hash, PHC string.
    pub password: Bytes,
    /// Whether the address is confirmed.
    pub confirmed: bool,
}

/// Sets how the account signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCredentials {
    /// The account.
    pub account: AccountId,
    /// The new credentials.
    pub credentials: Credentials,
}

/// Confirms the e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmCredentials {
    /// The account.
    pub account: AccountId,
}

/// Registers an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterApp {
    /// Its id.
    pub app: AppId,
    /// SHA-256 of its secret.
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

/// Consents to an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueCode {
    /// The account.
    pub account: AccountId,
    /// SHA-256 of the code.
    pub code_hash: Bytes,
    /// The application.
    pub app: AppId,
    /// Where the code goes.
    pub redirect_uri: String,
    /// What is allowed.
    pub scopes: Vec<String>,
    /// PKCE S256 challenge.
    pub challenge: Option<String>,
    /// Until when it may be redeemed.
    pub expires_ms: UnixMillis,
}

/// Trades a code for a token, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemCode {
    /// The account.
    pub account: AccountId,
    /// SHA-256 of the code.
    pub code_hash: Bytes,
    /// Who redeems.
    pub app: AppId,
    /// Must be the code's.
    pub redirect_uri: String,
    /// The S256 challenge that the verifier sent gives; must be the code's.
    pub challenge: Option<String>,
    /// SHA-256 of the token to issue.
    pub token_hash: Bytes,
}

/// Issues a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueToken {
    /// For whom it acts; 0 for the application itself.
    pub account: AccountId,
    /// To which application; 0 for an operator's.
    pub app: AppId,
    /// SHA-256 of the token.
    pub token_hash: Bytes,
    /// What it allows.
    pub scopes: Vec<String>,
}

/// Revokes a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeToken {
    /// For whom it acts; 0 for the application itself.
    pub account: AccountId,
    /// Whose it is.
    pub app: AppId,
    /// SHA-256 of the token.
    pub token_hash: Bytes,
}
