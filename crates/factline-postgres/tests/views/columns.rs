//! A row of every type of column, written and read again.

use chrono::{DateTime, NaiveDate, Utc};
use factline::{EventOf, Projection, Recorded};
use factline_postgres::{
    Columns, HostedView, Migrations, RowId, RowKey, TextEnum, View, select_list,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Error};
use uuid::Uuid;

use crate::sales::SaleType;
use crate::stage::{database, migration, rows, sql};

/// The view.
struct Everything;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, RowKey)]
struct Key {
    id: Uuid,
    part: i16,
}

#[derive(Debug, Clone, PartialEq, Columns)]
struct Row {
    text: String,
    truth: bool,
    small: i16,
    medium: i32,
    large: i64,
    wide: i128,
    day: NaiveDate,
    instant: DateTime<Utc>,
    state: State,
    #[column(json)]
    lines: Vec<Line>,
    #[column(embed(amount = "price_amount", currency))]
    price: Money,
    // A word of SQL, and a name that Rust reserves.
    #[column(name = "select")]
    chosen: String,
    r#type: String,
    maybe_text: Option<String>,
    maybe_wide: Option<i128>,
    maybe_state: Option<State>,
    #[column(json)]
    maybe_line: Option<Line>,
    #[column(embed(amount = "maybe_amount", currency = "maybe_currency"))]
    maybe_price: Option<Money>,
}

#[derive(Debug, Clone, Copy, PartialEq, TextEnum)]
enum State {
    Placed,
    TakenBack,
    #[column(name = "Sent off")]
    Shipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    name: String,
    quantity: i64,
}

#[derive(Debug, Clone, PartialEq)]
struct Money {
    amount: i64,
    currency: String,
}

impl Projection for Everything {
    type Source = SaleType;
    type Key = Key;
    type Row = Row;

    fn keys(_: &Recorded<EventOf<SaleType>>) -> Vec<Key> {
        Vec::new()
    }

    fn apply(_: &Key, row: Option<Row>, _: &Recorded<EventOf<SaleType>>) -> Option<Row> {
        row
    }
}

impl View for Everything {
    const NAME: &'static str = "everything";
    const VERSION: i32 = 7;
    const MIGRATIONS: Migrations = || {
        migration(
            r#"create table everything (
                id uuid, part smallint,
                text text not null, truth boolean not null, small smallint not null,
                medium integer not null, large bigint not null, wide numeric not null,
                day date not null, instant timestamptz not null, state text not null,
                lines jsonb not null, price_amount bigint not null, currency text not null,
                "select" text not null, type text not null,
                maybe_text text, maybe_wide numeric, maybe_state text, maybe_line jsonb,
                maybe_amount bigint, maybe_currency text,
                primary key (id, part)
            )"#,
        )
    };
}

fn row() -> Row {
    Row {
        text: "Ölkanne 'x' \\ \"".to_owned(),
        truth: true,
        small: i16::MIN,
        medium: i32::MAX,
        large: i64::MIN,
        wide: i128::MAX,
        day: NaiveDate::from_ymd_opt(1997, 1, 1).unwrap(),
        instant: "2026-03-01T12:00:00.123456Z".parse().unwrap(),
        state: State::TakenBack,
        lines: vec![Line {
            name: "cup".to_owned(),
            quantity: 3,
        }],
        price: Money {
            amount: -1,
            currency: "EUR".to_owned(),
        },
        chosen: String::new(),
        r#type: "b".to_owned(),
        maybe_text: Some("there".to_owned()),
        maybe_wide: Some(i128::MIN),
        maybe_state: Some(State::Shipped),
        maybe_line: Some(Line {
            name: "lid".to_owned(),
            quantity: 0,
        }),
        maybe_price: Some(Money {
            amount: 7,
            currency: "USD".to_owned(),
        }),
    }
}

fn without_options() -> Row {
    Row {
        wide: 0,
        maybe_text: None,
        maybe_wide: None,
        maybe_state: None,
        maybe_line: None,
        maybe_price: None,
        ..row()
    }
}

