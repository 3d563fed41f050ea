//! The views are the fold of the events: exactly these rows.
//!
//! To add a view, add a line in [`VIEWS`] with the columns to compare.

use std::collections::BTreeMap;

use factline::{AdditiveProjection, EventOf, Messages, Projection, Recorded};
use factline_postgres::{Delta, HostedView, TextEnum as _, ViewName};
use projectors::catalog::price_history::PriceHistory;
use projectors::catalog::products::Products;
use projectors::checkout::checkouts::Checkouts;
use projectors::ordering::customer_spending::CustomerSpending;
use projectors::ordering::orders::Orders;
use projectors::payment::payments::Payments;
use projectors::scheduling::schedules::Schedules;
use serde_json::{Map, Value, json};

use super::history::{History, Logged, Rows};
use super::typed;
use super::violation::Violation;

/// A view: its table, and the function that computes its rows.
pub struct Kind {
    /// Its name and version.
    pub view: ViewName,
    /// SQL of the text that identifies a row.
    pub key: &'static str,
    /// The aggregate type whose events it folds.
    pub aggregate: &'static str,
    fold: fn(&[&Logged<Value>]) -> Rows,
}

/// All views.
pub const VIEWS: &[Kind] = &[
    Kind {
        view: HostedView::of::<Orders>().view_name(),
        key: "order_id::text",
        aggregate: "ordering.order",
        fold: |events| {
            fold::<Orders>(events, |id, _, row| {
                let compared = json!({"state": row.state.as_str(), "customer_id": row.customer_id, "units": row.units,
                    "total_amount": row.total.amount, "currency": row.total.currency, "version": row.version,
                    "cancel_reason": row.cancel_reason, "source": row.source, "lines": row.lines});
                (id.to_string(), compared)
            })
        },
    },
    Kind {
        view: HostedView::additive::<CustomerSpending>().view_name(),
        key: "customer_id || ' ' || currency",
        aggregate: "ordering.order",
        fold: |events| {
            sum::<CustomerSpending>(events, |purse, row| {
                let key = format!("{} {}", purse.customer_id, purse.currency);
                let wide = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
                let compared = json!({"orders": row.orders, "units": wide(row.units), "total": wide(row.total)});
                (key, compared)
            })
        },
    },
    Kind {
        view: HostedView::of::<Products>().view_name(),
        key: "product_id::text",
        aggregate: "catalog.product",
        fold: |events| {
            fold::<Products>(events, |id, _, row| {
                let compared = json!({"state": row.state.as_str(), "name": row.name, "brand": row.brand,
                    "price_amount": row.price.amount, "currency": row.price.currency, "version": row.version});
                (id.to_string(), compared)
            })
        },
    },
    Kind {
        view: HostedView::of::<PriceHistory>().view_name(),
        key: "product_id || ' ' || version",
        aggregate: "catalog.product",
        fold: |events| {
            fold::<PriceHistory>(events, |key, _, row| {
                let compared = json!({"amount": row.price.amount, "currency": row.price.currency});
                (format!("{} {}", key.product_id, key.version), compared)
            })
        },
    },
    Kind {
        view: HostedView::of::<Checkouts>().view_name(),
        key: "checkout_id::text",
        aggregate: "checkout.checkout",
        fold: |events| {
            fold::<Checkouts>(events, |id, _, row| {
                let compared = json!({"state": row.state.as_str(), "customer_id": row.customer_id,
                    "order_id": row.order_id, "payment_id": row.payment_id, "code": row.code, "reason": row.reason,
                    "total_amount": row.total.as_ref().map(|total| total.amount), "version": row.version});
                (id.to_string(), compared)
            })
        },
    },
    Kind {
        view: HostedView::of::<Payments>().view_name(),
        key: "payment_id::text",
        aggregate: "payment.payment",
        fold: |events| {
            fold::<Payments>(events, |id, _, row| {
                let compared = json!({"state": row.state.as_str(), "version": row.version, "charges": row.charges,
                    "amount": row.amount.as_ref().map(|amount| amount.amount)});
                (id.to_string(), compared)
            })
        },
    },
    Kind {
        view: HostedView::of::<Schedules>().view_name(),
        key: "schedule_id::text",
        aggregate: "scheduling.schedule",
        fold: |events| {
            fold::<Schedules>(events, |id, _, row| {
                let compared = json!({"state": row.state.as_str(), "cron": row.cron,
                    "command": row.command, "last_operation": row.last_operation, "runs": row.runs,
                    "skipped": row.skipped, "version": row.version});
                (id.to_string(), compared)
            })
        },
    },
];

