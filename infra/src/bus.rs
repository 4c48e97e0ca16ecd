//! The command bus port: how the HTTP edge, reactors and tools reach the write loop of a command's partition, wherever it runs.

use async_trait::async_trait;
use schemas::commands::{CommandError, Envelope, Receipt};

/// Executes commands.
#[async_trait]
pub trait CommandBus: Send + Sync + 'static {
    /// Decides the command on its partition, makes the outcome durable, runs the follow-ups that it causes on other partitions, and
    /// answers with all their positions. Two calls with one id take effect once and get one answer.
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError>;
}
