//! Lists of operations and their statistics.

use chrono::{TimeDelta, Utc};
use factline::outcome::State;
use factline_tracker::observation::{RecordId, StatusUpdate};
use serde_json::Value;
use uuid::Uuid;

use crate::any_order::{updates, write};
use crate::system::{LONG, System};

/// Writes operations, of which each seventh is rejected and each eleventh pending.
async fn seed(system: &System, count: u128) {
    let now = Utc::now();
    let mut batch = Vec::new();
    for number in 1..=count {
        let id = Uuid::from_u128(number);
        let state = match number {
            number if number % 11 == 0 => State::Pending,
            number if number % 7 == 0 => State::Rejected,
            _ => State::Completed,
        };
        let ago = TimeDelta::seconds(i64::try_from(number).unwrap());
        batch.push(StatusUpdate {
            state,
            record_id: RecordId {
                topic: "ordering.order.outcomes".to_owned(),
                partition: 0,
                offset: i64::try_from(number).unwrap(),
            },
            name: ["ordering.PlaceOrder", "ordering.ShipOrder"][usize::from(number % 2 == 0)]
                .to_owned(),
            aggregate: "ordering.order".to_owned(),
            resource_id: Some(format!("o-{}", number % 5)),
            code: (state == State::Rejected).then(|| "sold_out".to_owned()),
            user_id: ["ada", "eve"][usize::from(number % 3 == 0)].to_owned(),
            created_at: now - ago,
            updated_at: now - ago + TimeDelta::milliseconds(20),
            expires_at: None,
            ..updates(id)[0].clone()
        });
    }
    write(&system.pool, batch).await;
}

/// Says whether a row matches a filter.
type Matches<'m> = Box<dyn Fn(&Value) -> bool + 'm>;

async fn get(system: &System, path: &str) -> Value {
    let response = system.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Reads all pages of a list.
async fn all(system: &System, query: &str) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(system, &format!("/operations?limit=7{query}{after}")).await;
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_every_operation_that_matches_once_the_newest_first() {
    let system = System::start(LONG).await;
    seed(&system, 150).await;
    let every = all(&system, "").await;
    assert_eq!(every.len(), 150);
    assert!(every.windows(2).all(|two| {
        two[0]["created_at"].as_str().unwrap() > two[1]["created_at"].as_str().unwrap()
    }));
    let newest_of_50 = every[49]["created_at"].as_str().unwrap().to_owned();
    let matching: [(&str, Matches<'_>); 8] = [
        (
            "&state=rejected",
            Box::new(|row| row["state"] == "rejected"),
        ),
        ("&state=pending", Box::new(|row| row["state"] == "pending")),
        (
            "&state=completed&user_id=eve",
            Box::new(|row| row["state"] == "completed" && row["user_id"] == "eve"),
        ),
        (
            "&command=ordering.ShipOrder",
            Box::new(|row| row["name"] == "ordering.ShipOrder"),
        ),
        (
            "&code=sold_out&user_id=ada",
            Box::new(|row| row["code"] == "sold_out" && row["user_id"] == "ada"),
        ),
        (
            "&resource=orders/o-3",
            Box::new(|row| row["resource"] == "orders/o-3"),
        ),
        (
            &format!("&from={newest_of_50}"),
            Box::new(|row| row["created_at"].as_str().unwrap() >= newest_of_50.as_str()),
        ),
        (
            &format!("&to={newest_of_50}&state=rejected"),
            Box::new(|row| {
                row["created_at"].as_str().unwrap() < newest_of_50.as_str()
                    && row["state"] == "rejected"
            }),
        ),
    ];
    for (query, matches) in matching {
        let expected: Vec<&Value> = every.iter().filter(|row| matches(row)).collect();
        assert!(!expected.is_empty(), "{query}");
        let listed = all(&system, query).await;
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{query}");
        let counted = get(&system, &format!("/operations?count=true{query}")).await;
        assert_eq!(counted["total"]["count"], expected.len(), "{query}");
        assert_eq!(counted["total"]["exact"], true, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_filters_are_refused_by_name() {
    let system = System::start(LONG).await;
    for (query, parameter) in [
        ("state=finished", "state"),
        ("resource=nothing/1", "resource"),
        ("from=yesterday", "from"),
        ("to=2026", "to"),
        ("after=x", "after"),
        ("limit=501", "limit"),
    ] {
        let response = system.get(&format!("/operations?{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body["errors"][0]["parameter"], parameter, "{query}");
    }
    for path in ["/operations?colour=red", "/operations?count=maybe"] {
        assert_eq!(system.get(path).await.status(), 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_those_of_the_rows() {
    let system = System::start(LONG).await;
    seed(&system, 200).await;
    let statistics = get(&system, "/operations/statistics?window=100").await;
    let commands = statistics["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 2);
    let place = &commands[0];
    assert_eq!(place["name"], "ordering.PlaceOrder");
    // The odd numbers below 100, or 99 of them if the clock has moved on.
    let accepted = place["accepted"].as_i64().unwrap();
    assert!((48..=50).contains(&accepted), "{accepted}");
    let ended = &place["ended"];
    let sum: i64 = ["completed", "rejected", "failed", "timed_out", "cancelled"]
        .iter()
        .map(|state| ended[state].as_i64().unwrap())
        .sum();
    let pending_in_window = accepted - sum;
    assert!((3..=5).contains(&pending_in_window), "{pending_in_window}");
    // Pending ones are counted whatever their age: the odd multiples of eleven up to 200.
    assert_eq!(place["pending"], 9);
    assert_eq!(place["running"], 0);
    assert!(place["oldest_pending"].is_string());
    let p50 = place["seconds"]["p50"].as_f64().unwrap();
    assert!((0.019..=0.021).contains(&p50), "{p50}");
    assert_eq!(
        system.get("/operations/statistics?window=0").await.status(),
        400
    );
}
