//! The JSON Schema of a request's body. It is made from the same [`BodySchema`] that validates the
//! body, and a property test shows that both accept the same bodies.

use apache_avro::types::Value as Avro;
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta};
use serde_json::{Value as Json, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, ArrayBuilder, KnownFormat, Object,
    ObjectBuilder, Schema, SchemaFormat, Type,
};

use crate::aggregate_id::IdRule;
use crate::id_format::{self, IdFormat};
use crate::json_schema::{BodySchema, Field, Record};
use crate::routes::METHODS;
use crate::validate::{ENCRYPTED, MAX_CHARACTERS};

/// The smallest number that is out of the range of 32-bit floats: from here on, the nearest one is
/// infinite.
const FLOAT_END: f64 = 3.402_823_567_797_336_6e38;

/// A text without control characters other than tab, line feed and carriage return.
const TEXT: &str = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$";

/// Returns the schema of the bodies of a command under a rule for its id. The fields that the edge
/// writes are not in a body.
pub fn request(title: &str, command: &Record, rule: &IdRule) -> Object {
    let mut fields = Vec::new();
    for field in &command.fields {
        if Some(field.name.as_str()) == rule.written_field() {
            continue;
        }
        let mut schema = self::field(field);
        if Some(field.name.as_str()) == rule.derived_from()
            && let Schema::Object(text) = &mut schema
        {
            text.min_length = Some(1);
        }
        let made_up = matches!(rule, IdRule::BodyOrNew { field: id, .. } if *id == field.name);
        fields.push((
            field.name.clone(),
            schema,
            field.default.is_none() && !made_up,
        ));
    }
    let mut body = object(fields);
    body.title = Some(title.to_owned());
    body.description.clone_from(&command.doc);
    body
}

/// Returns the schema of an id.
pub fn id(format: &IdFormat) -> Schema {
    match format {
        IdFormat::Uuid => of(&BodySchema::Uuid),
        IdFormat::Text(pattern) => {
            let limits = text(false).max_length(Some(id_format::MAX_CHARACTERS));
            let form = ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(pattern.as_str()));
            AllOfBuilder::new().item(form).item(limits).build().into()
        }
    }
}

fn field(field: &Field) -> Schema {
    let default = field.default.as_ref();
    let default = default.and_then(|default| to_json(&field.body_schema, default));
    let description = field.doc.clone();
    let mut schema = of(&field.body_schema);
    match &mut schema {
        Schema::Object(object) => {
            object.default = default;
            object.description = description;
        }
        Schema::Array(array) => {
            array.default = default;
            array.description = description;
        }
        Schema::AnyOf(any) => {
            any.default = default;
            any.description = description;
        }
        _ => {}
    }
    schema
}

fn of(body_schema: &BodySchema) -> Schema {
    let kind = |kind| ObjectBuilder::new().schema_type(kind);
    let known = |kind, format| {
        let format = SchemaFormat::KnownFormat(format);
        ObjectBuilder::new().schema_type(kind).format(Some(format))
    };
    let custom = |format: &str| {
        let format = SchemaFormat::Custom(format.to_owned());
        kind(Type::String).format(Some(format))
    };
    match body_schema {
        BodySchema::Boolean => kind(Type::Boolean).into(),
        BodySchema::Int => known(Type::Integer, KnownFormat::Int32)
            .minimum(Some(i32::MIN))
            .maximum(Some(i32::MAX))
            .into(),
        BodySchema::Long => known(Type::Integer, KnownFormat::Int64)
            .minimum(Some(i64::MIN))
            .maximum(Some(i64::MAX))
            .into(),
        BodySchema::Float => known(Type::Number, KnownFormat::Float)
            .exclusive_minimum(Some(-FLOAT_END))
            .exclusive_maximum(Some(FLOAT_END))
            .into(),
        BodySchema::Double => known(Type::Number, KnownFormat::Double).into(),
        BodySchema::Text { personal } => text(*personal).into(),
        BodySchema::Uuid => custom("uuid").into(),
        BodySchema::Date => custom("date").into(),
        BodySchema::TimestampMillis | BodySchema::TimestampMicros => custom("date-time").into(),
        BodySchema::Enum(symbols) => kind(Type::String).enum_values(Some(symbols.clone())).into(),
        BodySchema::Array(item) => ArrayBuilder::new().items(RefOr::from(of(item))).into(),
        BodySchema::Map(item) => kind(Type::Object)
            .property_names(Some(Schema::from(text(false))))
            .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(of(item)))))
            .into(),
        BodySchema::Optional { some, .. } => AnyOfBuilder::new()
            .item(of(some))
            .item(kind(Type::Null))
            .into(),
        BodySchema::Request(record) => {
            let methods = kind(Type::String).enum_values(Some(METHODS));
            let path = text(false).description(Some("The path of a command on this origin."));
            let body = kind(Type::Object).description(Some("The body that the command needs."));
            let fields = [
                ("method".to_owned(), methods.into(), true),
                ("path".to_owned(), path.into(), true),
                ("body".to_owned(), body.into(), false),
            ];
            let mut object = object(fields);
            object.description.clone_from(&record.doc);
            object.into()
        }
        BodySchema::Record(record) => {
            let fields = record.fields.iter().map(|field| {
                let required = field.default.is_none();
                (field.name.clone(), self::field(field), required)
            });
            let mut object = object(fields);
            object.description.clone_from(&record.doc);
            object.into()
        }
    }
}

