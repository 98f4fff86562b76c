//! What is told to people: log lines and the metrics page. Installed once, by `main`.
//!
//! Knows how lines and numbers leave the process; `event` knows which facts there are, `metric`
//! which numbers.

pub mod event;
pub mod metric;
pub mod spans;

use crate::config::{LogFormat, LogLevel, TelemetryConfig};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::{self, IsTerminal};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// Why telemetry was not installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// When a log subscriber stands already.
    #[error("installing the log subscriber")]
    Log(#[from] TryInitError),
    /// When a metrics recorder stands already.
    #[error("installing the metrics recorder")]
    Metrics(
        #[source] Box<metrics::SetRecorderError<metrics_exporter_prometheus::PrometheusRecorder>>,
    ),
    /// When the page cannot be laid out.
    #[error("laying out the metrics page")]
    Page(#[from] BuildError),
}

/// Draws the metrics page; clones draw the same.
#[derive(Debug, Clone)]
pub struct MetricsPage(PrometheusHandle);

impl MetricsPage {
    /// Draws what `handle` collects.
    #[must_use]
    pub const fn of(handle: PrometheusHandle) -> Self {
        Self(handle)
    }

    /// The page as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Changes the log level of a running process.
#[derive(Debug, Clone)]
pub struct LogDial(reload::Handle<LevelFilter, Registry>);

impl LogDial {
    /// From now on this level.
    pub fn turn(&self, level: LogLevel) {
        // It fails only once the subscriber is gone, and then nobody reads the log.
        let _ = self.0.reload(filter(level));
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Installs the log subscriber, for the whole process. Lines go to standard error: standard output
/// belongs to answers.
///
/// # Errors
/// [`TelemetryError::Log`] when called twice.
pub fn install_log(config: &TelemetryConfig) -> Result<LogDial, TelemetryError> {
    let (level, dial) = reload::Layer::new(filter(config.log_level));
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(level).with(lines).try_init()?;
    Ok(LogDial(dial))
}

/// Installs the metrics recorder, for the whole process, and declares every metric, so that the
/// page is complete from the first scrape.
///
/// # Errors
/// [`TelemetryError::Metrics`] when called twice.
pub fn install_metrics(partitions: u16) -> Result<MetricsPage, TelemetryError> {
    let recorder = layout()?.build_recorder();
    let page = MetricsPage(recorder.handle());
    metrics::set_global_recorder(recorder)
        .map_err(|error| TelemetryError::Metrics(Box::new(error)))?;
    metric::declare_all(partitions);
    Ok(page)
}

/// The page's layout: the buckets of each distribution.
fn layout() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in metric::ALL {
        if let metric::Kind::Distribution(buckets) = metric.kind {
            builder =
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_complete_before_anything_happened() {
        let recorder = layout().unwrap().build_recorder();
        let page = MetricsPage(recorder.handle());
        metrics::with_local_recorder(&recorder, || metric::declare_all(2));
        let page = page.render();
        for metric in metric::ALL {
            let kind = match metric.kind {
                metric::Kind::Counter => "counter",
                metric::Kind::Gauge => "gauge",
                metric::Kind::Distribution(_) => "histogram",
            };
            let declared = format!("# TYPE {} {kind}\n", metric.name);
            // What is counted by currency appears with the first account in that currency.
            let waits = metric.labels.contains(&metric::Label::Currency);
            assert_eq!(page.contains(&declared), !waits, "{declared}");
        }
        assert!(page.contains("paceline_leader{partition=\"1\"} 0\n"), "{page}");
        assert!(page.contains("paceline_spend_events_total{verdict=\"duplicate\"} 0\n"));
    }

    #[test]
    fn a_fact_moves_its_number() {
        let recorder = layout().unwrap().build_recorder();
        let page = MetricsPage(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            metric::declare_all(1);
            event::spend_received(paceline_core::event::Verdict::Duplicate, 3);
            event::lead_gained(0, 7);
        });
        let page = page.render();
        assert!(page.contains("paceline_spend_events_total{verdict=\"duplicate\"} 3\n"));
        assert!(page.contains("paceline_leader{partition=\"0\"} 1\n"));
        assert!(page.contains("paceline_epoch{partition=\"0\"} 7\n"));
    }
}
