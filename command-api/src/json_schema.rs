//! What a command's JSON looks like, worked out of its Avro schema once, when the process starts.
//!
//! | Avro | JSON |
//! |---|---|
//! | record | object; a field with a default may be left out |
//! | array, map | array, object |
//! | string, enum | string |
//! | string `uuid` | string of 36 characters with hyphens |
//! | int, long | whole number |
//! | float, double | number |
//! | boolean | `true`, `false` |
//! | int `date` | string `YYYY-MM-DD` |
//! | long `timestamp-millis`, `timestamp-micros` | string, RFC 3339 |
//! | union of `null` and one other | that other, or `null` |
//!
//! Anything else has no JSON form that a client would guess, and a command that holds it is refused when the process
//! starts. To support one more: a variant here and its arm in [`crate::validate`].

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Name, RecordField, ResolvedSchema, UnionSchema, UuidSchema};
use apache_avro::types::Value;

/// The JSON form of a schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// Text; a personal one may not look like an encrypted form.
    Text {
        /// Whether the field is marked `"personal": true`.
        personal: bool,
    },
    /// A UUID.
    Uuid,
    /// A day without time zone.
    Date,
    /// An instant in milliseconds.
    TimestampMillis,
    /// An instant in microseconds.
    TimestampMicros,
    /// One of these.
    Enum(Vec<String>),
    /// Any number of these.
    Array(Box<Shape>),
    /// Any number of these by name.
    Map(Box<Shape>),
    /// This or `null`.
    Optional {
        /// Which branch of the union `null` is, 0 or 1.
        null: u32,
        /// The other branch.
        some: Box<Shape>,
    },
    /// An object of these fields.
    Record(Vec<Field>),
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its form.
    pub shape: Shape,
    /// What it is if it is left out; without a default it must be there.
    pub default: Option<Value>,
}

/// A schema that has no JSON form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A type that the table above lacks.
    #[error("{place} is of type {kind}, which the edge cannot read from JSON")]
    Unsupported {
        /// The field, dotted.
        place: String,
        /// The Avro type.
        kind: String,
    },
    /// A record within itself.
    #[error("{place} holds a {record} within itself")]
    Recursive {
        /// The field, dotted.
        place: String,
        /// The record.
        record: String,
    },
    /// The schema refers to what it lacks, or a default does not fit its field.
    #[error("{place} cannot be resolved")]
    Unresolved {
        /// The field, dotted.
        place: String,
        /// What the library says.
        #[source]
        source: Box<apache_avro::Error>,
    },
}

impl Shape {
    /// The shape of a schema.
    pub fn of(schema: &Schema) -> Result<Self, Error> {
        let root = schema
            .name()
            .map_or_else(|| "the schema".to_owned(), ToString::to_string);
        let resolved = ResolvedSchema::new(schema).map_err(|source| Error::Unresolved {
            place: root.clone(),
            source: Box::new(source),
        })?;
        let mut compiler = Compiler {
            names: resolved.get_names(),
            open: Vec::new(),
        };
        compiler.shape(schema, &root, false)
    }

    /// The field of this name, if it is a record that has one.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match self {
            Self::Record(fields) => fields.iter().find(|field| field.name == name),
            _ => None,
        }
    }
}

struct Compiler<'a> {
    names: &'a HashMap<Name, &'a Schema>,
    /// The records around the place at hand.
    open: Vec<&'a Name>,
}

impl<'a> Compiler<'a> {
    fn shape(&mut self, schema: &'a Schema, place: &str, personal: bool) -> Result<Shape, Error> {
        Ok(match schema {
            Schema::Boolean => Shape::Boolean,
            Schema::Int => Shape::Int,
            Schema::Long => Shape::Long,
            Schema::Float => Shape::Float,
            Schema::Double => Shape::Double,
            Schema::String => Shape::Text { personal },
            Schema::Uuid(UuidSchema::String) => Shape::Uuid,
            Schema::Date => Shape::Date,
            Schema::TimestampMillis => Shape::TimestampMillis,
            Schema::TimestampMicros => Shape::TimestampMicros,
            Schema::Enum(of) => Shape::Enum(of.symbols.clone()),
            Schema::Array(of) => Shape::Array(Box::new(self.shape(&of.items, place, personal)?)),
            Schema::Map(of) => Shape::Map(Box::new(self.shape(&of.types, place, personal)?)),
            Schema::Union(of) => self.union(of, place, personal)?,
            Schema::Record(of) => self.record(&of.name, &of.fields, place, personal)?,
            Schema::Ref { name } => match self.names.get(name) {
                Some(named) => self.shape(named, place, personal)?,
                None => return Err(unsupported(place, &format!("{name} (unknown)"))),
            },
            other => return Err(unsupported(place, &kind(other))),
        })
    }

