//! Headers of responses that several services send.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};

/// A header of a response.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHeader {
    /// Its name.
    pub name: &'static str,
    /// Its meaning for clients.
    pub description: &'static str,
    /// The schema of its value.
    pub schema: fn() -> Object,
    /// Set if each response that lists the header has it.
    pub required: bool,
}

/// The strong tag of the body.
pub const ETAG: ResponseHeader = ResponseHeader {
    name: "ETag",
    description: "The tag of this representation, for `If-None-Match`.",
    schema: || text(r#"^"[A-Za-z0-9_-]+"$"#),
    required: true,
};

/// The permission to store a response.
pub const CACHE_CONTROL: ResponseHeader = ResponseHeader {
    name: "Cache-Control",
    description: "`no-cache`: a cache must revalidate the response each time. \
                  `no-store`: a cache must not keep it.",
    schema: || text("^(no-cache|no-store)$"),
    required: true,
};

/// The time to wait before the next request.
pub const RETRY_AFTER: ResponseHeader = ResponseHeader {
    name: "Retry-After",
    description: "Seconds to wait before the next request.",
    schema: || {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .build()
    },
    required: true,
};

/// The address of the operation, with a hint for the tracker.
pub const LOCATION: ResponseHeader = ResponseHeader {
    name: "Location",
    description: "The address of the operation. Its query is opaque.",
    schema: || text("^/operations/[0-9a-f-]{36}"),
    required: true,
};

/// The address of the operation.
pub const X_OPERATION: ResponseHeader = ResponseHeader {
    name: "X-Operation",
    description: "The address of the operation, relative to the origin.",
    schema: || text("^operations/[0-9a-f-]{36}$"),
    required: true,
};

/// The address of the aggregate that a command is addressed to.
pub const X_RESOURCE: ResponseHeader = ResponseHeader {
    name: "X-Resource",
    description: "The address of the resource that the command is about, relative to the origin.",
    schema: || text("^[!-~]+$"),
    required: true,
};

/// The state of a response of a view.
pub const READ: ResponseHeader = ResponseHeader {
    name: "Factline-Read",
    description: "A list of tokens (RFC 9651). The first one is `fresh`, `waited`, if the read \
                  waited for its position, or `behind`, if it waited in vain. Others say why the \
                  response may lack events: `halted`, the view has halted a partition; `parked`, it \
                  could not apply the events of an aggregate. `rebuilding` says that rows are filled \
                  beside those that are read. Ignore tokens and parameters that you do not know.",
    schema: || text("^(fresh|waited|behind)(, [a-z*][a-z0-9_.*-]*)*$"),
    required: true,
};

/// The number of aggregates of which the response may lack events.
pub const PARKED_KEYS: ResponseHeader = ResponseHeader {
    name: "Factline-Parked-Keys",
    description: "The number of aggregates of which the view could not apply an event. The response \
                  lacks their later events until an operator has redriven them.",
    schema: || {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .build()
    },
    required: true,
};

/// The time since which the item lacks events.
pub const PARKED_SINCE: ResponseHeader = ResponseHeader {
    name: "Factline-Parked-Since",
    description: "The time of the first event that the response lacks, because the view could not \
                  apply it.",
    schema: || {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
            .build()
    },
    required: true,
};

/// The preferences that the server has followed.
pub const PREFERENCE_APPLIED: ResponseHeader = ResponseHeader {
    name: "Preference-Applied",
    description: "The preference `wait` that was followed, with the longest time that this \
                  response could take.",
    schema: || text("^wait=[0-9]+$"),
    required: true,
};

/// The methods of a resource.
pub const ALLOW: ResponseHeader = ResponseHeader {
    name: "Allow",
    description: "The methods that the resource has.",
    schema: || text("^[A-Z, ]+$"),
    required: true,
};

impl ResponseHeader {
    /// Returns the same header for responses that do not always have it.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self {
            required: false,
            ..self
        }
    }

    /// Returns the header's description in OpenAPI.
    pub fn build(&self) -> Header {
        let header = HeaderBuilder::new()
            .description(Some(self.description))
            .schema(Some((self.schema)()));
        // The library has no field for this.
        let required = Extensions::from_iter([("required", true)]);
        header.extensions(self.required.then_some(required)).build()
    }
}

fn text(pattern: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .build()
}
