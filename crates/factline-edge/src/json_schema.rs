//! The JSON form of a command, derived from its Avro schema once, when the process starts.
//!
//! | Avro | JSON |
//! |---|---|
//! | record | object; a field with a default may be left out |
//! | array, map | array, object |
//! | string, enum | string |
//! | string `uuid` | string of 36 characters with hyphens |
//! | int, long | whole number; `2.0` is one |
//! | float, double | number |
//! | boolean | `true`, `false` |
//! | int `date` | string `YYYY-MM-DD` |
//! | long `timestamp-millis`, `timestamp-micros` | string, RFC 3339 |
//! | union of `null` and one other | that other, or `null` |
//! | record, marked `"request": true` | a request, see [`crate::requests`] |
//!
//! All other types have no JSON form that a client would expect. If a command contains one, the
//! process does not start. To support another type, add a variant here and its arm in
//! [`crate::validate`].

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{
    Name, RecordField, RecordSchema, ResolvedSchema, UnionSchema, UuidSchema,
};
use apache_avro::types::Value;

/// The JSON form of a schema.
#[derive(Debug, Clone, PartialEq)]
pub enum BodySchema {
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
    /// Text. A personal text must not look like the encrypted form.
    Text {
        /// Set if the field is marked `"personal": true`.
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
    /// One of these symbols.
    Enum(Vec<String>),
    /// Any number of values of this form.
    Array(Box<BodySchema>),
    /// Any number of named values of this form.
    Map(Box<BodySchema>),
    /// A value of this form or `null`.
    Optional {
        /// The branch of the union that is `null`, 0 or 1.
        null: u32,
        /// The other branch.
        some: Box<BodySchema>,
    },
    /// An object with the fields of a record.
    Record(Record),
    /// A request that the edge turns into the command that it would be, in this record. See
    /// [`crate::requests`].
    Request(Record),
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its documentation in the schema.
    pub doc: Option<String>,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its documentation in the schema.
    pub doc: Option<String>,
    /// Its form.
    pub body_schema: BodySchema,
    /// Its value if it is left out. A field without a default is required.
    pub default: Option<Value>,
}

/// A schema that has no JSON form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The type is not in the table above.
    #[error("{path} is of type {kind}, which the edge cannot read from JSON")]
    Unsupported {
        /// The dotted path of the field.
        path: String,
        /// The Avro type.
        kind: String,
    },
    /// A record contains itself.
    #[error("{path} contains {record} recursively")]
    Recursive {
        /// The dotted path of the field.
        path: String,
        /// The record.
        record: String,
    },
    /// The schema refers to an undefined type, or a default does not match its field.
    #[error("cannot resolve {path}")]
    Unresolved {
        /// The dotted path of the field.
        path: String,
        /// The error of the library.
        #[source]
        source: Box<apache_avro::Error>,
    },
}

impl BodySchema {
    /// Derives the JSON form of an Avro schema.
    pub fn of(schema: &Schema) -> Result<Self, Error> {
        let root = schema
            .name()
            .map_or_else(|| "the schema".to_owned(), ToString::to_string);
        let resolved = ResolvedSchema::new(schema).map_err(|source| Error::Unresolved {
            path: root.clone(),
            source: Box::new(source),
        })?;
        let mut compiler = Compiler {
            names: resolved.get_names(),
            open: Vec::new(),
        };
        compiler.body_schema(schema, &root, false)
    }

    /// Returns the field of this name, if this is a record that has one.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match self {
            Self::Record(record) => record.fields.iter().find(|field| field.name == name),
            _ => None,
        }
    }
}

impl Field {
    /// Returns whether it is a text that is not personal.
    pub fn is_text(&self) -> bool {
        matches!(self.body_schema, BodySchema::Text { personal: false })
    }

    /// Returns whether it is a text that a client must give.
    pub fn is_required_text(&self) -> bool {
        matches!(self.body_schema, BodySchema::Text { .. }) && self.default.is_none()
    }
}

struct Compiler<'a> {
    names: &'a HashMap<Name, &'a Schema>,
    /// The records that contain the current field.
    open: Vec<&'a Name>,
}

impl<'a> Compiler<'a> {
    fn body_schema(
        &mut self,
        schema: &'a Schema,
        path: &str,
        personal: bool,
    ) -> Result<BodySchema, Error> {
        Ok(match schema {
            Schema::Boolean => BodySchema::Boolean,
            Schema::Int => BodySchema::Int,
            Schema::Long => BodySchema::Long,
            Schema::Float => BodySchema::Float,
            Schema::Double => BodySchema::Double,
            Schema::String => BodySchema::Text { personal },
            Schema::Uuid(UuidSchema::String) => BodySchema::Uuid,
            Schema::Date => BodySchema::Date,
            Schema::TimestampMillis => BodySchema::TimestampMillis,
            Schema::TimestampMicros => BodySchema::TimestampMicros,
            Schema::Enum(of) => BodySchema::Enum(of.symbols.clone()),
            Schema::Array(of) => {
                BodySchema::Array(Box::new(self.body_schema(&of.items, path, personal)?))
            }
            Schema::Map(of) => {
                BodySchema::Map(Box::new(self.body_schema(&of.types, path, personal)?))
            }
            Schema::Union(of) => self.union(of, path, personal)?,
            Schema::Record(of) => self.record(of, path, personal)?,
            Schema::Ref { name } => match self.names.get(name) {
                Some(named) => self.body_schema(named, path, personal)?,
                None => return Err(unsupported(path, &format!("{name} (unknown)"))),
            },
            other => return Err(unsupported(path, &kind(other))),
        })
    }

