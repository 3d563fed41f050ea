//! Resolves the id of the aggregate that a command is addressed to. The id comes from the path,
//! from the body, or from the field that it is derived from, or the edge makes it up.
//!
//! The id is the subject of the command's record. If the command also has a field for it, the edge
//! writes the id there. A field that the edge writes is not a part of the request's body.

use factline::id;
use factline_http::problem::FieldError;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::id_format::IdFormat;
use crate::json_schema::BodySchema;
use crate::pointer::Pointer;
use crate::validate::{error, uuid};

/// The source of the id, as a routes file declares it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum IdRule {
    /// The client may choose the id, which is a UUID. If the field is left out, the edge generates
    /// an id. If the request has an idempotency key, the id is derived from the key.
    BodyOrNew {
        /// The id's field.
        field: String,
        /// Refused: the edge cannot make up a text.
        pattern: Option<String>,
    },
    /// The edge generates the id as for `BodyOrNew`; the command has no field for it.
    New {},
    /// `{id}` in the path.
    Path {
        /// The id's field, if the command has one.
        field: Option<String>,
        /// The pattern of the id. Without it, the id is a UUID.
        pattern: Option<String>,
    },
    /// The id is derived from the value of another field, so that a command sent twice reaches the
    /// same aggregate. It is a UUID.
    Derived {
        /// The id's field, if the command has one.
        field: Option<String>,
        /// The field that the id is derived from.
        of: String,
        /// Refused: a derived id is a UUID.
        pattern: Option<String>,
    },
}

impl IdRule {
    /// Returns the field of the command that holds the id, if there is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::BodyOrNew { field, .. } => Some(field),
            Self::New {} => None,
            Self::Path { field, .. } | Self::Derived { field, .. } => field.as_deref(),
        }
    }

    /// Returns the field of the command that the edge writes, and not the client.
    pub fn written_field(&self) -> Option<&str> {
        match self {
            Self::BodyOrNew { .. } | Self::New {} => None,
            Self::Path { .. } | Self::Derived { .. } => self.field(),
        }
    }

    /// Returns the field that the id is derived from.
    pub fn derived_from(&self) -> Option<&str> {
        match self {
            Self::Derived { of, .. } => Some(of),
            Self::BodyOrNew { .. } | Self::New {} | Self::Path { .. } => None,
        }
    }

    /// Returns the format of the id. The error says what is wrong with the rule.
    pub fn format(&self) -> Result<IdFormat, String> {
        match self {
            Self::BodyOrNew { pattern: None, .. }
            | Self::New {}
            | Self::Derived { pattern: None, .. } => Ok(IdFormat::Uuid),
            Self::Path { pattern, .. } => IdFormat::new(pattern.as_deref()),
            Self::BodyOrNew { .. } => Err(
                "the edge can make up only a UUID, so body_or_new has no pattern; take the id from \
                 the path"
                    .to_owned(),
            ),
            Self::Derived { .. } => {
                Err("a derived id is a UUID, so derived has no pattern".to_owned())
            }
        }
    }

    /// Compares the rule with the command. The error says what does not fit.
    pub fn check(&self, format: &IdFormat, command: &BodySchema) -> Result<(), String> {
        let text = |field: &str| matches!(command.field(field), Some(field) if field.is_text());
        match (self.field(), format) {
            (Some(field), IdFormat::Uuid)
                if command.field(field).map(|field| &field.body_schema)
                    != Some(&BodySchema::Uuid) =>
            {
                return Err(format!("the command has no field {field} that is a UUID"));
            }
            (Some(field), IdFormat::Text(_)) if !text(field) => {
                return Err(format!(
                    "the command has no field {field} that is a string and not personal"
                ));
            }
            _ => {}
        }
        match self.derived_from() {
            Some(of) if !matches!(command.field(of), Some(of) if of.is_required_text()) => Err(
                format!("the command has no field {of} that is a string without default"),
            ),
            _ => Ok(()),
        }
    }
}

/// The values of a request that an id can come from.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdSources<'a> {
    /// The id in the path, if it is there and valid.
    pub path: Option<&'a str>,
    /// The scope of the idempotency key, if the request has a key. An id that the edge generates is
    /// then derived from it, so that both attempts of a create reach one aggregate.
    pub scope: Option<&'a str>,
}

/// Returns the id of the aggregate that the command is addressed to, and inserts it into the body
/// if the command has a field for it.
///
/// `None` means that the request names no usable id. Then either an error was added, or the body's
/// own validation will find one.
pub fn address(
    rule: &IdRule,
    aggregate_type: &str,
    sources: IdSources<'_>,
    body: &mut Map<String, Value>,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let new = || match sources.scope {
        Some(scope) => id::keyed_aggregate(aggregate_type, scope),
        None => Uuid::now_v7(),
    };
    let (id, why) = match rule {
        IdRule::New {} => return Some(new().to_string()),
        IdRule::BodyOrNew { field, .. } => match body.get(field) {
            Some(given) => return given.as_str().and_then(uuid).map(|id| id.to_string()),
            None => (Some(new().to_string()), ""),
        },
        IdRule::Path { .. } => (sources.path.map(str::to_owned), "the id is in the path"),
        IdRule::Derived { of, .. } => (
            derived(aggregate_type, of, body, errors),
            "the id is derived from another field",
        ),
    };
    let Some(field) = rule.field() else { return id };
    if body.contains_key(field) {
        let detail = format!("must be left out: {why}");
        errors.push(error(&Pointer::root().field(field), detail));
        return None;
    }
    // Without an id, there is an error about the place that the id comes from. The field itself
    // must not give another one.
    let filled = id.clone().unwrap_or_else(|| Uuid::nil().to_string());
    body.insert(field.to_owned(), filled.into());
    id
}

fn derived(
    aggregate_type: &str,
    of: &str,
    body: &Map<String, Value>,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let source = body.get(of)?.as_str()?;
    if source.is_empty() {
        errors.push(error(&Pointer::root().field(of), "must not be empty"));
        return None;
    }
    Some(id::aggregate(aggregate_type, source).to_string())
}

#[cfg(test)]
mod tests;
