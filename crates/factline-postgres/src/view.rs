//! Views: tables that are projected from events.
//!
//! # To add a view
//!
//! A view is a struct and two functions: the row, [`keys`](factline::Projection::keys) and
//! [`apply`](factline::Projection::apply), and one migration. The kit makes the three statements
//! that load, upsert and delete rows. [`ViewSink`] folds all events of a batch into the affected
//! rows, in memory and in order, and then writes each changed row once.
//!
//! ```ignore
//! /// One loan.
//! #[derive(Clone, PartialEq, Columns)]
//! pub struct Loan {
//!     pub reader: String,
//!     pub since: DateTime<Utc>,
//! }
//!
//! impl Projection for Loans {
//!     type Source = book::Type;
//!     type Key = Uuid;
//!     type Row = Loan;
//!
//!     fn keys(event: &Recorded<Event>) -> Vec<Uuid> { .. }
//!     fn apply(_: &Uuid, row: Option<Loan>, event: &Recorded<Event>) -> Option<Loan> { .. }
//! }
//!
//! impl View for Loans {
//!     const NAME: &'static str = "loans";
//!     const VERSION: i32 = 1;
//!     const KEY: &'static str = "book_id";
//!     const MIGRATIONS: Migrations = || sqlx::migrate!("src/loans/migrations");
//! }
//! ```
//!
//! ```sql
//! create table loans (
//!     book_id uuid        primary key,
//!     reader  text        not null,
//!     since   timestamptz not null
//! );
//! create index loans_by_reader on loans (reader, book_id);
//! ```
//!
//! Then add `HostedView::of::<Loans>()` to the list of the process. Its migration makes the table,
//! compares it with the struct, and makes the stable names for readers.
//!
//! # Kinds of views
//!
//! | kind | the author writes | rows |
//! |---|---|---|
//! | [`Document`] | a struct and `apply` | a document for each aggregate, see [`document`] |
//! | [`View`] | a row, `keys`, `apply`, a migration | folded, with columns, see [`crate::columns`] |
//! | [`AdditiveView`] | a delta, `deltas`, a migration | sums over events of any key, see [`additive`] |
//!
//! A view may write each statement by hand, by implementing [`View::load`], [`View::upsert`],
//! [`View::delete`] or [`AdditiveView::add`]. This is not an object mapper: it has no relations and
//! no query language. Readers write their own queries.
//!
//! # Names and versions
//!
//! All names derive from the view's name and version, see [`ViewName`]: the table `loans` is in the
//! schema `loans_v1`, and readers select from `read.loans` and `read.loans_checkpoint`.
//!
//! To change the contents of rows, raise `VERSION`. The new version is filled from the first event
//! in tables of its own, and the tables of the old one are not written any more. Its migrations
//! begin again too, so the first one may be edited. Within a version, an applied migration never
//! changes, and another one may only add what existing rows can have.
//!
//! Readers see the old version until the new one has applied the same events, see [`stable_names`].
//! The old version stays until an operator drops its schema. It is written as long as a process has
//! it in its list, so a list may have several versions of a view.

pub mod additive;
pub mod document;
pub(crate) mod event;
pub(crate) mod folded;
pub mod hosted;
pub mod migrate;
mod name;
pub mod stable_names;
mod statements;
pub(crate) mod table;
pub mod table_check;
mod view_sink;

pub use additive::{AdditiveSink, AdditiveView};
pub use document::{Document, DocumentView, Documents, GeneratedColumn, document_columns};
pub use folded::{Migrations, RowId, Rows, View};
pub use hosted::{Following, HostedView};
pub(crate) use name::TableCopy;
pub use name::{CHECKPOINTS, ViewName};
pub use view_sink::ViewSink;
