//! What every client of the cluster shares, the log's and the notices': its messages go where ours go, its errors become the port's, its waits leave the runtime free.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::log::LogError;

/// The context of clients that need nothing but messages.
pub(crate) struct Context;

/// A consumer that is told its positions.
pub(crate) type Plain = BaseConsumer<Context>;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client");
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Context {}

/// Passes a message of librdkafka on. Lost connections are its daily business; what they lead to is reported where it matters.
pub(crate) fn log(level: RDKafkaLogLevel, fac: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => tracing::error!(fac, message, "kafka client"),
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => tracing::warn!(fac, message, "kafka client"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(fac, message, "kafka client"),
    }
}

/// The cluster did not do what it was asked for.
pub(crate) fn failed(error: KafkaError) -> LogError {
    LogError::Retryable(error.to_string())
}

/// A client cannot be made: a property is wrong.
pub(crate) fn refused(error: KafkaError) -> LogError {
    LogError::Fatal(format!("the kafka client refuses its settings: {error}"))
}

/// Runs what waits for the cluster on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, LogError> + Send + 'static) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LogError::Retryable(format!("a question to the cluster was given up: {error}")))?
}
