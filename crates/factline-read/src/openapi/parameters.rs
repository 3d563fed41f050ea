//! Parameters of routes in the document. Their schemas accept what the routes accept.

use factline_http::openapi::parameters::{CURSOR_FORMAT, TEXT, path as path_parameter, query};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use crate::declare::{self, Comparison};
use crate::serve::{Filter, IdReader, List};
use crate::value::Kind;

/// Describes the id of an item.
pub(super) fn id(name: &str, id: &IdReader) -> Parameter {
    let pattern = id.pattern.as_ref().map(regex::Regex::as_str);
    let schema = of(id.kind).pattern(pattern);
    path_parameter(name, &format!("The id of the {}.", id.name), schema)
}

/// Describes a parameter of a path that is written by hand.
pub(super) fn path(name: &str) -> Parameter {
    path_parameter(name, "The id of the resource.", any(Kind::Text))
}

/// Describes a filter.
pub(super) fn filter(filter: &Filter) -> Parameter {
    let column = filter.declared.column;
    let condition = match filter.declared.comparison {
        Comparison::Equal => format!("Only rows with this `{column}`."),
        Comparison::Prefix => format!("Only rows whose `{column}` begins with this text."),
        Comparison::AtLeast => format!("Only rows whose `{column}` is this or more."),
        Comparison::LessThan => format!("Only rows whose `{column}` is less than this."),
    };
    let schema = match filter.declared.texts {
        Some(texts) => of(filter.kind).enum_values(Some(texts.to_vec())),
        None => any(filter.kind),
    };
    let parameter = query(filter.declared.parameter, &condition, schema);
    if filter.declared.required.is_none() {
        return parameter;
    }
    ParameterBuilder::from(parameter)
        .required(Required::True)
        .build()
}

/// Describes the sort orders of a list.
pub(super) fn sort(list: &List) -> Parameter {
    let known: Vec<_> = list.sorts.iter().map(|sort| sort.declared.name).collect();
    let default = known.first().copied().map(Into::into);
    let schema = of(Kind::Text).enum_values(Some(known)).default(default);
    query("sort", "The order of the rows; `-` is descending.", schema)
}

/// Describes the limit of a page.
pub(super) fn limit(list: &declare::List) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(list.max_limit))
        .default(Some(list.default_limit.into()));
    let description = "The maximum number of rows of the page. It has fewer if they would exceed 1 \
                       MiB.";
    query("limit", description, schema)
}

/// Describes the cursor.
pub(super) fn after() -> Parameter {
    let description = "The `next` of a page of the same list, that is with the same filters and \
                       the same order. It is opaque.";
    let format = SchemaFormat::Custom(CURSOR_FORMAT.to_owned());
    query("after", description, of(Kind::Text).format(Some(format)))
}

/// Returns the schema of any value of a kind.
fn any(kind: Kind) -> ObjectBuilder {
    of(kind).pattern((kind == Kind::Text).then_some(TEXT))
}

/// Returns the schema of a value.
fn of(kind: Kind) -> ObjectBuilder {
    let (schema_type, format) = match kind {
        Kind::Text => (Type::String, None),
        Kind::Uuid => (Type::String, Some(KnownFormat::Uuid)),
        Kind::Boolean => (Type::Boolean, None),
        Kind::Smallint | Kind::Integer => (Type::Integer, Some(KnownFormat::Int32)),
        Kind::Bigint => (Type::Integer, Some(KnownFormat::Int64)),
        Kind::Numeric => (Type::Integer, None),
        Kind::Date => (Type::String, Some(KnownFormat::Date)),
        Kind::Timestamp => (Type::String, Some(KnownFormat::DateTime)),
    };
    let schema = ObjectBuilder::new()
        .schema_type(schema_type)
        .format(format.map(SchemaFormat::KnownFormat));
    if kind != Kind::Smallint {
        return schema;
    }
    schema
        .minimum(Some(i32::from(i16::MIN)))
        .maximum(Some(i32::from(i16::MAX)))
}
