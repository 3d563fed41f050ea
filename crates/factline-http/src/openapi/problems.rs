//! Problems in OpenAPI: one schema for all, and a response for the problems of one status.

use utoipa::openapi::schema::{
    AllOfBuilder, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Content, Ref, ResponseBuilder};

use super::headers::{ALLOW, CACHE_CONTROL, RETRY_AFTER, ResponseHeader};
use crate::Problem;

/// The name of the schema that all problems have in common.
pub const SCHEMA: &str = "Problem";

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Returns the schema that all problems have in common.
pub fn schema() -> Object {
    let text = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
    };
    let field_error = ObjectBuilder::new()
        .property(
            "pointer",
            text("JSON pointer into the body; the empty pointer is the whole body."),
        )
        .property(
            "parameter",
            text("Name of a parameter of path or query, or of a header."),
        )
        .property("detail", text("Description of the error."))
        .required("detail");
    ObjectBuilder::new()
        .description(Some(
            "A problem (RFC 9457). Programs use `type` and `code`.",
        ))
        .property("type", text("The type of the problem.").format(Some(uri())))
        .property("title", text("The title of the type."))
        .property(
            "status",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .description(Some("The status of the response.")),
        )
        .property(
            "detail",
            text("A description of this occurrence, for people."),
        )
        .property("code", text("A stable code, finer than the type."))
        .property(
            "instance",
            text("Identifies this occurrence in the log of the service.").format(Some(uri())),
        )
        .property(
            "errors",
            ArrayBuilder::new()
                .items(field_error)
                .description(Some("The errors of the request.")),
        )
        .required("type")
        .required("title")
        .required("status")
        .build()
}

/// Returns the problems in groups of one status, in the order of the statuses.
pub fn by_status(problems: &[Problem]) -> Vec<Vec<&Problem>> {
    let mut groups = std::collections::BTreeMap::<_, Vec<_>>::new();
    for problem in problems {
        groups.entry(problem.status()).or_default().push(problem);
    }
    groups.into_values().collect()
}

/// Returns the name of the response for these problems.
pub fn name(problems: &[&Problem]) -> String {
    let slugs: Vec<&str> = problems.iter().map(|problem| problem.slug()).collect();
    slugs.join(".")
}

/// Returns the response for problems of one status. It lacks its [`headers`]. `members` is an
/// object that has the problems' own members as properties.
pub fn response(problems: &[&Problem], members: ObjectBuilder) -> ResponseBuilder {
    let types = problems.iter().map(|problem| problem.type_uri());
    let statuses = problems.first().map(|problem| problem.status().as_u16());
    let own = members
        .schema_type(Type::Object)
        .property("type", one_of(types))
        .property("status", one_of(statuses));
    let schema: Schema = AllOfBuilder::new()
        .item(Ref::from_schema_name(SCHEMA))
        .item(own)
        .build()
        .into();
    let titles: Vec<String> = problems.iter().map(|problem| described(problem)).collect();
    ResponseBuilder::new()
        .description(titles.join(" "))
        .content(MEDIA_TYPE, Content::new(Some(schema)))
}

/// Returns the headers that these problems have in common.
pub fn headers(problems: &[&Problem]) -> Vec<ResponseHeader> {
    let all_have = |header: &&ResponseHeader| {
        let has = |problem: &&Problem| problem.has_header(header.name);
        problems.iter().all(has)
    };
    let chosen = [RETRY_AFTER, ALLOW];
    let own = chosen.iter().filter(all_have).copied();
    own.chain([CACHE_CONTROL]).collect()
}

fn described(problem: &Problem) -> String {
    format!(
        "{}: [`{}`]({}).",
        problem.title(),
        problem.slug(),
        problem.type_uri()
    )
}

fn one_of<V: Into<serde_json::Value>>(values: impl IntoIterator<Item = V>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .enum_values(Some(values.into_iter().map(Into::into)))
}

fn uri() -> SchemaFormat {
    SchemaFormat::Custom("uri".to_owned())
}