/// Returns the schema of an object with these fields, each with whether it is required.
fn object(fields: impl IntoIterator<Item = (String, Schema, bool)>) -> Object {
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let fields = fields
        .into_iter()
        .fold(object, |object, (name, schema, required)| {
            let object = object.property(&name, schema);
            if required {
                object.required(name)
            } else {
                object
            }
        });
    fields.build()
}

fn text(personal: bool) -> ObjectBuilder {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(MAX_CHARACTERS))
        .pattern(Some(TEXT));
    if !personal {
        return text;
    }
    // The library has no field for this keyword.
    let reserved = json!({"pattern": format!("^{}", ENCRYPTED.replace('$', r"\$"))});
    text.extensions(Some(Extensions::from_iter([("not", reserved)])))
}

/// Returns a default in the form in which a client would send it.
fn to_json(body_schema: &BodySchema, default: &Avro) -> Option<Json> {
    Some(match (body_schema, default) {
        (_, Avro::Null) => Json::Null,
        (_, Avro::Boolean(value)) => json!(value),
        (_, Avro::Int(value)) => json!(value),
        (_, Avro::Long(value)) => json!(value),
        (_, Avro::Float(value)) => json!(value),
        (_, Avro::Double(value)) => json!(value),
        (_, Avro::String(value) | Avro::Enum(_, value)) => json!(value),
        (_, Avro::Uuid(value)) => json!(value),
        (_, Avro::Date(days)) => {
            let date = NaiveDate::default().checked_add_signed(TimeDelta::days((*days).into()))?;
            json!(date)
        }
        (_, Avro::TimestampMillis(millis)) => instant(DateTime::from_timestamp_millis(*millis)?),
        (_, Avro::TimestampMicros(micros)) => instant(DateTime::from_timestamp_micros(*micros)?),
        (BodySchema::Array(item), Avro::Array(items)) => items
            .iter()
            .map(|value| to_json(item, value))
            .collect::<Option<_>>()?,
        (BodySchema::Map(item), Avro::Map(values)) => values
            .iter()
            .map(|(name, value)| Some((name.clone(), to_json(item, value)?)))
            .collect::<Option<serde_json::Map<_, _>>>()?
            .into(),
        (BodySchema::Optional { some, .. }, Avro::Union(_, value)) => to_json(some, value)?,
        (BodySchema::Record(record), Avro::Record(values)) => values
            .iter()
            .map(|(name, value)| {
                let field = record.fields.iter().find(|field| field.name == *name)?;
                Some((name.clone(), to_json(&field.body_schema, value)?))
            })
            .collect::<Option<serde_json::Map<_, _>>>()?
            .into(),
        _ => return None,
    })
}

fn instant(time: DateTime<chrono::Utc>) -> Json {
    json!(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
