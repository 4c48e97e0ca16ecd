//! Mail in memory: the reference, and what tests read.

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Mail, MailError, Message, Sender, eml};

/// Keeps what is sent; the latest of an id.
pub struct MemoryMail {
    sender: Sender,
    sent: Mutex<Vec<Message>>,
    failures: Mutex<Vec<MailError>>,
}

/// Messages kept at the most: it is for tests and trials, and must not grow for ever.
const KEPT_MAX: usize = 10_000;

impl MemoryMail {
    /// Nothing sent yet.
    pub fn new(sender: Sender) -> Self {
        Self { sender, sent: Mutex::default(), failures: Mutex::default() }
    }

    /// What was sent, in order.
    pub fn sent(&self) -> Vec<Message> {
        self.sent.lock().clone()
    }

    /// Fails the next calls so, the last one given first.
    pub fn fail(&self, failures: impl IntoIterator<Item = MailError>) {
        self.failures.lock().extend(failures);
    }
}

#[async_trait]
impl Mail for MemoryMail {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        if let Some(failure) = self.failures.lock().pop() {
            return Err(failure);
        }
        eml::eml(message, &self.sender)?;
        let mut sent = self.sent.lock();
        sent.retain(|known| known.id != message.id);
        if sent.len() >= KEPT_MAX {
            sent.remove(0);
        }
        sent.push(message.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let mail = MemoryMail::new(contract::sender());
        let written = |message: &Message| String::from_utf8(eml::eml(message, &mail.sender).unwrap().formatted()).unwrap();
        contract::run(&mail, &|| mail.sent().iter().map(written).collect()).await;
    }
}
