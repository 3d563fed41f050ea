//! Documents: their table, and the columns that PostgreSQL generates from them.

use factline::{EventOf, Projection, Recorded};
use factline_postgres::view::document::{Documents, StoredDocuments};
use factline_postgres::view::{DocumentView, document};
use factline_postgres::{Document, GeneratedColumn, HostedView, ViewSink};
use serde::{Deserialize, Serialize};

use crate::sales::{Event, SaleType, Sold, Till};
use crate::stage::{database, registry, rows, write};

/// A sale; a sale of nothing has no receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Receipt {
    customer: Customer,
    amount: i64,
    sold_at: factline::Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Customer {
    name: String,
}

impl Document for Receipt {
    type Source = SaleType;
    const NAME: &'static str = "receipts";
    const VERSION: i32 = 3;
    const COLUMNS: &'static [GeneratedColumn] = &[
        GeneratedColumn::text("customer").at("customer.name"),
        GeneratedColumn::bigint("amount"),
        GeneratedColumn::timestamptz("sold_at"),
        GeneratedColumn::text("note"),
    ];
    const INDEXES: &'static [&'static str] = &["customer, sold_at desc, id"];

    fn apply(_: Option<Self>, event: &Recorded<Event>) -> Option<Self> {
        let Event::Sold(Sold { customer, amount }) = event.event.clone();
        (amount != 0).then_some(Self {
            customer: Customer { name: customer },
            amount,
            sold_at: event.envelope.time,
        })
    }
}

type Receipts = StoredDocuments<Documents<Receipt>>;

#[tokio::test(flavor = "multi_thread")]
async fn document_is_stored_found_and_filtered() {
    let pool = database().await;
    let view = HostedView::document::<Receipt>();
    view.migrate(&pool).await.unwrap();
    view.migrate(&pool).await.unwrap();
    let registry = registry().await;
    let till = Till::open(&registry, "receipts.events").await;
    let sales = [till.sold(0, 1, "ann", 7), till.sold(1, 1, "bob", 0)];
    write(&pool, ViewSink::<Receipts>::new(registry), &sales).await;

    let found: Option<Receipt> = document::find(&pool, "sale-0-1").await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.customer.name.as_str(), found.amount), ("ann", 7));
    let none: Option<Receipt> = document::find(&pool, "sale-1-1").await.unwrap();
    assert_eq!(none, None);
    assert_eq!(
        rows(
            &pool,
            "select id, customer, amount, sold_at, note from read.receipts"
        )
        .await,
        [
            r#"{"id": "sale-0-1", "note": null, "amount": 7, "sold_at": "1970-01-01T00:00:00+00:00", "customer": "ann"}"#
        ]
    );
}

/// The last sale of each customer, as a document with a key of its own.
struct LastSales;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Last {
    amount: i64,
}

impl Projection for LastSales {
    type Source = SaleType;
    type Key = String;
    type Row = Last;

    fn keys(event: &Recorded<EventOf<SaleType>>) -> Vec<String> {
        let Event::Sold(sold) = &event.event;
        vec![sold.customer.clone()]
    }

    fn apply(_: &String, _: Option<Last>, event: &Recorded<EventOf<SaleType>>) -> Option<Last> {
        let Event::Sold(sold) = &event.event;
        Some(Last {
            amount: sold.amount,
        })
    }
}

impl DocumentView for LastSales {
    const NAME: &'static str = "last-sales";
    const VERSION: i32 = 1;
    const KEY: &'static str = "customer";
    const COLUMNS: &'static [GeneratedColumn] = &[GeneratedColumn::bigint("amount")];
}

#[tokio::test(flavor = "multi_thread")]
async fn document_has_a_key_of_its_own() {
    let pool = database().await;
    let view = HostedView::documents::<LastSales>();
    view.migrate(&pool).await.unwrap();
    let registry = registry().await;
    let till = Till::open(&registry, "last.events").await;
    let sales = [till.sold(0, 1, "ann", 7), till.sold(0, 2, "ann", 9)];
    let sink = ViewSink::<StoredDocuments<LastSales>>::new(registry);
    write(&pool, sink, &sales).await;
    assert_eq!(
        rows(&pool, "select * from read.last_sales").await,
        [r#"{"amount": 9, "customer": "ann", "document": {"amount": 9}}"#]
    );
}
