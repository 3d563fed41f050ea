//! Events that a view could not apply: listed beside dead commands, shown, redriven and discarded.

use std::collections::BTreeSet;
use std::sync::Mutex;

use factline::{AdditiveProjection, EventOf, Recorded};
use factline_postgres::{AdditiveView, Columns, Delta, HostedView, Migrations};
use factline_testkit::eventually;
use ordering_schemas::order;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage::Stage;

/// Orders for which the code of the view has a defect.
static DEFECTIVE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The number of events of each order.
struct Steps;

#[derive(Debug, Clone, Columns, Delta)]
struct Count {
    events: i64,
}

impl AdditiveProjection for Steps {
    type Source = order::Type;
    type Key = String;
    type Delta = Count;

    fn deltas(event: &Recorded<EventOf<order::Type>>) -> Vec<(String, Count)> {
        let order = &event.envelope.subject;
        let is_defective = DEFECTIVE.lock().unwrap().contains(order);
        assert!(!is_defective, "defect");
        vec![(order.clone(), Count { events: 1 })]
    }
}

impl AdditiveView for Steps {
    const NAME: &'static str = "steps";
    const VERSION: i32 = 3;
    const MIGRATIONS: Migrations = || {
        let sql = sqlx::SqlSafeStr::into_sql_str(
            "create table steps (id text primary key, events bigint not null)",
        );
        let table = Migration::new(1, "table".into(), MigrationType::Simple, sql, false);
        Migrator::with_migrations(vec![table])
    };
}

const STEPS: HostedView = HostedView::additive::<Steps>();

async fn events(pool: &PgPool, order: Uuid) -> Option<i64> {
    sqlx::query_scalar("select events from read.steps where id = $1")
        .bind(order.to_string())
        .fetch_optional(pool)
        .await
        .unwrap()
}

fn break_for(order: Uuid) {
    DEFECTIVE.lock().unwrap().insert(order.to_string());
}

fn repair() {
    DEFECTIVE.lock().unwrap().clear();
}

