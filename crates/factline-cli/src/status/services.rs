//! The part of the status that services know: readiness, halted partitions, recoveries.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow};
use factline_kafka::tools::servers::PATIENCE;
use serde::{Deserialize, Serialize};

use super::gauges::{Sample, samples};

/// A service that was asked.
#[derive(Debug, Serialize)]
pub(super) struct ServiceStatus {
    pub(super) url: String,
    /// Its name.
    pub(super) service: Option<String>,
    pub(super) ready: Option<bool>,
    /// Why it is not ready, or what it cannot do although it is ready.
    pub(super) reasons: Vec<String>,
    /// Halted partitions, parked keys and recoveries in progress.
    pub(super) findings: Vec<Gauge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unavailable: Option<String>,
    #[serde(skip)]
    samples: Vec<Sample>,
}

/// A gauge that an operator must know.
#[derive(Debug, Serialize)]
pub(super) struct Gauge {
    pub(super) finding: &'static str,
    pub(super) metric: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

#[derive(Debug, Default, Deserialize)]
struct Readiness {
    ready: bool,
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default)]
    degraded: Vec<String>,
}

/// Asks all services at once.
pub(super) async fn services(urls: &[String]) -> Vec<ServiceStatus> {
    let client = reqwest::Client::new();
    let asked: Vec<_> = urls
        .iter()
        .map(|url| {
            let (client, url) = (client.clone(), url.trim_end_matches('/').to_owned());
            tokio::spawn(async move { service(&client, url).await })
        })
        .collect();
    let mut services = Vec::new();
    for service in asked {
        // A task that has panicked has already reported it.
        services.extend(service.await);
    }
    services
}

/// Returns the sum of a metric over the services and their series with this label. A service that
/// has other series with the label counts as 0, because some gauges do not exist before they are
/// set. If no service has the label, the sum is unknown.
pub(super) fn sum(services: &[ServiceStatus], metric: &str, label: (&str, &str)) -> Option<u64> {
    let samples = services.iter().flat_map(|service| &service.samples);
    let labelled =
        samples.filter(|sample| sample.labels.get(label.0).is_some_and(|is| is == label.1));
    labelled
        .map(|sample| {
            if sample.name == metric {
                whole(sample.value)
            } else {
                0
            }
        })
        .reduce(|one, other| one + other)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the gauge is a small count"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

async fn service(client: &reqwest::Client, url: String) -> ServiceStatus {
    let asked = tokio::join!(readiness(client, &url), metrics(client, &url));
    let (readiness, samples) = match asked {
        (Ok(readiness), Ok(samples)) => (readiness, samples),
        (Err(error), _) | (_, Err(error)) => {
            return ServiceStatus {
                url,
                service: None,
                ready: None,
                reasons: Vec::new(),
                findings: Vec::new(),
                unavailable: Some(format!("{error:#}")),
                samples: Vec::new(),
            };
        }
    };
    let name = samples
        .iter()
        .find_map(|sample| sample.labels.get("service"));
    ServiceStatus {
        service: name.cloned(),
        ready: Some(readiness.ready),
        reasons: [readiness.reasons, readiness.degraded].concat(),
        findings: samples.iter().filter_map(finding).collect(),
        unavailable: None,
        url,
        samples,
    }
}

/// Returns the readiness; 503 has it too.
async fn readiness(client: &reqwest::Client, url: &str) -> Result<Readiness> {
    let text = get(client, &format!("{url}/health/ready")).await?;
    serde_json::from_str(&text).context("/health/ready is not that of a service of Factline")
}

async fn metrics(client: &reqwest::Client, url: &str) -> Result<Vec<Sample>> {
    Ok(samples(&get(client, &format!("{url}/metrics")).await?))
}

async fn get(client: &reqwest::Client, url: &str) -> Result<String> {
    let failed = |error: reqwest::Error| anyhow!(error.without_url());
    let response = client.get(url).timeout(PATIENCE).send().await;
    response.map_err(failed)?.text().await.map_err(failed)
}

fn finding(sample: &Sample) -> Option<Gauge> {
    let above = |limit: f64| sample.value > limit;
    let finding = match sample.name.as_str() {
        "factline_handler_partitions_blocked" | "factline_reaction_partitions_stopped"
            if above(0.0) =>
        {
            "halted partitions"
        }
        "factline_follower_stopped" if above(0.0) => "halted partition",
        "factline_handler_restored_percent" if sample.value < 100.0 => "recovery, percent",
        "factline_operation_anomalies_total" if above(0.0) => "anomalies",
        name if name.starts_with("factline_") && name.ends_with("_parked_keys") && above(0.0) => {
            "parked keys"
        }
        _ => return None,
    };
    let mut labels = sample.labels.clone();
    labels.remove("service");
    Some(Gauge {
        finding,
        metric: sample.name.clone(),
        labels,
        value: sample.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_what_an_operator_must_know() {
        let text = "factline_handler_partitions_blocked{service=\"h\",topic=\"a.commands\"} 2\n\
                    factline_handler_partitions_blocked{service=\"h\",topic=\"b.commands\"} 0\n\
                    factline_follower_stopped{service=\"p\",view=\"orders\",partition=\"3\"} 1\n\
                    factline_handler_restored_percent{topic=\"a.commands\"} 41\n\
                    factline_handler_restored_percent{topic=\"b.commands\"} 100\n\
                    factline_follower_parked_keys{view=\"orders\"} 5\n\
                    factline_follower_parked_seconds{view=\"orders\"} 90\n\
                    factline_ready{service=\"h\"} 1\n";
        let found: Vec<_> = samples(text).iter().filter_map(finding).collect();
        let found: Vec<_> = found
            .iter()
            .map(|finding| (finding.finding, finding.value))
            .collect();
        assert_eq!(
            found,
            [
                ("halted partitions", 2.0),
                ("halted partition", 1.0),
                ("recovery, percent", 41.0),
                ("parked keys", 5.0)
            ]
        );
    }
}
