//! Reads show at least the state of their position, and only states that existed.

use std::collections::HashMap;

use factline::Position;
use factline_kafka::Topics;
use serde_json::Value;

use super::history::{History, Logged, Read, Shown};
use super::views;
use super::violation::{At, Violation};

/// Checks every read that was answered.
pub(super) fn shown(history: &History) -> Vec<Violation> {
    let mut events: HashMap<(&str, &str), Vec<&Logged<Value>>> = HashMap::new();
    for (aggregate, log) in &history.logs {
        for event in &log.events {
            events
                .entry((aggregate, event.subject()))
                .or_default()
                .push(event);
        }
    }
    let none = Vec::new();
    let mut found = Vec::new();
    for read in &history.reads {
        let of = events
            .get(&(read.aggregate.as_str(), read.id.as_str()))
            .unwrap_or(&none);
        if let Some(what) = wrong(history, read, of) {
            found.push(Violation::Read {
                at: At::subject(&read.aggregate, &read.id),
                moment: read.end,
                what,
            });
        }
    }
    found
}

fn wrong(history: &History, read: &Read, events: &[&Logged<Value>]) -> Option<String> {
    let least = read.position.as_deref().map_or(0, |position| {
        let topics = Topics::new(&history.prefix, &read.aggregate);
        least(position, topics.events(), events)
    });
    let row = match &read.answer {
        Shown::Missing if least > 0 => {
            return Some(format!(
                "the row is missing, expected at least version {least}"
            ));
        }
        Shown::Missing | Shown::Unknown => return None,
        Shown::Row(row) => row,
    };
    let version = row["version"].as_u64().unwrap_or_default();
    if version < least {
        return Some(format!("read version {version}, expected at least {least}"));
    }
    let first = usize::try_from(version)
        .ok()
        .and_then(|version| events.get(..version));
    let Some(first) = first.filter(|first| !first.is_empty()) else {
        return Some(format!("read version {version}, which does not exist"));
    };
    let was = views::row_at(&read.aggregate, first, &read.id)?;
    let differs = was
        .get("state")
        .filter(|state| row.get("state") != Some(state))?;
    Some(format!(
        "at version {version} read state {}, which was {differs}",
        row["state"]
    ))
}

/// Returns the version that a reader of this position must see at least.
fn least(position: &str, topic: &str, events: &[&Logged<Value>]) -> u64 {
    let Ok(position) = position.parse::<Position>() else {
        return 0;
    };
    let points = position
        .points()
        .iter()
        .filter(|point| point.topic == topic);
    let seen = points.flat_map(|point| {
        let events = events.iter();
        events.filter(|event| {
            let envelope = event.envelope.as_ref();
            let sequence = envelope.and_then(|envelope| envelope.partition_sequence);
            event.partition == point.partition && sequence <= Some(point.sequence)
        })
    });
    seen.count() as u64
}
