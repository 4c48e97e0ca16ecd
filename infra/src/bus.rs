//! The command bus port: how the HTTP edge, reactors and tools reach the write loop of a command's partition, wherever it runs.

use async_trait::async_trait;
use schemas::commands::{CommandError, Envelope, Receipt};

/// Executes commands.
#[async_trait]
pub trait CommandBus: Send + Sync + 'static {
    /// Decides the command on its partition, makes the outcome durable, runs the follow-ups that it causes on other partitions, and
    /// answers with all their positions. Two calls with one id take effect once and get one answer.
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError>;

    /// Executes many commands, each as [`Self::execute`] does: those of one partition in the order given, whatever becomes of those before
    /// them. A result for each, in order. Who can sends them without waiting for one another, so that they share what durability costs.
    async fn execute_all(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, CommandError>> {
        let mut results = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            results.push(self.execute(envelope).await);
        }
        results
    }
}
