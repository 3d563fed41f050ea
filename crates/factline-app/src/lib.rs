//! A whole application in one process: to begin with, and for what stays small.
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     App::new("guest-book")
//!         .aggregate::<Guest>(&GUEST)
//!         .documents::<Page>(&GUEST)
//!         .run(|context| Router::new().route("/guests/{name}", put(sign).get(show)).with_state(context))
//! }
//! ```
//!
//! The process makes its topics and tables when it starts, handles commands, follows events and serves the routes that it is
//! given, with health and metrics beside them. Several instances share the work, as all hosts of the kit do.
//!
//! What it lacks is what the separate processes are for: roles with rights of their own, an edge that validates foreign JSON
//! against schemas, the status of every operation, views with tables of their own. Nothing on the wire differs, so an
//! application that grows moves its crates under those processes and keeps its log.

mod app;
mod document;
mod sender;

pub use app::{App, Context};
pub use document::Document;
pub use sender::{Error as SendError, Sender};
