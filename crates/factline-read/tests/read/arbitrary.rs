//! Requests with arbitrary values and cursors are answered or refused. None of them fails in the
//! database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::{StatusCode, Url};

use crate::library::{SHELVES, SIXTY};
use crate::stage::{Stage, sql};

/// Number of requests of a test.
const REQUESTS: usize = 300;

/// Filters of each type.
const FILTERS: [&str; 10] = [
    "shelf",
    "pages",
    "copies",
    "readers",
    "price",
    "lent",
    "printed_on",
    "bought_from",
    "bought_before",
    "title",
];

/// Texts of values, many of them at the limits of their types.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\0]{0,20}",
        any::<i128>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i16>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|value| value.to_string()),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[+-]?[0-9]{4,6}-[01][0-9]-[0-3][0-9]",
        "[+-]?[0-9]{4,6}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?Z",
    ]
}

/// Returns values of a strategy.
fn samples<S: Strategy>(strategy: &S) -> impl Iterator<Item = S::Value> {
    let mut runner = TestRunner::default();
    (0..REQUESTS).map(move |_| strategy.new_tree(&mut runner).unwrap().current())
}

/// Requests a list with these parameters. Returns whether it is answered and not refused.
async fn request(stage: &Stage, parameters: &[(&str, &str)]) -> bool {
    let mut url = Url::parse("http://origin/shelves").unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let answer = stage.get(&path).await;
    match answer.status {
        StatusCode::OK => true,
        StatusCode::BAD_REQUEST => false,
        other => panic!("{other} for {parameters:?}: {}", answer.body),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_values_of_filters_are_answered_or_refused() {
    let stage = Stage::set(SHELVES).await;
    sql(&stage.pool, SIXTY).await;
    let mut answered = 0;
    for (filter, text) in samples(&(prop::sample::select(&FILTERS), texts())) {
        answered += usize::from(request(&stage, &[(filter, &text)]).await);
    }
    assert!((1..REQUESTS).contains(&answered), "{answered} answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_keys_of_a_cursor_are_answered_or_refused() {
    let stage = Stage::set(SHELVES).await;
    sql(&stage.pool, SIXTY).await;
    let mut answered = 0;
    for sort in [
        "shelf",
        "-copies",
        "-price",
        "lent",
        "printed_on",
        "-bought_at",
    ] {
        let first = stage.get(&format!("/shelves?limit=1&sort={sort}")).await;
        let cursor = URL_SAFE_NO_PAD.decode(first.body["next"].as_str().unwrap());
        let (list, keys): (String, Vec<String>) = serde_json::from_slice(&cursor.unwrap()).unwrap();
        let crafted = prop::collection::vec(texts(), keys.len());
        for keys in samples(&crafted).take(REQUESTS / 6) {
            let cursor = serde_json::to_vec(&(&list, keys)).unwrap();
            let cursor = URL_SAFE_NO_PAD.encode(cursor);
            let parameters = [("sort", sort), ("after", cursor.as_str())];
            answered += usize::from(request(&stage, &parameters).await);
        }
    }
    assert!((1..REQUESTS).contains(&answered), "{answered} answered");
}