impl Kind {
    /// Returns the rows after these events of its aggregate type.
    pub fn rows(&self, events: &[&Logged<Value>]) -> Rows {
        (self.fold)(events)
    }
}

/// Checks every view that was collected.
pub(super) fn rows(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for kind in VIEWS {
        let Some(shown) = history.views.get(kind.view.name) else {
            continue;
        };
        let events: Vec<_> = history
            .log(kind.aggregate)
            .map_or(Vec::new(), |log| log.events.iter().collect());
        let expected = kind.rows(&events);
        let mut wrong = |key: &String, what: String| {
            let (view, key) = (kind.view.name.to_owned(), key.clone());
            found.push(Violation::Row { view, key, what });
        };
        for (key, row) in &expected {
            match shown.get(key) {
                None => wrong(key, "missing".to_owned()),
                Some(shown) => {
                    let row = row.as_object().into_iter().flatten();
                    for (field, value) in
                        row.filter(|(field, value)| shown.get(field) != Some(value))
                    {
                        let is = shown.get(field).unwrap_or(&Value::Null);
                        wrong(key, format!("{field} is {is}, expected {value}"));
                    }
                }
            }
        }
        for key in shown.keys().filter(|key| !expected.contains_key(*key)) {
            wrong(key, "unexpected: no event creates it".to_owned());
        }
    }
    found
}

/// Function from a key and row to the text of the key and the compared columns.
type Compared<P> = fn(&<P as Projection>::Key, i32, &<P as Projection>::Row) -> (String, Value);

/// Folds the events with each partition in its own rows, as the views' hosts do.
fn fold<P: Projection>(events: &[&Logged<Value>], compared: Compared<P>) -> Rows {
    let mut rows: BTreeMap<(P::Key, i32), P::Row> = BTreeMap::new();
    for (partition, event) in recorded::<EventOf<P::Source>>(events) {
        for key in P::keys(&event) {
            let id = (key, partition);
            let row = rows.remove(&id);
            if let Some(row) = P::apply(&id.0, row, &event) {
                rows.insert(id, row);
            }
        }
    }
    let rows = rows
        .iter()
        .map(|((key, partition), row)| compared(key, *partition, row));
    rows.collect()
}

/// Function from a key and sum to the text of the key and the compared columns.
type ComparedSum<P> =
    fn(&<P as AdditiveProjection>::Key, &<P as AdditiveProjection>::Delta) -> (String, Value);

/// Adds up the events. A sum that does not fit into its column is left out, because the view halts
/// there.
fn sum<P>(events: &[&Logged<Value>], compared: ComparedSum<P>) -> Rows
where
    P: AdditiveProjection<Delta: Delta>,
{
    let mut sums: BTreeMap<P::Key, P::Delta> = BTreeMap::new();
    let deltas = recorded::<EventOf<P::Source>>(events).flat_map(|(_, event)| P::deltas(&event));
    for (key, delta) in deltas {
        match sums.remove(&key) {
            None => {
                sums.insert(key, delta);
            }
            Some(mut sum) => {
                if sum.add(&delta).is_ok() {
                    sums.insert(key, sum);
                }
            }
        }
    }
    sums.iter().map(|(key, sum)| compared(key, sum)).collect()
}

/// Returns the events that can be decoded, each with its partition.
fn recorded<E: Messages>(events: &[&Logged<Value>]) -> impl Iterator<Item = (i32, Recorded<E>)> {
    events.iter().filter_map(|record| {
        let (envelope, value) = (record.envelope.as_ref()?, record.value.as_ref()?);
        let event = typed::message(&envelope.record, value)?;
        let envelope = envelope.clone();
        Some((record.partition, Recorded { envelope, event }))
    })
}

/// Returns the row of an aggregate after its first `count` events, if a view has one row per
/// aggregate.
pub(super) fn row_at(
    aggregate: &str,
    events: &[&Logged<Value>],
    id: &str,
) -> Option<Map<String, Value>> {
    let mut kinds = VIEWS.iter().filter(|kind| kind.aggregate == aggregate);
    let row = kinds.find_map(|kind| kind.rows(events).remove(id))?;
    match row {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}
