//! Sends the purchases: each is a command that records an order completed elsewhere.
//!
//! A request without a response is safely sent again. The order's id derives from its source, so
//! the second command finds the existing order and changes nothing.

use anyhow::{Context as _, Result};
use factline_client::Client;
use indicatif::ProgressBar;
use serde_json::json;

use crate::purchase::Purchase;
use crate::sample::{self, Sent};
use crate::workers;

/// Sends every purchase; returns when all are accepted.
pub async fn send(
    client: &Client,
    purchases: Vec<Purchase>,
    concurrency: usize,
    bar: &ProgressBar,
) -> Result<Vec<Sent>> {
    let (client, bar) = (client.clone(), bar.clone());
    workers::each(purchases, concurrency, move |purchase| {
        let (client, bar) = (client.clone(), bar.clone());
        async move {
            let mut sent = record(&client, &purchase).await?;
            if sample::is_due(&purchase) {
                sent.sample = sample::take(&client, &sent).await?;
            }
            bar.inc(1);
            Ok(sent)
        }
    })
    .await
}

async fn record(client: &Client, purchase: &Purchase) -> Result<Sent> {
    let source = purchase.source();
    let body = json!({
        "customer_id": purchase.customer,
        "source": source,
        "ordered_on": purchase.ordered_on,
        "quantity": purchase.quantity,
        "total": {"amount": purchase.cents, "currency": "USD"},
    });
    let accepted = client
        .send_repeatable("/past-orders", &body)
        .await
        .context(source.clone())?;
    Ok(Sent {
        operation: accepted.location,
        order: accepted.resource,
        source,
        sample: None,
    })
}
