//! Reads the id in a path.

use factline_http::{Problem, id_pattern};
use regex::Regex;

use crate::declare::{Form, Id, Rows};
use crate::misuse::Misuse;
use crate::read_state::Events;
use crate::value::{Kind, Value};

/// Reader of an id.
#[derive(Debug)]
pub(crate) struct IdReader {
    /// The client's word for the item.
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: Kind,
    pub(crate) pattern: Option<Regex>,
    is_of_aggregate: bool,
}

impl IdReader {
    /// Checks a declaration.
    pub(crate) fn new(
        name: &'static str,
        id: Id,
        rows: &Rows,
        place: &str,
    ) -> Result<Self, Misuse> {
        let Id {
            column,
            form,
            is_of_aggregate,
        } = id;
        let kind = match form {
            Form::Uuid => Kind::Uuid,
            Form::Text { .. } => Kind::Text,
        };
        let known = rows.column(column);
        if let Some(known) = known.filter(|known| Kind::of(known.sql_type) != Some(kind)) {
            let text = format!(
                "the id is {} but the column {column} is {}: declare the form of the id that the \
                 column has",
                kind.description(),
                known.sql_type,
            );
            return Err(Misuse::new(place, text));
        }
        let pattern = match form {
            Form::Uuid => None,
            Form::Text { pattern } => {
                let wrong = |text| Misuse::new(place, text);
                Some(id_pattern::compile(pattern).map_err(wrong)?)
            }
        };
        Ok(Self {
            name,
            column,
            kind,
            pattern,
            is_of_aggregate: is_of_aggregate || rows.aggregate == Some(column),
        })
    }

    /// Parses an id. One that cannot be valid does not exist.
    pub(crate) fn read(&self, text: &str) -> Result<Value, Problem> {
        let matches = |pattern: &Regex| pattern.is_match(text);
        self.kind
            .parse(text)
            .filter(|_| self.pattern.as_ref().is_none_or(matches))
            .ok_or_else(|| self.unknown(text))
    }

    /// Returns the events that the rows of an id depend on.
    pub(crate) fn events<'i>(&self, id: &'i str) -> Events<'i> {
        if self.is_of_aggregate {
            Events::Aggregate(id)
        } else {
            Events::Item(id)
        }
    }

    /// Returns the 404 of an id.
    pub(crate) fn unknown(&self, text: &str) -> Problem {
        Problem::not_found(format!("there is no {} {text}", self.name))
    }
}
