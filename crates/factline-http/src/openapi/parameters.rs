//! Parameters of requests that several services read.

use utoipa::openapi::RefOr;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};

/// The format of a position. It is opaque to clients.
pub const POSITION_FORMAT: &str = "factline-position";

/// The format of a page's cursor. It is opaque to clients.
pub const CURSOR_FORMAT: &str = "factline-cursor";

/// The pattern of a text in a path or a query. [`Query`](crate::Query) and [`Path`](crate::Path)
/// refuse NUL.
pub const TEXT: &str = r"^[^\u0000]*$";

/// Returns a header of a request that may be left out.
pub fn header(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// Returns a query parameter that may be left out.
pub fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// Returns a parameter of the path.
pub fn path(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// Returns `Factline-Position`.
pub fn position() -> Parameter {
    let position = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom(POSITION_FORMAT.to_owned())));
    header(
        "Factline-Position",
        "The `position` of a completed operation, or several, joined by commas. The read waits \
         until it shows what these operations wrote.",
        position,
    )
}

/// Returns `If-None-Match`.
pub fn if_none_match() -> Parameter {
    header(
        "If-None-Match",
        "The `ETag` of a representation that the client has. If it is still the same, the response \
         is 304.",
        ObjectBuilder::new().schema_type(Type::String),
    )
}

/// Returns `Prefer`.
pub fn prefer(description: &str) -> Parameter {
    header(
        "Prefer",
        description,
        ObjectBuilder::new().schema_type(Type::String),
    )
}

/// Returns `traceparent`.
pub fn traceparent() -> Parameter {
    header(
        "traceparent",
        "W3C trace context. An invalid value is dropped, as the specification requires.",
        ObjectBuilder::new().schema_type(Type::String),
    )
}
