//! Bodies of requests: JSON, checked against the schema of a route, and written as Avro.
//!
//! The first line of an input chooses the route; the rest is the body.

use std::sync::{Arc, OnceLock};

use factline_edge::aggregate_id::IdSources;
use factline_edge::idempotency::Keyed;
use factline_edge::routes::{self, Route};
use factline_edge::{body, response};

use super::{choose, split};
use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "body",
    most_bytes: body::MAX_BYTES,
    seeds,
    memory_of_byte: 0,
    read,
};

const ID: &str = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";

/// The routes of all contracts, with the aggregate of each.
fn all() -> &'static [(&'static str, Arc<Route>)] {
    static ROUTES: OnceLock<Vec<(&str, Arc<Route>)>> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let of = |contract: &&'static factline::Contract| {
            let routes = routes::read(contract).expect("a contract has valid routes");
            let aggregate = contract.aggregate;
            routes.into_iter().map(move |route| (aggregate, route))
        };
        contracts::ALL.iter().flat_map(of).collect()
    })
}

fn read(input: &[u8]) {
    let (choice, bytes) = split(input);
    let (aggregate, route) = choose(all(), choice);
    let (mut object, mut errors) = match body::parse(bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(!error.detail.is_empty());
            response::invalid(vec![error]);
            return;
        }
    };
    let keyed = Keyed::new("scope".to_owned(), &object);
    let sources = IdSources {
        path: route.has_path_id().then_some(ID),
        scope: Some(&keyed.scope),
    };
    match route.read(aggregate, sources, &mut object, &mut errors) {
        Some((id, record)) => {
            assert!(!id.is_empty());
            route.encode(record).expect("what is valid can be written");
        }
        None => assert!(!errors.is_empty(), "refused without a reason"),
    }
    if !errors.is_empty() {
        response::invalid(errors);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let bodies = [
        format!(
            r#"{{"order_id": "{ID}", "customer_id": "17", "ordered_on": "1997-01-31", "lines": [{{"sku": "A-1", "quantity": 2, "price": {{"amount": 1990, "currency": "USD"}}}}]}}"#
        ),
        r#"{"name": "Tea", "price": {"amount": 250, "currency": "USD"}, "note": null}"#.to_owned(),
        format!(
            r#"{{"payment_method": "card-ok", "payment_seconds": 60, "order": "{ID}", "total": 2.0, "at": "1997-01-31T12:00:00Z"}}"#
        ),
        r#"{"a": 1, "a": [true, 1e3, "\u0041"], "b": {"c": {"d": [[[]]]}}}"#.to_owned(),
        String::new(),
    ];
    let routes = 0..all().len();
    let inputs = routes.flat_map(|route| bodies.iter().map(move |body| format!("{route}\n{body}")));
    inputs.chain(costly()).map(String::into_bytes).collect()
}

/// Bodies that once cost gigabytes, or several times their size for each byte.
fn costly() -> [String; 3] {
    let (key, members) = ("k".repeat(100_000), vec!["\"\":0"; 15_000].join(","));
    [
        format!("0\n{{\"{key}\":{{{members}}}}}"),
        format!("0\n{{\"a\":[{}]}}", vec!["0"; 120_000].join(",")),
        format!("0\n{{{}}}", vec!["\"\":0"; 50_000].join(",")),
    ]
}
