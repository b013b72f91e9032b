//! What live connections count, for operators.

use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

/// Cheap to clone: all clones are the same counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    /// Connections that have joined.
    pub(super) connections: Gauge,
    /// Connections that show a list and are told of changes.
    pub(super) listers: Gauge,
}

impl Metrics {
    /// Publishes them under their names.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Live connections that have joined", self.connections.clone());
        registry.register("listers", "Live connections that are told of changes of the list", self.listers.clone());
    }
}
