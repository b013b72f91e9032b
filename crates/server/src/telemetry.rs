//! What operators see: log lines on standard error, and counters under stable names. Never content, tokens or passwords.

use std::io::{self, IsTerminal};

use axum::http::StatusCode;
use engine::metrics::Metrics;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family},
    registry::{Registry, Unit},
};
use tracing_subscriber::EnvFilter;

use crate::live;

/// Begins to log on standard error.
///
/// # Errors
/// If the levels are not what [`EnvFilter`] understands.
pub(crate) fn log(levels: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(levels).map_err(|error| format!("--log {levels}: {error}"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let lines = lines.with_ansi(io::stderr().is_terminal());
    lines.try_init().map_err(|error| error.to_string())
}

/// All counters, by the names that dashboards use.
pub(crate) struct Telemetry {
    registry: Registry,
    requests: Family<[(&'static str, &'static str); 1], Counter>,
    /// Those of live connections.
    pub(crate) live: live::Metrics,
}

impl Telemetry {
    /// Publishes these counters and those of HTTP.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let mut registry = Registry::with_prefix("sesodocs");
        let m = metrics.clone();
        registry.register("rooms", "Documents that are open", m.rooms);
        registry.register("clients", "Connections in all open documents", m.clients);
        registry.register("edits", "Edits stored", m.edits);
        registry.register("appends", "Entries added to logs", m.appends);
        registry.register("append_failures", "Entries that could not be added, or perhaps not", m.append_failures);
        registry.register("commit_entries", "Entries written by one commit of the store", m.commit_entries);
        let time = "Time that one commit of the store took";
        registry.register_with_unit("commit", time, Unit::Seconds, m.commit_seconds);
        let time = "Time from an edit's arrival to its acknowledgement";
        registry.register_with_unit("edit", time, Unit::Seconds, m.edit_seconds);
        registry.register("refusals", "Edits and requests that were refused, by reason", m.refusals);
        registry.register("compactions", "Snapshots made of logs", m.compactions);
        let failures = "Snapshots that were dropped: not made, or not equal to their log";
        registry.register("compaction_failures", failures, m.compaction_failures);

        let requests = Family::default();
        registry.register("http_requests", "Requests answered, by class of status", Family::clone(&requests));
        let live = live::Metrics::default();
        live.register(&mut registry);
        Self { registry, requests, live }
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = match status.as_u16() {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&[("status", class)]).inc();
    }

    /// Everything, as OpenMetrics text.
    pub(crate) fn publish(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
