//! Mistakes in declarations, each with its sentence.

use axum::routing::get;
use factline_read::{ByHand, Filter, Id, Resource, Rows, Sort, asc, desc, openapi};
use serde::Serialize;
use utoipa::ToSchema;

use crate::library::{BOOKS, BY_TITLE, ISBN, LOANS};

/// Another type with the name of a book.
#[derive(Serialize, ToSchema)]
#[schema(as = Book)]
struct Brochure {
    title: String,
}

/// Another type with the name of every problem.
#[derive(Serialize, ToSchema)]
struct Problem {
    title: String,
}

/// Checks that the mistakes of one resource are these.
#[track_caller]
fn assert_mistakes(resource: Resource, mistakes: &[&str]) {
    let found = openapi(&[resource]).unwrap_err();
    assert_eq!(found.to_string(), mistakes.join("\n"));
}

#[test]
fn two_resources_on_one_path_are_named() {
    const FIRST: Resource = Resource::new("book").items(&[BOOKS.item("/books/{id}", ISBN)]);
    const SECOND: Resource = Resource::new("atlas").by_hand(&[ByHand::of::<Brochure>(
        "/books/{isbn}",
        &["atlases"],
        || get(async || ()),
    )]);
    let found = openapi(&[FIRST, SECOND]).unwrap_err();
    assert_eq!(
        found.to_string(),
        "GET /books/{isbn}: the path belongs to `book` and to `atlas`: change one of them\n\
         GET /books/{isbn}: the response has a schema `Book`, and GET /books/{id} has another one of \
         this name: rename one with `#[schema(as = ...)]`"
    );
}

#[test]
fn path_of_the_document_is_reserved() {
    const RESOURCE: Resource =
        Resource::new("book").lists(&[BOOKS.list("/openapi.json", &[BY_TITLE])]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /openapi.json: the path belongs to `the OpenAPI document` and to `book`: change one of \
             them",
        ],
    );
}

#[test]
fn schema_with_a_reserved_name_is_named() {
    const RESOURCE: Resource =
        Resource::new("book").by_hand(&[ByHand::of::<Problem>("/books", &["books"], || {
            get(async || ())
        })]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /books: the response has a schema `Problem`, and every problem has another one of \
             this name: rename one with `#[schema(as = ...)]`",
        ],
    );
}

#[test]
fn invalid_paths_are_named() {
    const RESOURCE: Resource = Resource::new("book")
        .items(&[
            BOOKS.item("books/{id}", ISBN),
            BOOKS.item("/books", ISBN),
            BOOKS.item("/shelves/{shelf}/books/{id}", ISBN),
        ])
        .lists(&[BOOKS.list("/shelves/{shelf}/books", &[BY_TITLE])]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET books/{id}: the path is not valid: begin with `/`, end without it, and write a \
             parameter as a whole segment, such as `/orders/{id}`",
            "GET /books: the path has no parameter for the id: write it as `{id}`",
            "GET /shelves/{shelf}/books/{id}: the path has more than one parameter, and an item has \
             one id: write the route by hand",
            "GET /shelves/{shelf}/books: the path has a parameter, and the list is not read within an \
             item: declare the id of the item with `within`, or remove the parameter",
        ],
    );
}

#[test]
fn invalid_ids_are_named() {
    const UNBALANCED: Resource =
        Resource::new("book").items(&[BOOKS.item("/c/{id}", Id::text("isbn", "[0-9"))]);
    const RESOURCE: Resource = Resource::new("book").items(&[
        BOOKS.item("/a/{id}", Id::uuid("isbn")),
        BOOKS.item("/b/{id}", Id::text("shelf", "[a-z]+")),
    ]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /a/{id}: the id is a UUID but the column isbn is text: declare the form of the id \
             that the column has",
            "GET /b/{id}: the id is text but the column shelf is uuid: declare the form of the id \
             that the column has",
        ],
    );
    let found = openapi(&[UNBALANCED]).unwrap_err().to_string();
    let expected = "GET /c/{id}: the pattern [0-9 is not a regular expression: ";
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn unknown_columns_are_named() {
    const RESOURCE: Resource = Resource::new("loan").lists(&[LOANS
        .list(
            "/loans",
            &[Sort::by("reader", &[asc("readers")], &["loans_pkey"])],
        )
        .filters(&[Filter::equal("of", "isbn")])]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /loans: the filter `of` reads the column isbn, which `Loan` does not have: use one of \
             number, reader, or add the field, with `#[serde(skip)]` if clients need not see it",
            "GET /loans: the sort order `reader` reads the column readers, which `Loan` does not have: \
             use one of number, reader, or add the field, with `#[serde(skip)]` if clients need not \
             see it",
        ],
    );
}

