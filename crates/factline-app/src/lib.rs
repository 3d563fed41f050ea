//! A whole application in one process: for a start, and for small applications.
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     App::new("guest-book")
//!         .aggregate::<Guest>()
//!         .documents::<Page>()
//!         .run(|context| Router::new().route("/guests/{name}", put(sign).get(show)).with_state(context))
//! }
//! ```
//!
//! The process creates its topics and tables when it starts, handles commands, follows events and
//! serves the given routes. It also serves health and metrics. Several instances share the work, as
//! with all hosts of the kit.
//!
//! The separate processes add what this crate lacks: roles with their own rights, an edge that
//! validates foreign JSON against schemas, the status of every operation, and views with their own
//! tables. The wire format is the same. Therefore an application that grows moves its crates under
//! those processes and keeps its log.

mod app;
mod document;
mod sender;

pub use app::{App, Context};
pub use document::Document;
pub use sender::{Error as SendError, Sender};
