//! A distribution of durations, in milliseconds.

use std::time::Duration;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) worst: f64,
}

impl Spread {
    pub(crate) fn of(durations: &[Duration]) -> Self {
        let mut sorted: Vec<f64> = durations
            .iter()
            .map(|took| took.as_secs_f64() * 1e3)
            .collect();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return Self::default();
        };
        let at = |percent: usize| sorted[(sorted.len() * percent / 100).min(last)];
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
            worst: sorted[last],
        }
    }
}