fn id(part: i16) -> RowId<Key> {
    RowId {
        key: Key {
            id: Uuid::nil(),
            part,
        },
        source_partition: i32::from(part) + 10,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_of_every_type_is_read_as_it_was_written() {
    let pool = database().await;
    HostedView::of::<Everything>().migrate(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let expected = vec![(id(1), row()), (id(2), without_options())];
    // Overwrites both.
    for changed in [
        vec![(id(1), without_options()), (id(2), row())],
        expected.clone(),
    ] {
        Everything::upsert(&mut connection, &changed).await.unwrap();
    }
    let ids = [id(1), id(2), id(3)];
    let mut found = Everything::load(&mut connection, &ids).await.unwrap();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(found, expected);

    Everything::delete(&mut connection, &[id(1), id(3)])
        .await
        .unwrap();
    let left = Everything::load(&mut connection, &ids).await.unwrap();
    assert_eq!(left, expected[1..]);
    let stored = "select state, maybe_state, lines, wide::text from everything_v7.everything";
    assert_eq!(
        rows(&pool, stored).await,
        [
            r#"{"wide": "0", "lines": [{"name": "cup", "quantity": 3}], "state": "taken_back", "maybe_state": null}"#
        ]
    );
}

/// Values that only another writer can have stored.
#[tokio::test(flavor = "multi_thread")]
async fn value_that_no_field_can_have_is_an_error_that_names_the_column() {
    let pool = database().await;
    HostedView::of::<Everything>().migrate(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let cases = [
        (
            "state = 'lost'",
            "unknown text \"lost\"; known are placed, taken_back, Sent off",
        ),
        ("wide = 1.5", "1.5 is not a whole number"),
        ("wide = 1e40", "does not fit into 128 bits"),
        ("wide = 'NaN'", "NaN"),
        ("lines = '[{\"name\": 1}]'", "invalid type"),
        ("maybe_amount = null", "unexpected null"),
    ];
    for (assignment, expected) in cases {
        Everything::upsert(&mut connection, &[(id(1), row())])
            .await
            .unwrap();
        sql(
            &pool,
            &format!("update everything_v7.everything set {assignment}"),
        )
        .await;
        let error = Everything::load(&mut connection, &[id(1)])
            .await
            .unwrap_err();
        let (column, _) = assignment.split_once(' ').unwrap();
        assert!(
            matches!(&error, Error::ColumnDecode { index, .. } if index.contains(column)),
            "{assignment}: {error}"
        );
        assert!(
            error.to_string().contains(expected),
            "{assignment}: {error}"
        );
    }
}

/// A struct of a reader, with columns that PostgreSQL computed.
#[derive(Debug, PartialEq, Columns)]
struct Shown {
    lines_sold: i128,
    #[column(name = "medium")]
    number: i128,
    #[column(embed(amount = "sum", currency))]
    total: Total,
}

#[derive(Debug, PartialEq)]
struct Total {
    amount: i128,
    currency: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_finds_its_columns_by_name() {
    let pool = database().await;
    HostedView::of::<Everything>().migrate(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    Everything::upsert(&mut connection, &[(id(1), row())])
        .await
        .unwrap();
    let query = format!(
        "select {} from (select currency, sum(price_amount + 8) as sum, min(medium) as medium, \
             1::smallint as lines_sold, count(*) as ignored from read.everything group by currency) t",
        select_list(Shown::COLUMNS)
    );
    let row = sqlx::query(AssertSqlSafe(query))
        .fetch_one(&pool)
        .await
        .unwrap();
    let expected = Shown {
        lines_sold: 1,
        number: i128::from(i32::MAX),
        total: Total {
            amount: 7,
            currency: "EUR".to_owned(),
        },
    };
    assert_eq!(Shown::decode(&row).unwrap(), expected);
    let error = Row::decode(&row).unwrap_err();
    assert!(
        matches!(&error, Error::ColumnNotFound(column) if column == "text"),
        "{error}"
    );
}

#[test]
fn definitions_name_the_type_and_say_what_may_be_null() {
    let text: Vec<String> = Row::COLUMNS
        .iter()
        .map(|column| format!("{} {} {}", column.name, column.sql_type, column.nullable))
        .collect();
    assert_eq!(text[9], "lines jsonb false");
    assert_eq!(text[10], "price_amount bigint false");
    assert_eq!(text[12..14], ["select text false", "type text false"]);
    assert_eq!(text[15], "maybe_wide numeric true");
    assert_eq!(text[18], "maybe_amount bigint true");
}