#[expect(
    clippy::too_many_lines,
    reason = "each step needs the result of the step before it"
)]
#[tokio::test(flavor = "multi_thread")]
async fn parked_keys_are_listed_shown_redriven_and_discarded() {
    let stage = Stage::with_handler("parked").await;
    let shutdown = CancellationToken::new();
    let (url, pool) = stage.follow(STEPS, &shutdown).await;
    let with = |words: &[&'static str]| -> Vec<String> {
        let words = [&["dead-letters"], words, &["--database-url", &url]].concat();
        words.into_iter().map(ToOwned::to_owned).collect()
    };
    let json = async |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        stage.json(&words).await
    };
    let run = async |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        stage.run(&words).await
    };
    let (bad, good) = (Uuid::new_v4(), Uuid::new_v4());
    break_for(bad);
    stage.place(bad).await;
    stage.ship(bad).await;
    stage.place(good).await;
    let listed = async || json(with(&["list", "--view", "steps"])).await;
    eventually("both events are parked", async || {
        let listed = listed().await;
        listed.first().is_some_and(|letter| letter["events"] == 2)
    })
    .await;
    eventually("the other order continues", async || {
        events(&pool, good).await == Some(1)
    })
    .await;
    let letters = listed().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["of"], "view steps v3");
    assert_eq!(letters[0]["key"], bad.to_string());
    assert_eq!(letters[0]["type"], "ordering.OrderPlaced");
    assert_eq!(letters[0]["state"], "open");
    assert_eq!(letters[0]["reason"], "projection panicked: defect");
    let letter = letters[0]["letter"].as_str().unwrap().to_owned();
    let place = format!("{}/", stage.topics.events());
    assert!(letter.starts_with(&place), "{letter}");

    // A dead command is listed beside it, if neither an aggregate nor a view is named.
    let envelope = Stage::envelope(Uuid::now_v7(), "ordering.ShipOrder", good);
    stage
        .append(stage.topics.commands(), &envelope, b"poison")
        .await;
    eventually("the command is dead", async || {
        let all = json(with(&["list"])).await;
        let of: Vec<_> = all.iter().map(|letter| letter["of"].clone()).collect();
        of == [json!("ordering.order"), json!("view steps v3")]
    })
    .await;
    let table = run(with(&["list"])).await;
    assert!(
        table.out.contains("panicked: defect (and 1 later events)"),
        "{table:?}"
    );
    let without = stage.run(&["dead-letters", "list"]).await;
    assert!(
        without.success && without.err.contains("views: unknown: --database-url"),
        "{without:?}"
    );

    let mut show = with(&["show", "--view", "steps"]);
    show.push(letter.clone());
    let shown = &json(show).await[0];
    assert_eq!(shown["data"]["customer_id"], "eve");
    assert_eq!(shown["later"][0]["type"], "ordering.OrderShipped");
    assert_eq!(shown["headers"]["ce_subject"], bad.to_string());

    // Before the repair it stays parked, and the code says so.
    let mut redrive = with(&["redrive", "--view", "steps"]);
    redrive.push(letter.clone());
    let failed = run(redrive.clone()).await;
    assert!(
        !failed.success
            && failed
                .out
                .contains("still parked: projection panicked: defect")
            && failed.err.contains("1 of 1 keys are still parked"),
        "{failed:?}"
    );
    repair();
    let redriven = &json(redrive.clone()).await[0];
    assert_eq!(
        (&redriven["state"], &redriven["applied"]),
        (&json!("redriven"), &json!(2))
    );
    assert_eq!(events(&pool, bad).await, Some(2));
    assert_eq!(listed().await, Vec::<Value>::new());
    let again = run(redrive).await;
    let expected = format!("view steps has no parked key or event {letter}");
    assert!(!again.success && again.err.contains(&expected), "{again:?}");

    // By the key, with a reason.
    let dropped = Uuid::new_v4();
    break_for(dropped);
    stage.place(dropped).await;
    eventually("the event is parked", async || !listed().await.is_empty()).await;
    repair();
    let mut discard = with(&[
        "discard",
        "--view",
        "steps",
        "--with-later",
        "--note",
        "a test",
    ]);
    discard.extend([dropped.to_string(), "--actor".to_owned(), "bob".to_owned()]);
    let discarded = &json(discard).await[0];
    assert_eq!(
        (&discarded["state"], &discarded["discarded"]),
        (&json!("discarded"), &json!(1))
    );
    assert_eq!(events(&pool, dropped).await, None);
    let all = json(with(&["list", "--view", "steps", "--all"])).await;
    let audit: Vec<_> = all
        .iter()
        .map(|letter| {
            json!([
                letter["state"],
                letter["actor"],
                letter["note"],
                letter["key"]
            ])
        })
        .collect();
    let expected = [
        json!(["redriven", "ada", null, bad.to_string()]),
        json!(["discarded", "bob", "a test", dropped.to_string()]),
    ];
    assert_eq!(audit, expected);
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_name_the_option() {
    let stage = Stage::empty("parkedoptions").await;
    for (words, error) in [
        (&["list", "--view", "steps"][..], "--database-url"),
        (
            &["redrive", "--view", "steps"],
            "name the letters of view steps",
        ),
        (
            &["discard", "ordering.order"],
            "the first name is the aggregate type",
        ),
        (&["show"], "or a view with --view"),
        (&["redrive", "ordering.order", "x", "--all-keys"], "--view"),
        (
            &["list", "ordering.order", "--view", "steps"],
            "cannot be used with",
        ),
    ] {
        let words = [&["dead-letters"], words].concat();
        let ran = stage.run(&words).await;
        assert!(
            !ran.success && ran.err.contains(error),
            "{words:?}: {ran:?}"
        );
    }
}
