//! A dry run names the event after which each row differs, for a defect of each kind, and nothing
//! for a candidate without a defect.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candidate::VIEWS;
use candidate::defect::Defect;
use clap::Parser as _;
use factline::{Envelope, Messages as _};
use factline_handler::Options;
use factline_kafka::Registry;
use factline_postgres::{Following, HostedView, process};
use factline_testkit::{CommandTopic, Fixture, eventually, servers};
use ordering::Order;
use ordering_schemas::order::Command;
use ordering_schemas::{CancelOrder, ConfirmOrder, Line, Money, ORDER, PlaceOrder, ShipOrder};
use projectors::ordering::customer_spending::CustomerSpending;
use projectors::ordering::orders::Orders;
use serde_json::Value;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The views without defects.
const DEPLOYED: [HostedView; 2] = [
    HostedView::of::<Orders>(),
    HostedView::additive::<CustomerSpending>(),
];

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

struct Store {
    fixture: Fixture,
    url: String,
    pool: PgPool,
    shutdown: CancellationToken,
    folder: TempDir,
}

impl Store {
    /// Starts a handler and the deployed views.
    async fn start() -> Self {
        let fixture = Fixture::new("dry-run").await;
        fixture.provision(&ORDER).await;
        let shutdown = CancellationToken::new();
        let report: factline_handler::Report = Arc::new(|_, _| {});
        let options = Flags::parse_from(["test"]).handler;
        let handler = factline_handler::run::<Order>(
            fixture.kafka.clone(),
            options,
            report,
            shutdown.clone(),
        );
        tokio::spawn(handler);
        let name = format!("dry_run_{}", Uuid::new_v4().simple());
        let postgres = &servers().await.postgres;
        postgres.create_database(&name).unwrap();
        let owner = postgres.url(&name, "factline_projector");
        let pool = PgPool::connect(&owner).await.unwrap();
        process::migrate(&pool, &DEPLOYED).await.unwrap();
        for view in DEPLOYED {
            let with = Following {
                registry: Registry::of(&fixture.kafka),
                kafka: fixture.kafka.clone(),
                pool: pool.clone(),
                report: Box::new(|_| {}),
                shutdown: shutdown.clone(),
            };
            tokio::spawn(async move { view.run(with).await });
        }
        // A role that may select the stable names and create a schema, and nothing more.
        let role = format!("candidate_{}", Uuid::new_v4().simple());
        let grant = format!(
            "create role {role} login in role factline_reader; \
             grant create on database {name} to {role}"
        );
        let admin = PgPool::connect(&postgres.url(&name, "factline"))
            .await
            .unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(grant))
            .execute(&admin)
            .await
            .unwrap();
        Self {
            fixture,
            url: postgres.url(&name, &role),
            pool,
            shutdown,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn send(&self, order: Uuid, command: Command) {
        let commands = CommandTopic::register(&self.fixture.kafka, &ORDER).await;
        let now = chrono::Utc::now();
        let id = Uuid::now_v7();
        let envelope = Envelope::of_command(id, command.record(), "/test", &order.to_string(), now);
        commands
            .send(&self.fixture.producer, &envelope, &command)
            .await;
    }

    async fn place(&self, order: Uuid) {
        let price = Money {
            amount: 500,
            currency: "USD".to_owned(),
        };
        let line = Line {
            product_id: "tea".to_owned(),
            name: "Tea".to_owned(),
            unit_price: price,
            quantity: 2,
        };
        let command = PlaceOrder {
            order_id: order,
            customer_id: "eve".to_owned(),
            lines: vec![line],
        };
        self.send(order, command.into()).await;
    }

    async fn until_read(&self, events: i64) {
        let sql = "select (select coalesce(sum(sequence), 0) from read.orders_checkpoint)::bigint, \
                          (select coalesce(sum(sequence), 0) \
                           from read.customer_spending_checkpoint)::bigint";
        eventually("the views have all events", async || {
            let reached: (i64, i64) = sqlx::query_as(sql).fetch_one(&self.pool).await.unwrap();
            reached == (events, events)
        })
        .await;
    }

    /// Returns a program that runs the tool without the defect of its caller.
    fn baseline(&self) -> PathBuf {
        let path = self.folder.path().join("baseline");
        let tool = env!("CARGO_BIN_EXE_candidate");
        std::fs::write(
            &path,
            format!("#!/bin/sh\nunset DEFECT\nexec {tool} \"$@\"\n"),
        )
        .unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Runs the candidate. Returns its exit code and what it printed.
    async fn dry_run(
        &self,
        view: &str,
        defect: Option<Defect>,
        baseline: Option<&Path>,
        html: &Path,
    ) -> (Option<i32>, Vec<Value>) {
        let mut arguments = vec![
            OsStr::new("rebuild"),
            OsStr::new(view),
            OsStr::new("--dry-run"),
            OsStr::new("--html"),
            html.as_os_str(),
        ];
        if let Some(baseline) = baseline {
            arguments.extend([OsStr::new("--baseline"), baseline.as_os_str()]);
        }
        self.run(&arguments, defect).await
    }

    /// Compares all views with folds. Returns the exit code and the lines.
    async fn verify(&self, defect: Option<Defect>) -> (Option<i32>, Vec<Value>) {
        let arguments = [
            "verify",
            "--type",
            ORDER.aggregate,
            "--views-url",
            &self.url,
        ];
        self.run(&arguments.map(OsStr::new), defect).await
    }

    /// Runs the candidate's tool. Returns the exit code and the lines.
    async fn run(&self, arguments: &[&OsStr], defect: Option<Defect>) -> (Option<i32>, Vec<Value>) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_candidate"));
        command
            .args(["--format", "json"])
            .args(arguments)
            .env("FACTLINE_KAFKA_BROKERS", &self.fixture.kafka.brokers)
            .env("FACTLINE_REGISTRY_URL", &self.fixture.kafka.registry_url)
            .env("FACTLINE_TOPIC_PREFIX", &self.fixture.kafka.topic_prefix)
            .env("FACTLINE_DATABASE_URL", &self.url)
            .kill_on_drop(true);
        if let Some(defect) = defect {
            command.env("DEFECT", defect.name());
        }
        let output = command.output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<Value> = lines.collect();
        assert!(!lines.is_empty(), "{errors}");
        (output.status.code(), lines)
    }
}

/// Returns the view with the defect, and the type of the event after which rows differ.
fn expected(defect: Defect) -> (&'static str, &'static str) {
    match defect {
        Defect::WrongSign => ("customer-spending", "ordering.OrderCancelled"),
        Defect::MissingArm => ("orders", "ordering.OrderShipped"),
        Defect::LostField => ("orders", "ordering.OrderCancelled"),
        Defect::OrderDependence => ("orders", "ordering.OrderConfirmed"),
        Defect::WrongKey | Defect::OffByOneDate => ("orders", "ordering.OrderPlaced"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_defects_are_found_with_the_event_that_shows_them() {
    let store = Store::start().await;
    let orders: Vec<Uuid> = (0..30).map(|_| Uuid::new_v4()).collect();
    for order in &orders {
        store.place(*order).await;
    }
    for order in &orders[..10] {
        let order_id = *order;
        store.send(order_id, ShipOrder { order_id }.into()).await;
        store.send(order_id, ConfirmOrder { order_id }.into()).await;
    }
    for order in &orders[10..15] {
        let command = CancelOrder {
            order_id: *order,
            reason: "changed my mind".to_owned(),
        };
        store.send(*order, command.into()).await;
    }
    store.until_read(55).await;
    let baseline = store.baseline();
    let html = store.folder.path().join("report.html");

    for view in VIEWS {
        let (code, lines) = store.dry_run(view.name, None, Some(&baseline), &html).await;
        assert_eq!(code, Some(0), "{lines:?}");
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("A rebuild would change nothing."), "{page}");

    for defect in Defect::ALL {
        let (view, event) = expected(defect);
        let (code, lines) = store
            .dry_run(view, Some(defect), Some(&baseline), &html)
            .await;
        assert_eq!(code, Some(1), "{defect:?}: {lines:?}");
        let (summary, rows) = lines.split_first().unwrap();
        let count = |name: &str| summary[name].as_u64().unwrap();
        let differ = count("added") + count("removed") + count("changed");
        assert!(
            differ > 0 && rows.len() as u64 == differ,
            "{defect:?}: {lines:?}"
        );
        for row in rows {
            assert_eq!(row["first"]["event"]["type"], event, "{defect:?}: {row}");
        }
        let page = std::fs::read_to_string(&html).unwrap();
        assert!(page.contains(event), "{defect:?}");
    }

    let (code, lines) = store.verify(None).await;
    assert_eq!((code, lines.len()), (Some(0), 3), "{lines:?}");
    let (code, lines) = store.verify(Some(Defect::MissingArm)).await;
    let (found, reports) = lines.split_at(10);
    assert_eq!((code, reports.len()), (Some(1), 3), "{lines:?}");
    assert!(
        found.iter().all(|line| line["finding"] == "view"),
        "{found:?}"
    );
    let orders_report = reports
        .iter()
        .find(|line| line["view"] == "orders")
        .unwrap();
    assert_eq!(
        (&orders_report["rows"], &orders_report["findings"]),
        (&30.into(), &10.into())
    );

    // Nothing was left behind, and nothing was changed.
    let left: i64 = sqlx::query_scalar(
        "select count(*) from pg_namespace where nspname like 'factline_dry_run%'",
    )
    .fetch_one(&store.pool)
    .await
    .unwrap();
    assert_eq!(left, 0);

    // A row that has missed an event is found without another build.
    let missed = "update orders_v2.orders set state = 'placed', version = 1, updated_at = ordered_at \
                  where order_id = $1";
    sqlx::query(missed)
        .bind(orders[0])
        .execute(&store.pool)
        .await
        .unwrap();
    let (code, lines) = store.dry_run("orders", None, None, &html).await;
    assert_eq!(code, Some(1));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1]["first"]["event"]["type"], "ordering.OrderShipped");
    store.shutdown.cancel();
}
