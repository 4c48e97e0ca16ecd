//! The mail port: one message to one person, handed to whoever delivers it. Why it stands behind an outbox:
//! docs/decisions/0014-mail-outbox.md.
//!
//! Ordering: none. Durability: what [`Mail::send`] has accepted is in the queue of a mail server, or synced in its file; it is nobody's
//! concern here any more. A message may be sent again: it then carries the same id, by which a receiver tells that it has it. Errors say
//! whether the message, the moment, or the server is at fault.

#[cfg(test)]
pub mod contract;
mod eml;
pub mod folder;
pub mod memory;
pub mod smtp;

use async_trait::async_trait;
use schemas::UnixMillis;

pub use eml::Sender;

/// A message to one person, in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Names it: lower-case letters, digits, dots and hyphens; the same one however often it is sent.
    pub id: String,
    /// The address that it goes to.
    pub to: String,
    /// What it is about; one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it was written, milliseconds since 1970.
    pub written_ms: UnixMillis,
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Nobody's message goes out now: the server does not answer, or not to us.
    #[error("mail cannot be sent now: {0}")]
    Away(String),
    /// This message may be taken later.
    #[error("the message is not taken now: {0}")]
    Later(String),
    /// This message will never be taken.
    #[error("the message is refused: {0}")]
    Refused(String),
}

/// Who delivers mail.
#[async_trait]
pub trait Mail: Send + Sync + 'static {
    /// Hands a message over; returns within half a minute.
    async fn send(&self, message: &Message) -> Result<(), MailError>;
}
