//! A dead letter: the unchanged command, the cause of the failure, and the mark of an operator. The
//! wire format describes its headers.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use factline_kafka::records::dead_letters;
use factline_kafka::tools::topic_reader::{Range, Reader};
use factline_kafka::{KafkaConfig, Record, Registry};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::output::{Row, cell};
use crate::render;

/// The newest record of a letter.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// The name of the letter: the location of its command.
    pub(super) key: String,
    /// The operation that failed.
    pub(super) operation: Option<Uuid>,
    /// The mark of an operator, if there is one.
    pub(super) mark: Option<Mark>,
    pub(super) record: Record,
}

/// A record of what an operator did about a letter.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    what: String,
    by: String,
    at: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} by {} at {}", self.what, self.by, self.at)
    }
}

/// Returns the letters of a topic, oldest first. Each letter is its newest record, which may be a
/// mark. A tombstone erases its letter.
pub(super) fn read(kafka: &KafkaConfig, topic: &str) -> Result<Vec<Letter>> {
    let mut letters = BTreeMap::new();
    for (order, record) in Reader::open(kafka, topic, &Range::default())?
        .all()?
        .into_iter()
        .enumerate()
    {
        let key = record.key.clone().unwrap_or_default();
        let first = letters.get(&key).map_or(order, |(first, _)| *first);
        if record.value.is_some() {
            letters.insert(key, (first, record));
        } else {
            letters.remove(&key);
        }
    }
    let mut letters: Vec<(usize, Record)> = letters.into_values().collect();
    letters.sort_by_key(|(first, _)| *first);
    Ok(letters
        .into_iter()
        .map(|(_, record)| Letter::new(record))
        .collect())
}

impl Letter {
    fn new(record: Record) -> Self {
        let header = |name: &str| header(&record, name);
        let mark = header(dead_letters::MARK).map(|what| Mark {
            what,
            by: header(dead_letters::MARKED_BY).unwrap_or_default(),
            at: header(dead_letters::MARKED_AT).unwrap_or_default(),
        });
        Self {
            key: render::text(record.key.as_deref().unwrap_or_default()),
            operation: header(dead_letters::OPERATION).and_then(|id| id.parse().ok()),
            mark,
            record,
        }
    }

    /// Returns what an operator has decided about it, if there is such a mark.
    pub(super) fn mark(&self) -> Option<&str> {
        self.mark.as_ref().map(|mark| mark.what.as_str())
    }

    /// Returns whether the fact of a policy is parked. A request for a redrive is not its end.
    pub(super) fn is_parked(&self) -> bool {
        self.mark().is_none_or(|mark| mark == "redrive")
    }

    /// Returns the code of its failure.
    pub(super) fn code(&self) -> Option<String> {
        header(&self.record, dead_letters::CODE)
    }

    /// Returns the reason of its failure.
    pub(super) fn reason(&self) -> Option<String> {
        header(&self.record, dead_letters::REASON)
    }

    /// Returns whether this is its location or its operation.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.key == name || self.operation.is_some_and(|id| id.to_string() == name)
    }

    /// Returns the letter as one line.
    pub(super) fn row(&self, aggregate: &str) -> Row {
        let header = |name: &str| header(&self.record, name);
        let state = self.mark.as_ref().map_or("open", |mark| &mark.what);
        let value = json!({
            "of": aggregate, "letter": self.key, "key": header(dead_letters::KEY), "operation": self.operation, "time": render::instant(self.record.timestamp),
            "type": header("ce_type"), "code": header(dead_letters::CODE), "state": state,
            "reason": header(dead_letters::REASON),
        });
        let cells = super::HEADING.map(|name| cell(&value[name])).to_vec();
        (value, cells)
    }

    /// Returns all fields of the letter.
    pub(super) async fn document(&self, aggregate: &str, registry: &Registry) -> Result<Value> {
        let (mut value, _) = self.row(aggregate);
        let headers = self.record.headers.iter();
        let headers: Map<String, Value> = headers
            .map(|(name, value)| (name.to_owned(), render::text(value).into()))
            .collect();
        if let Value::Object(shown) = &mut value {
            shown.insert("headers".to_owned(), headers.into());
            render::value(registry, &self.record, shown).await?;
        }
        Ok(value)
    }
}

/// Returns the last header of a name, as text.
fn header(record: &Record, name: &str) -> Option<String> {
    Some(render::text(record.headers.last(name)?))
}
