//! Logs and metrics: JSON or pretty lines on standard output, and Prometheus text for the operators' port.

use std::io::IsTerminal;
use std::time::Duration;

pub use metrics_exporter_prometheus::PrometheusHandle;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{Config, LogFormat};

/// How often the exporter folds what was recorded; without it, histograms grow without bound.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What is not said of the clients of servers, unless `log_level` asks for it.
const QUIET: &str = "scylla=warn";

/// Upper bounds of latency histograms, in seconds.
const LATENCY_SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of histograms of counts.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of `log_level` is not one.
    #[error("`log_level`: {0}")]
    Filter(String),
    /// The process has telemetry already, or the exporter refused its buckets.
    #[error("telemetry cannot start: {0}")]
    Install(String),
}

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output: a service's logs are its output.
    Output,
    /// Standard error: a tool's output is its answer.
    Error,
}

/// Starts logging as configured.
pub fn start_logs(config: &Config, target: LogTarget) -> Result<(), TelemetryError> {
    // What is said of a client of a server comes after it, and wins.
    let filter = EnvFilter::try_new(format!("{QUIET},{}", config.log_level)).map_err(|error| TelemetryError::Filter(error.to_string()))?;
    let (writer, is_terminal) = match target {
        LogTarget::Output => (BoxMakeWriter::new(std::io::stdout), std::io::stdout().is_terminal()),
        LogTarget::Error => (BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(is_terminal);
    let installed = match config.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => builder.with_target(false).try_init(),
    };
    installed.map_err(|error| TelemetryError::Install(error.to_string()))
}

/// Starts recording metrics; the handle renders them. Call within the runtime: a task keeps the memory bounded.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let install = |error: metrics_exporter_prometheus::BuildError| TelemetryError::Install(error.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCY_SECONDS)
        .map_err(install)?
        .set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), COUNTS)
        .map_err(install)?
        .install_recorder()
        .map_err(install)?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        loop {
            tick.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