    fn union(
        &mut self,
        union: &'a UnionSchema,
        place: &str,
        personal: bool,
    ) -> Result<Shape, Error> {
        let (null, some) = match union.variants() {
            [Schema::Null, some] => (0, some),
            [some, Schema::Null] => (1, some),
            _ => return Err(unsupported(place, "union of several types")),
        };
        let some = Box::new(self.shape(some, place, personal)?);
        Ok(Shape::Optional { null, some })
    }

    fn record(
        &mut self,
        name: &'a Name,
        fields: &'a [RecordField],
        place: &str,
        personal: bool,
    ) -> Result<Shape, Error> {
        if self.open.contains(&name) {
            return Err(Error::Recursive {
                place: place.to_owned(),
                record: name.to_string(),
            });
        }
        self.open.push(name);
        let fields = fields
            .iter()
            .map(|field| self.field(field, &format!("{place}.{}", field.name), personal))
            .collect::<Result<_, _>>()?;
        self.open.pop();
        Ok(Shape::Record(fields))
    }

    fn field(
        &mut self,
        field: &'a RecordField,
        place: &str,
        personal: bool,
    ) -> Result<Field, Error> {
        let marked = field.custom_attributes.get("personal") == Some(&true.into());
        let default = field
            .default
            .as_ref()
            .map(|default| self.default(default, &field.schema, place))
            .transpose()?;
        Ok(Field {
            name: field.name.clone(),
            shape: self.shape(&field.schema, place, personal || marked)?,
            default,
        })
    }

    fn default(
        &self,
        default: &serde_json::Value,
        schema: &Schema,
        place: &str,
    ) -> Result<Value, Error> {
        Value::try_from(default.clone())
            .and_then(|value| value.resolve_with_names(schema, self.names))
            .map_err(|source| Error::Unresolved {
                place: place.to_owned(),
                source: Box::new(source),
            })
    }
}

fn unsupported(place: &str, kind: &str) -> Error {
    Error::Unsupported {
        place: place.to_owned(),
        kind: kind.to_owned(),
    }
}

fn kind(schema: &Schema) -> String {
    format!("{:?}", apache_avro::schema::SchemaKind::from(schema)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &str) -> Result<Shape, Error> {
        Shape::of(&Schema::parse_str(schema).unwrap())
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "a.R", "fields": [{fields}]}}"#)
    }

    #[test]
    fn a_record_named_before_is_found_again() {
        let shape = of(&record(
            r#"{"name": "x", "type": {"type": "record", "name": "b.S", "fields": [{"name": "n", "type": "int"}]}},
               {"name": "y", "type": "b.S"}"#,
        ))
        .unwrap();
        assert_eq!(
            shape.field("x").map(|field| &field.shape),
            shape.field("y").map(|field| &field.shape)
        );
    }

    #[test]
    fn the_personal_mark_reaches_into_unions_and_arrays() {
        let shape = of(&record(
            r#"{"name": "x", "type": ["null", {"type": "array", "items": "string"}], "personal": true}"#,
        ))
        .unwrap();
        let text = Box::new(Shape::Text { personal: true });
        assert_eq!(
            shape.field("x").unwrap().shape,
            Shape::Optional {
                null: 0,
                some: Box::new(Shape::Array(text))
            }
        );
    }

    #[test]
    fn what_has_no_json_form_is_refused_by_name() {
        let cases = [
            (
                r#"{"name": "x", "type": "bytes"}"#,
                "a.R.x is of type bytes",
            ),
            (
                r#"{"name": "x", "type": ["int", "string"]}"#,
                "a.R.x is of type union of several types",
            ),
            (
                r#"{"name": "x", "type": {"type": "array", "items": "a.R"}}"#,
                "a.R.x holds a a.R within itself",
            ),
        ];
        for (field, text) in cases {
            let error = of(&record(field)).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
