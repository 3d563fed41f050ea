//! The resources of a library, with each kind of column, filter and sort order.

use chrono::{DateTime, NaiveDate, Utc};
use factline_postgres::Columns;
use factline_read::{Filter, Id, Resource, Rows, Sort, asc, desc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A book.
#[derive(Columns, Serialize, ToSchema)]
pub(crate) struct Book {
    isbn: String,
    title: String,
    kind: String,
    shelf: Uuid,
    pages: i32,
    copies: i16,
    readers: i64,
    price: i128,
    lent: bool,
    printed_on: NaiveDate,
    bought_at: DateTime<Utc>,
    returned_at: Option<DateTime<Utc>>,
    #[column(json)]
    notes: Vec<String>,
    #[serde(skip)]
    title_key: String,
}

/// A loan of a book.
#[derive(Columns, Serialize, ToSchema)]
pub(crate) struct Loan {
    number: i64,
    reader: String,
}

pub(crate) const BOOKS: Rows = Rows::of::<Book>("books");
pub(crate) const LOANS: Rows = Rows::of::<Loan>("loans");
pub(crate) const ISBN: Id = Id::text("isbn", "[0-9]{3}-[0-9]{1,3}");

pub(crate) const BY_TITLE: Sort = Sort::by(
    "title",
    &[asc("title_key"), asc("isbn")],
    &["books_by_title", "books_by_kind"],
);
pub(crate) const BY_PAGES: Sort = Sort::by(
    "-pages",
    &[desc("pages"), desc("isbn")],
    &["books_by_pages", "books_by_kind_and_pages"],
)
.without(&["q"]);

/// Resources whose requests are all served by indexes.
pub(crate) const RESOURCES: &[Resource] = &[Resource::new("book")
    .items(&[BOOKS.item("/books/{id}", ISBN)])
    .lists(&[
        BOOKS
            .list("/books", &[BY_TITLE, BY_PAGES])
            .filters(&[
                Filter::one_of("kind", "kind", &["novel", "atlas"]),
                Filter::prefix("q", "title_key").converted("lower($)"),
            ])
            .limits(20, 40),
        LOANS.list("/books/{id}/loans", &[BY_NUMBER]).within(ISBN),
    ])];

const BY_NUMBER: Sort = Sort::by("-number", &[desc("number")], &["loans_pkey"]);

/// Filters of every type, which no index serves.
pub(crate) const SHELVES: &[Resource] = &[Resource::new("shelf").lists(&[BOOKS
    .list(
        "/shelves",
        &[
            Sort::by("isbn", &[asc("isbn")], &["books_pkey"]),
            Sort::by("shelf", &[asc("shelf"), asc("isbn")], &["books_pkey"]),
            Sort::by("-copies", &[desc("copies"), desc("isbn")], &["books_pkey"]),
            Sort::by(
                "-price",
                &[desc("price"), desc("readers"), desc("isbn")],
                &["books_pkey"],
            ),
            Sort::by("lent", &[asc("lent"), asc("isbn")], &["books_pkey"]),
            Sort::by(
                "printed_on",
                &[asc("printed_on"), asc("isbn")],
                &["books_pkey"],
            ),
            Sort::by(
                "-bought_at",
                &[desc("bought_at"), desc("isbn")],
                &["books_pkey"],
            ),
        ],
    )
    .filters(&[
        Filter::equal("shelf", "shelf"),
        Filter::equal("pages", "pages"),
        Filter::equal("copies", "copies"),
        Filter::equal("readers", "readers"),
        Filter::equal("price", "price"),
        Filter::equal("lent", "lent"),
        Filter::equal("printed_on", "printed_on"),
        Filter::at_least("bought_from", "bought_at"),
        Filter::less_than("bought_before", "bought_at"),
        Filter::prefix("title", "title"),
    ])])];

/// Sixty books. Several have the same title, pages or price.
pub(crate) const SIXTY: &str = "insert into books_v1.books
    (isbn, title, kind, shelf, pages, copies, readers, price, lent, printed_on, bought_at)
select '978-' || n, (array['Maps', 'MAPS', 'map making', 'Tea', 'Öl'])[n % 5 + 1], (array['novel', 'atlas'])[n % 2 + 1],
       md5((n % 4)::text)::uuid, n % 7, (n % 3)::smallint, n % 5, n % 6 * 18446744073709551616::numeric, n % 2 = 0,
       date '0044-03-15 BC' + n % 10 * 100000, timestamptz '2026-03-01T12:00:00.000001Z' + n % 8 * interval '1 second'
from generate_series(1, 60) as n";
