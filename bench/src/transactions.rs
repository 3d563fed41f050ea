//! The transactions of the handler in this process, from its own metrics.

use std::sync::OnceLock;

use anyhow::Result;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The metrics of this process, once they are recorded.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Numbers of transactions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Transactions {
    pub(crate) count: f64,
    /// Those that have waited for librdkafka's retry after 20 ms.
    pub(crate) waited: f64,
}

/// Begins to record metrics, as every process of a store does.
pub(crate) fn record() -> Result<()> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    METRICS.get_or_init(|| handle);
    Ok(())
}

impl Transactions {
    /// Returns the transactions that were committed; none without [`record`].
    pub(crate) fn so_far() -> Self {
        let Some(metrics) = METRICS.get() else {
            return Self::default();
        };
        let text = metrics.render();
        let sum = |name: &str| {
            let samples = text.lines().filter_map(|line| line.strip_prefix(name));
            let values = samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
            values.sum()
        };
        Self {
            count: sum("factline_transaction_commands_count"),
            waited: sum("factline_transaction_flush_waits_total"),
        }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            count: self.count - earlier.count,
            waited: self.waited - earlier.waited,
        }
    }
}
