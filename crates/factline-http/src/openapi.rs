//! OpenAPI 3.1: the machine-readable description of the HTTP interface.
//!
//! A service describes its own part with a [`Document`], which collects the shared components that
//! the part uses: problems, headers, parameters. The types of operations and schemas are those of
//! [`utoipa::openapi`]. [`serving`] has the routes of a document. [`merge()`] joins the documents
//! of several services to one, and adds the links from each 202 to its operation and its resource.
//!
//! ```
//! use factline_http::openapi::{Document, serving};
//! use factline_http::Problem;
//! use utoipa::openapi::path::{HttpMethod, OperationBuilder};
//! use utoipa::openapi::schema::{ObjectBuilder, Type};
//!
//! let mut document = Document::new("Guests");
//! let guest = document.schema("Guest", ObjectBuilder::new().schema_type(Type::Object).build());
//! let operation = OperationBuilder::new().operation_id(Some("getGuest"));
//! let operation = document.tagged_json(operation, "The guest.", guest);
//! let operation = document.problems(operation, &[Problem::not_found("no such guest")]);
//! document.operation(HttpMethod::Get, "/guests/{id}", operation);
//! let document = document.build();
//! assert_eq!(document["paths"]["/guests/{id}"]["get"]["operationId"], "getGuest");
//! let router: axum::Router = serving::route(document);
//! ```
//!
//! The module does not derive anything from handlers: a service builds its description from the
//! same declarations as its routes. To add a header or parameter that several services have, add it
//! to [`headers`] or [`parameters`]. Those of one service stay beside the code that reads them.

mod document;
pub mod headers;
pub mod merge;
pub mod parameters;
pub mod problems;
pub mod serving;
#[cfg(feature = "testing")]
pub mod testing;

pub use document::Document;
pub use merge::merge;

#[cfg(test)]
mod tests;
