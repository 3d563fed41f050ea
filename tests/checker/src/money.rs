//! The money matches the orders: the provider keeps the total of the confirmed orders, and every
//! completed checkout has a confirmed order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::history::{History, Logged};
use super::violation::Violation;

/// Compares the sums by currency. They match only in a quiescent system: between a capture and the
/// order's confirmation they differ.
pub(super) fn kept(history: &History) -> Vec<Violation> {
    let Some(provider) = &history.provider else {
        return Vec::new();
    };
    let mut confirmed: BTreeMap<&str, i64> = BTreeMap::new();
    for event in confirmations(history) {
        let total = event.value.as_ref().and_then(|value| value.get("total"));
        let Some(total) = total else {
            continue;
        };
        let currency = total["currency"].as_str().unwrap_or_default();
        *confirmed.entry(currency).or_default() += total["amount"].as_i64().unwrap_or_default();
    }
    let currencies: BTreeSet<&str> = provider
        .keys()
        .map(String::as_str)
        .chain(confirmed.keys().copied())
        .collect();
    let mut found = Vec::new();
    for currency in currencies {
        let moved = provider.get(currency).copied().unwrap_or_default();
        let kept = moved.captured - moved.refunded;
        let confirmed = confirmed.get(currency).copied().unwrap_or_default();
        if kept != confirmed {
            found.push(Violation::Money {
                currency: currency.to_owned(),
                kept,
                confirmed,
            });
        }
    }
    found
}

fn confirmations(history: &History) -> impl Iterator<Item = &Logged<Value>> {
    let events = history.log("ordering.order").into_iter();
    events.flat_map(|log| &log.events).filter(|event| {
        let envelope = event.envelope.as_ref();
        envelope.is_some_and(|envelope| envelope.record == "ordering.OrderConfirmed")
    })
}
