//! The check of plans: it accepts a library with all its indexes, and names each fault.

use factline_read::{ByHand, Filter, Id, Resource, Rows, Sort, asc, desc, plans};

use crate::library::{BOOKS, BY_PAGES, BY_TITLE, Book, LOANS, Loan, RESOURCES};
use crate::stage::{database, sql};

/// Checks that the only mistakes of the resources are these.
async fn assert_mistakes(statements: &str, resources: &[Resource], mistakes: &[&str]) {
    let pool = database().await;
    sql(&pool, statements).await;
    let error = plans::check(resources, &pool).await.unwrap_err();
    assert_eq!(error.to_string(), mistakes.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn declarations_with_their_indexes_are_accepted() {
    let pool = database().await;
    plans::check(RESOURCES, &pool).await.unwrap();
    // Statistics of a filled table do not change the result.
    sql(&pool, crate::library::SIXTY).await;
    sql(&pool, "analyze books_v1.books").await;
    plans::check(RESOURCES, &pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_index_is_named_with_the_statement_that_makes_it() {
    assert_mistakes(
        "drop index books_v1.books_by_pages",
        RESOURCES,
        &[
            "GET /books: the sort order `-pages` names the index books_by_pages, which does not exist: \
             create it in a migration of the view, or remove it",
            "GET /books: the sort order `-pages` without filters has no index, so each page reads and \
             sorts the whole table (Seq Scan, Sort): add `create index books_by_pages on books (pages desc, \
             isbn desc)` to a migration of the view, and name the index",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_without_an_index_is_named() {
    const RESOURCES: &[Resource] = &[Resource::new("book").lists(&[BOOKS
        .list("/books", &[BY_TITLE])
        .filters(&[
            Filter::equal("kind", "kind"),
            Filter::equal("shelf", "shelf"),
        ])])];
    assert_mistakes(
        "",
        RESOURCES,
        &[
            "GET /books: the sort order `title` with the filter `shelf` reads as much of the index \
             books_by_title as without it, because no index begins with its column: add `create index on books (shelf, title_key, isbn)` \
             to a migration of the view, and name the index",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn range_that_no_index_can_serve_is_named() {
    const RESOURCES: &[Resource] = &[Resource::new("book").lists(&[BOOKS
        .list("/books", &[BY_TITLE])
        .filters(&[
            Filter::equal("kind", "kind"),
            Filter::at_least("from", "bought_at"),
        ])])];
    assert_mistakes(
        "",
        RESOURCES,
        &[
            "GET /books: the sort order `title` with the filter `from` reads as much of the index \
             books_by_title as without it, because no index begins with its column: no index serves both, so refuse the filter with \
             `without(&[\"from\"])`",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_without_an_index_is_named_beside_a_required_one() {
    const KIND: Filter = Filter::equal("kind", "kind").required("shelves are sorted by kind");
    const TITLE: Sort = Sort::by(
        "title",
        &[asc("title_key"), asc("isbn")],
        &["books_by_kind"],
    );
    const RESOURCES: &[Resource] = &[Resource::new("book").lists(&[BOOKS
        .list("/books", &[TITLE])
        .filters(&[KIND, Filter::equal("lent", "lent")])])];
    assert_mistakes(
        "",
        RESOURCES,
        &[
            "GET /books: the sort order `title` with the filters `kind` and `lent` reads as much of \
             the index books_by_kind as without it, because no index begins with its column: add \
             `create index on books (kind, lent, title_key, isbn)` to a migration of the view, and \
             name the index",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn index_in_another_direction_is_named() {
    assert_mistakes(
        "drop index books_v1.books_by_pages;
         create index books_by_pages on books_v1.books (pages desc, isbn)",
        RESOURCES,
        &[
            "GET /books: the sort order `-pages` without filters has no index, so each page reads and \
             sorts the whole table (Sort): add `create index on books (pages desc, isbn desc)` to a \
             migration of the view, and name the index",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn index_that_is_not_declared_is_named() {
    const TITLE: Sort = Sort::by(
        "title",
        &[asc("title_key"), asc("isbn")],
        &["books_by_kind", "books_by_price"],
    );
    const RESOURCES: &[Resource] = &[Resource::new("book").lists(&[BOOKS
        .list("/books", &[TITLE])
        .filters(&[Filter::equal("kind", "kind")])])];
    assert_mistakes(
        "",
        RESOURCES,
        &[
            "GET /books: the sort order `title` without filters uses the index books_by_title, which \
             the declaration does not name: name it",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn index_that_nothing_uses_is_named() {
    const RESOURCES: &[Resource] =
        &[Resource::new("book").lists(&[BOOKS.list("/books", &[COPIES])])];
    assert_mistakes(
        "create index books_by_copies on books_v1.books (copies, isbn)",
        RESOURCES,
        &[
            "GET /books: the sort order `title` names the index books_by_copies, which no combination \
             of filters uses: drop it in a migration, or remove it",
        ],
    )
    .await;
}

const COPIES: Sort = Sort::by(
    "title",
    &[asc("title_key"), asc("isbn")],
    &["books_by_title", "books_by_copies"],
);

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_identify_a_row_are_named() {
    const PAGES: Sort = Sort::by("-pages", &[desc("pages")], &["books_by_pages"]);
    const NUMBER: Sort = Sort::by("-number", &[desc("number")], &["loans_pkey"]);
    const RESOURCES: &[Resource] = &[Resource::new("book").lists(&[
        BOOKS.list("/books", &[PAGES]),
        LOANS
            .list("/books/{id}/loans", &[NUMBER])
            .within(Id::text("isbn", "[0-9-]+")),
    ])];
    assert_mistakes(
        "",
        RESOURCES,
        &[
            "GET /books: the sort order `-pages` does not identify a row of books_v1.books, so a page \
             could skip rows with equal keys: end its keys with the primary key",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_can_be_null_in_the_table_is_named() {
    const RESOURCES: &[Resource] =
        &[Resource::new("book").lists(&[BOOKS.list("/books", &[PAGES])])];
    assert_mistakes(
        "alter table books_v1.books alter column pages drop not null",
        RESOURCES,
        &[
            "GET /books: the sort order `-pages` sorts by pages, which can be null in books_v1.books, \
             and no page begins after a null: declare the column `not null`, or sort by another one",
        ],
    )
    .await;
}

const PAGES: Sort = Sort::by(
    "-pages",
    &[desc("pages"), desc("isbn")],
    &["books_by_pages"],
);

#[tokio::test(flavor = "multi_thread")]
async fn item_without_an_index_is_named() {
    const RESOURCES: &[Resource] = &[Resource::new("book").items(&[
        BOOKS.item("/books/{id}", Id::text("isbn", "[0-9-]+")),
        BOOKS.item("/shelves/{id}/book", Id::uuid("shelf")),
    ])];
    assert_mistakes(
        "",
        RESOURCES,
        &[
            "GET /shelves/{id}/book: the item is found by reading all rows, because no index begins \
             with shelf: make it the primary key of books_v1.books",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn view_that_no_projector_makes_is_named() {
    const RESOURCES: &[Resource] = &[Resource::new("reader")
        .items(&[Rows::of::<Loan>("readers").item("/readers/{id}", Id::uuid("reader_id"))])
        .by_hand(&[ByHand::of::<Loan>("/loans/last", &["last-loans"], || {
            axum::routing::get(async || ())
        })])];
    assert_mistakes(
        "create view read.last_loans as select * from read.loans",
        RESOURCES,
        &[
            "resource `reader`: the view `last-loans` has no relation read.last_loans_checkpoint: \
             correct the name of the view, or add the view to a projector and run its migrations",
            "resource `reader`: the view `readers` has no relation read.readers: correct the name of \
             the view, or add the view to a projector and run its migrations",
            "resource `reader`: the view `readers` has no relation read.readers_checkpoint: correct \
             the name of the view, or add the view to a projector and run its migrations",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_differ_from_the_view_are_named() {
    const RESOURCES: &[Resource] = &[Resource::new("book")
        .items(&[Rows::of::<Book>("books").item("/books/{id}", Id::text("isbn", "[0-9-]+"))])];
    assert_mistakes(
        "create or replace view read.loans as select isbn, number, reader from loans_v1.loans;
         drop view read.books;
         create view read.books as
             select isbn, title, title_key, kind, shelf, pages::bigint, copies, readers, price, lent, printed_on,
                    bought_at, returned_at
             from books_v1.books",
        RESOURCES,
        &[
            "GET /books/{id}: the response reads the column pages as integer, and in read.books it is \
             bigint: change the type of the field",
            "GET /books/{id}: the response reads the column notes, which read.books does not have: \
             correct the name of the field, or add the column to a migration",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_declarations_come_first() {
    const RESOURCES: &[Resource] =
        &[Resource::new("book").lists(&[BOOKS.list("/a", &[]), BOOKS.list("/b", &[BY_PAGES])])];
    assert_mistakes(
        "drop index books_v1.books_by_pages",
        RESOURCES,
        &[
            "GET /a: the list has no sort order: declare one with the index that serves it",
            "GET /b: the sort order `-pages` excludes the filter `q`, which the list does not have: \
             remove it",
        ],
    )
    .await;
}
