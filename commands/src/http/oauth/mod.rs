//! OAuth 2 (RFC 6749, 7009, 7636, 8414): the pages, the tokens, their end, and how clients find all that.

pub(super) mod authorize;
pub(super) mod client;
pub(super) mod discovery;
mod grant;
mod page;
pub(super) mod revoke;
pub(super) mod token;
