//! The read side over HTTP: the rows of views as JSON.
//!
//! It selects from the stable names in schema `read` and does nothing else. It writes no row, has
//! no connection to a broker and calls no other service. Every response is read from one snapshot
//! of the database. The snapshot is at least as new as the position that the request names.
//!
//! # To add a resource
//!
//! A [`Resource`] is declared next to the struct that is its JSON:
//!
//! ```
//! use factline_postgres::Columns;
//! use factline_read::{Filter, Id, Resource, Rows, Sort, asc, desc};
//! use serde::Serialize;
//! use utoipa::ToSchema;
//! use uuid::Uuid;
//!
//! /// A loan, as clients see it.
//! #[derive(Columns, Serialize, ToSchema)]
//! struct Loan {
//!     loan_id: Uuid,
//!     reader: String,
//!     days: i64,
//! }
//!
//! const LOANS: Rows = Rows::of::<Loan>("loans");
//!
//! const RESOURCES: &[Resource] = &[Resource::new("loan")
//!     .items(&[LOANS.item("/loans/{id}", Id::uuid("loan_id"))])
//!     .lists(&[LOANS
//!         .list("/loans", &[Sort::by(
//!             "-days",
//!             &[desc("days"), desc("loan_id")],
//!             &["loans_by_days", "loans_by_reader"],
//!         )])
//!         .filters(&[Filter::equal("reader", "reader")])])];
//!
//! let document = factline_read::openapi(RESOURCES).unwrap();
//! assert!(document["paths"]["/loans"]["get"].is_object());
//! ```
//!
//! The declaration makes everything else: the routes, the checks of parameters, the SQL, cursors,
//! entity tags, and the OpenAPI document. Documents are declared in one line,
//! [`Rows::document`]. [`routes()`] and [`openapi()`] report mistakes in declarations, each as one
//! sentence. [`plans`], with the feature of this name, proves in a test that each request finds its
//! rows by an index.
//!
//! An application calls [`main`] with its resources, or merges [`routes()`] with other parts in one
//! process.
//!
//! # Limits
//!
//! This is no object mapper: it has no relations and no query language. A response that is not a
//! row or a list of rows is written by hand, see [`ByHand`]. To support another type of column or
//! another comparison, extend `value.rs` or [`Filter`].
//!
//! [`plans`]: https://docs.rs/factline-read/latest/factline_read/plans

mod checked;
mod declare;
pub mod listing;
mod misuse;
mod openapi;
pub mod parameters;
mod parked;
mod path;
#[cfg(feature = "plans")]
pub mod plans;
mod process;
mod read_state;
mod read_your_writes;
pub mod readiness;
mod routes;
mod serve;
mod stable_name;
mod tokens;
mod value;

pub use declare::{ByHand, Filter, Id, Item, Key, List, Resource, Rows, Sort, asc, desc};
pub use misuse::{Misuse, Misuses};
pub use openapi::openapi;
pub use parameters::Parameters;
pub use process::{Config, Options, main, run, start};
pub use read_state::ReadState;
pub use read_your_writes::{database, snapshot};
pub use routes::{router, routes};

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