#[test]
fn columns_that_cannot_be_compared_are_named() {
    const RESOURCE: Resource = Resource::new("book").lists(&[BOOKS
        .list(
            "/books",
            &[Sort::by("-returned", &[desc("returned_at")], &["i"])],
        )
        .filters(&[
            Filter::equal("notes", "notes"),
            Filter::prefix("pages", "pages"),
            Filter::one_of("lent", "lent", &["true"]),
        ])]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /books: the filter `notes` reads the column notes, and jsonb cannot be compared: use a \
             generated column of text, a number, a date or a time",
            "GET /books: the filter `pages` compares text, and the column pages is a whole number of \
             32 bits: use `equal`, `at_least` or `less_than`",
            "GET /books: the filter `lent` compares text, and the column lent is true or false: use \
             `equal`, `at_least` or `less_than`",
            "GET /books: the sort order `-returned` sorts by returned_at, which can be null, and no \
             page begins after a null: store a value for every row, or sort by another column",
        ],
    );
}

#[test]
fn sort_orders_that_no_page_can_follow_are_named() {
    const RESOURCE: Resource = Resource::new("book").lists(&[
        BOOKS.list("/a", &[]),
        BOOKS.list(
            "/b",
            &[Sort::by("title", &[asc("title_key"), asc("isbn")], &[])],
        ),
        BOOKS.list("/c", &[Sort::by("title", &[], &["books_by_title"])]),
        BOOKS.list("/d", &[BY_TITLE, BY_TITLE]),
        BOOKS.list("/e", &[BY_TITLE.without(&["colour"])]),
        BOOKS.list(
            "/f",
            &[Sort::by("title", &[asc("title_key"), desc("isbn")], &["i"])],
        ),
    ]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /a: the list has no sort order: declare one with the index that serves it",
            "GET /b: the sort order `title` names no index, so each page would sort the whole table: \
             name the indexes that serve it, and create them in a migration of the view `books`",
            "GET /c: the sort order `title` has no columns: end them with the primary key",
            "GET /d: two sort orders are named `title`: give one of them another name",
            "GET /e: the sort order `title` excludes the filter `colour`, which the list does not \
             have: remove it",
            "GET /f: the sort order `title` has keys of both directions, and no index finds where a \
             page of them begins: sort by all keys with `asc`, or by all with `desc`",
        ],
    );
}

#[test]
fn parameters_that_clash_are_named() {
    const RESOURCE: Resource = Resource::new("book").lists(&[BOOKS
        .list("/books", &[BY_TITLE])
        .filters(&[
            Filter::equal("limit", "pages"),
            Filter::at_least("pages", "pages"),
            Filter::less_than("pages", "pages"),
            Filter::prefix("q", "title_key").converted("lower()"),
        ])
        .limits(50, 20)]);
    assert_mistakes(
        RESOURCE,
        &[
            "GET /books: a page has 50 rows and at most 20: set limits of at least 1, with the maximum \
             second",
            "GET /books: the filter `limit` has the name of a parameter that every list has: give it \
             another name",
            "GET /books: two filters are named `pages`: give one of them another name",
            "GET /books: the filter `q` is converted by \"lower()\": write the value in it once, as `$`",
        ],
    );
}

#[test]
fn routes_of_wrong_declarations_are_refused() {
    const WRONG: Resource =
        Resource::new("book").lists(&[Rows::of::<crate::library::Loan>("x").list("/x", &[])]);
    assert!(openapi(&[WRONG]).is_err());
}