    fn union(
        &mut self,
        union: &'a UnionSchema,
        path: &str,
        personal: bool,
    ) -> Result<BodySchema, Error> {
        let (null, some) = match union.variants() {
            [Schema::Null, some] => (0, some),
            [some, Schema::Null] => (1, some),
            _ => return Err(unsupported(path, "union of several types")),
        };
        let some = Box::new(self.body_schema(some, path, personal)?);
        Ok(BodySchema::Optional { null, some })
    }

    fn record(
        &mut self,
        record: &'a RecordSchema,
        path: &str,
        personal: bool,
    ) -> Result<BodySchema, Error> {
        let name = &record.name;
        if self.open.contains(&name) {
            return Err(Error::Recursive {
                path: path.to_owned(),
                record: name.to_string(),
            });
        }
        self.open.push(name);
        let fields = record
            .fields
            .iter()
            .map(|field| self.field(field, &format!("{path}.{}", field.name), personal))
            .collect::<Result<_, _>>()?;
        self.open.pop();
        let doc = record.doc.clone();
        Ok(BodySchema::Record(Record { doc, fields }))
    }

    fn field(
        &mut self,
        field: &'a RecordField,
        path: &str,
        personal: bool,
    ) -> Result<Field, Error> {
        let marked = field.custom_attributes.get("personal") == Some(&true.into());
        let default = field
            .default
            .as_ref()
            .map(|default| self.default(default, &field.schema, path))
            .transpose()?;
        let is_request = field.custom_attributes.get("request") == Some(&true.into());
        let body_schema = match self.body_schema(&field.schema, path, personal || marked)? {
            // Only a field of the command itself is turned into a command.
            BodySchema::Record(record) if is_request && self.open.len() == 1 => {
                BodySchema::Request(record)
            }
            _ if is_request => return Err(unsupported(path, "request inside of another field")),
            body_schema => body_schema,
        };
        Ok(Field {
            name: field.name.clone(),
            doc: field.doc.clone(),
            body_schema,
            default,
        })
    }

    fn default(
        &self,
        default: &serde_json::Value,
        schema: &Schema,
        path: &str,
    ) -> Result<Value, Error> {
        Value::try_from(default.clone())
            .and_then(|value| value.resolve_with_names(schema, self.names))
            .map_err(|source| Error::Unresolved {
                path: path.to_owned(),
                source: Box::new(source),
            })
    }
}

fn unsupported(path: &str, kind: &str) -> Error {
    Error::Unsupported {
        path: path.to_owned(),
        kind: kind.to_owned(),
    }
}

fn kind(schema: &Schema) -> String {
    format!("{:?}", apache_avro::schema::SchemaKind::from(schema)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &str) -> Result<BodySchema, Error> {
        BodySchema::of(&Schema::parse_str(schema).unwrap())
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "a.R", "fields": [{fields}]}}"#)
    }

    #[test]
    fn named_record_can_be_referenced_again() {
        let body_schema = of(&record(
            r#"{"name": "x", "type": {"type": "record", "name": "b.S", "fields": [{"name": "n", "type": "int"}]}},
               {"name": "y", "type": "b.S"}"#,
        ))
        .unwrap();
        assert_eq!(
            body_schema.field("x").map(|field| &field.body_schema),
            body_schema.field("y").map(|field| &field.body_schema)
        );
    }

    #[test]
    fn personal_mark_applies_within_unions_and_arrays() {
        let body_schema = of(&record(
            r#"{"name": "x", "type": ["null", {"type": "array", "items": "string"}], "personal": true}"#,
        ))
        .unwrap();
        let text = Box::new(BodySchema::Text { personal: true });
        assert_eq!(
            body_schema.field("x").unwrap().body_schema,
            BodySchema::Optional {
                null: 0,
                some: Box::new(BodySchema::Array(text))
            }
        );
    }

    #[test]
    fn unsupported_type_is_refused_by_name() {
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
                r#"{"name": "x", "type": "string", "request": true}"#,
                "a.R.x is of type request inside of another field",
            ),
            (
                r#"{"name": "x", "type": {"type": "array", "items": "a.R"}}"#,
                "a.R.x contains a.R recursively",
            ),
        ];
        for (field, text) in cases {
            let error = of(&record(field)).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
