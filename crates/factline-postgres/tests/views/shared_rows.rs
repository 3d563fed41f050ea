//! A row that events of two partitions change: refused, or kept once for each partition.

use factline::{EventOf, Projection, Recorded};
use factline_postgres::{Columns, HostedView, Migrations, Sink as _, SinkError, View, ViewSink};

use crate::sales::{Event, SaleType, Till};
use crate::stage::{database, migration, registry, rows, write};

/// The last sale of each customer, with one row or with one row for each partition.
struct LastSales<const PER_PARTITION: bool>;

#[derive(Debug, Clone, PartialEq, Columns)]
struct Last {
    amount: i64,
}

impl<const PER_PARTITION: bool> Projection for LastSales<PER_PARTITION> {
    type Source = SaleType;
    type Key = String;
    type Row = Last;

    fn keys(event: &Recorded<EventOf<SaleType>>) -> Vec<String> {
        let Event::Sold(sold) = &event.event;
        vec![sold.customer.clone()]
    }

    fn apply(_: &String, _: Option<Last>, event: &Recorded<EventOf<SaleType>>) -> Option<Last> {
        let Event::Sold(sold) = &event.event;
        let amount = sold.amount;
        Some(Last { amount })
    }
}

impl<const PER_PARTITION: bool> View for LastSales<PER_PARTITION> {
    const NAME: &'static str = "last-sales";
    const VERSION: i32 = if PER_PARTITION { 2 } else { 1 };
    const KEY: &'static str = "customer";
    const PER_PARTITION: bool = PER_PARTITION;
    const MIGRATIONS: Migrations = if PER_PARTITION {
        || {
            migration(
                "create table last_sales (
                    customer text, source_partition integer, amount bigint not null,
                    primary key (customer, source_partition)
                )",
            )
        }
    } else {
        || migration("create table last_sales (customer text primary key, amount bigint not null)")
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn row_of_two_partitions_is_refused() {
    let pool = database().await;
    let registry = registry().await;
    HostedView::of::<LastSales<false>>()
        .migrate(&pool)
        .await
        .unwrap();
    let till = Till::open(&registry, "shared.events").await;
    let sales = [
        till.sold(0, 1, "ann", 1),
        till.sold(1, 1, "bob", 2),
        till.sold(2, 1, "ann", 3),
    ];
    let mut sink = ViewSink::<LastSales<false>>::new(registry);
    let mut transaction = pool.begin().await.unwrap();
    let error = sink.write(&mut transaction, &sales).await.unwrap_err();
    let text = factline::error_chain(&error);
    assert!(
        matches!(&error, SinkError::Poison(poison) if poison.partition == 2),
        "{text}"
    );
    assert!(
        text.contains("events of the partitions 0 and 2 change the same row"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_has_a_row_of_its_own() {
    let pool = database().await;
    let registry = registry().await;
    HostedView::of::<LastSales<true>>()
        .migrate(&pool)
        .await
        .unwrap();
    let till = Till::open(&registry, "parted.events").await;
    let sales = [
        till.sold(0, 1, "ann", 1),
        till.sold(2, 1, "ann", 3),
        till.sold(0, 2, "ann", 5),
    ];
    for batch in [&sales[..2], &sales[2..]] {
        write(
            &pool,
            ViewSink::<LastSales<true>>::new(registry.clone()),
            batch,
        )
        .await;
    }
    assert_eq!(
        rows(
            &pool,
            "select * from read.last_sales order by source_partition"
        )
        .await,
        [
            r#"{"amount": 5, "customer": "ann", "source_partition": 0}"#,
            r#"{"amount": 3, "customer": "ann", "source_partition": 2}"#,
        ]
    );
}
