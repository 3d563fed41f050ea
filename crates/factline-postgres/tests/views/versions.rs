//! Versions of a view: a new one never writes into the tables of an old one.

use factline::{AdditiveProjection, EventOf, Recorded};
use factline_postgres::view::migrate::Error;
use factline_postgres::{AdditiveSink, AdditiveView, Columns, Delta, HostedView, Migrations};
use sqlx::PgPool;

use crate::sales::{Event, SaleType, Till};
use crate::stage::{database, migration, registry, rows, sql, write};

#[derive(Debug, Clone, Columns, Delta)]
struct Sum {
    sales: i64,
    total: i64,
}

/// Sums of each customer. Version 2 does not count refunds, and names a column differently.
struct Sums<const VERSION: i32>;

impl<const VERSION: i32> AdditiveProjection for Sums<VERSION> {
    type Source = SaleType;
    type Key = String;
    type Delta = Sum;

    fn deltas(event: &Recorded<EventOf<SaleType>>) -> Vec<(String, Sum)> {
        let Event::Sold(sold) = &event.event;
        let sum = Sum {
            sales: 1,
            total: sold.amount,
        };
        let counts = VERSION == 1 || sold.amount > 0;
        counts
            .then(|| (sold.customer.clone(), sum))
            .into_iter()
            .collect()
    }
}

impl<const VERSION: i32> AdditiveView for Sums<VERSION> {
    const NAME: &'static str = "sums";
    const VERSION: i32 = VERSION;
    const KEY: &'static str = "customer";
    const MIGRATIONS: Migrations = if VERSION == 1 {
        || {
            migration(
                "create table sums (
                    customer text primary key, sales bigint not null, total bigint not null
                )",
            )
        }
    } else {
        || {
            migration(
                "create table sums (
                    total bigint not null, sales bigint not null, customer text primary key,
                    mean bigint generated always as (total / nullif(sales, 0)) stored
                )",
            )
        }
    };
}

const FIRST: HostedView = HostedView::additive::<Sums<1>>();
const SECOND: HostedView = HostedView::additive::<Sums<2>>();

async fn checkpoint(pool: &PgPool, version: i32, sequence: i32) {
    let insert = format!(
        "insert into factline.checkpoint (view, version, topic, partition, topic_identity, next_offset, sequence) \
         values ('sums', {version}, 'shop.sale.events', 0, 'a', {sequence}, {sequence})"
    );
    sql(pool, &insert).await;
}

/// Migrates version 1 and fills it with three sales.
async fn filled(topic: &str) -> (PgPool, [factline_kafka::Record; 3]) {
    let pool = database().await;
    FIRST.migrate(&pool).await.unwrap();
    let registry = registry().await;
    let till = Till::open(&registry, topic).await;
    let sales = [
        till.sold(0, 1, "ann", 5),
        till.sold(0, 2, "ann", -2),
        till.sold(0, 3, "ann", 5),
    ];
    write(&pool, AdditiveSink::<Sums<1>>::new(registry), &sales).await;
    checkpoint(&pool, 1, 3).await;
    (pool, sales)
}

const OF_FIRST: &str = "select customer, sales, total from sums_v1.sums";

#[tokio::test(flavor = "multi_thread")]
async fn raised_version_leaves_old_rows_and_doubles_none() {
    let (pool, sales) = filled("raised.events").await;
    let before = rows(&pool, OF_FIRST).await;
    assert_eq!(before, [r#"{"sales": 3, "total": 8, "customer": "ann"}"#]);
    assert_eq!(rows(&pool, "select * from read.sums").await, before);

    // Readers see the first version while the second one is filled.
    SECOND.migrate(&pool).await.unwrap();
    write(
        &pool,
        AdditiveSink::<Sums<2>>::new(registry().await),
        &sales,
    )
    .await;
    checkpoint(&pool, 2, 2).await;
    SECOND.migrate(&pool).await.unwrap();
    assert_eq!(rows(&pool, OF_FIRST).await, before);
    assert_eq!(rows(&pool, "select * from read.sums").await, before);
    let sequence = "select sequence from read.sums_checkpoint";
    assert_eq!(rows(&pool, sequence).await, [r#"{"sequence": 3}"#]);

    // The first version is dropped.
    sql(&pool, "drop schema sums_v1 cascade").await;
    SECOND.migrate(&pool).await.unwrap();
    let shown = [r#"{"mean": 5, "sales": 2, "total": 10, "customer": "ann"}"#];
    assert_eq!(rows(&pool, "select * from read.sums").await, shown);
    assert_eq!(rows(&pool, sequence).await, [r#"{"sequence": 2}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_may_select_the_stable_names() {
    let (pool, _) = filled("granted.events").await;
    let granted = "select table_name, privilege_type from information_schema.role_table_grants \
                   where grantee = 'factline_reader' order by table_name";
    assert_eq!(
        rows(&pool, granted).await,
        [
            r#"{"table_name": "sums", "privilege_type": "SELECT"}"#,
            r#"{"table_name": "sums_checkpoint", "privilege_type": "SELECT"}"#,
            r#"{"table_name": "sums_parked", "privilege_type": "SELECT"}"#,
            r#"{"table_name": "sums_state", "privilege_type": "SELECT"}"#,
        ]
    );
}

/// A view that was made by an older release of the kit, and a release that also raises its version.
#[tokio::test(flavor = "multi_thread")]
async fn stable_names_of_the_version_that_is_shown_are_completed() {
    let (pool, _) = filled("completed.events").await;
    sql(&pool, "drop view read.sums_state").await;
    SECOND.migrate(&pool).await.unwrap();
    sql(&pool, "select * from read.sums_state").await;
    let sequence = "select sequence from read.sums_checkpoint";
    assert_eq!(rows(&pool, sequence).await, [r#"{"sequence": 3}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_migrate_concurrently() {
    let pool = database().await;
    let (one, other, third) = tokio::join!(
        SECOND.migrate(&pool),
        FIRST.migrate(&pool),
        SECOND.migrate(&pool)
    );
    one.unwrap();
    other.unwrap();
    third.unwrap();
    // Readers see the version that came first, whole.
    let columns = "select table_schema, count(*) from information_schema.view_column_usage \
                   where view_schema = 'read' and view_name = 'sums' group by 1";
    let whole = [
        r#"{"count": 3, "table_schema": "sums_v1"}"#,
        r#"{"count": 4, "table_schema": "sums_v2"}"#,
    ];
    let found = rows(&pool, columns).await;
    assert!(
        found.len() == 1 && whole.contains(&found[0].as_str()),
        "{found:?}"
    );
}

/// Both would make the view wrong without an error: a view that is never filled, and events that
/// are added to rows which contain them.
#[tokio::test(flavor = "multi_thread")]
async fn rows_without_checkpoints_and_checkpoints_without_rows_are_refused() {
    let (pool, _) = filled("lost.events").await;
    sql(&pool, "delete from factline.checkpoint").await;
    let error = FIRST.migrate(&pool).await.unwrap_err();
    assert!(matches!(error, Error::CheckpointsLost { .. }), "{error}");
    assert!(
        error.to_string().contains("drop schema sums_v1 cascade"),
        "{error}"
    );

    checkpoint(&pool, 1, 3).await;
    sql(&pool, "drop schema sums_v1 cascade").await;
    let error = FIRST.migrate(&pool).await.unwrap_err();
    assert!(matches!(error, Error::TableLost { .. }), "{error}");

    sql(
        &pool,
        "delete from factline.checkpoint where view = 'sums' and version = 1",
    )
    .await;
    FIRST.migrate(&pool).await.unwrap();
}
