//! The result of a decision, in the form in which two results are compared.

use factline::outcome::State;
use serde_json::{Map, Value, json};

/// The result of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionResult {
    /// The end of the command's own operation.
    pub end: Ended,
    /// The events, in order.
    pub events: Vec<DecidedEvent>,
    /// The end of the workflow that the decision has concluded.
    pub concluded: Option<Ended>,
}

/// The state of an operation, with its code and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The state.
    pub state: State,
    /// The code of a refusal or a failure.
    pub code: Option<String>,
    /// The text that belongs to the code.
    pub reason: Option<String>,
}

/// An event of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecidedEvent {
    /// The type.
    pub record: String,
    /// The value, with the fields of this program's schema.
    pub data: Value,
}

impl Ended {
    fn json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("state".to_owned(), self.state.as_str().into());
        let mut put = |name: &str, text: &Option<String>| {
            if let Some(text) = text {
                fields.insert(name.to_owned(), text.as_str().into());
            }
        };
        put("code", &self.code);
        put("reason", &self.reason);
        fields
    }
}

impl DecisionResult {
    /// Returns all of it as JSON.
    pub fn json(&self) -> Value {
        let mut fields = self.end.json();
        let events = self.events.iter();
        let events = events.map(|event| json!({"type": event.record, "data": event.data}));
        fields.insert("events".to_owned(), events.collect());
        if let Some(concluded) = &self.concluded {
            fields.insert("concluded".to_owned(), concluded.json().into());
        }
        Value::Object(fields)
    }

    /// Returns its kind: the code of a refusal, or the types of the events.
    pub fn kind(&self) -> String {
        let state = self.end.state.as_str();
        if let Some(code) = &self.end.code {
            return format!("{state}: {code}");
        }
        if self.events.is_empty() {
            return format!("{state}: no event");
        }
        let types: Vec<&str> = self.events.iter().map(|event| &*event.record).collect();
        format!("{state}: {}", types.join(", "))
    }

    /// Returns the first field in which another result differs. An operator looks for the state and
    /// the code first, and for a text last.
    pub(super) fn first_difference(&self, other: &Self) -> Option<String> {
        let (one, another) = (&self.end, &other.end);
        if one.state != another.state {
            return Some("state".to_owned());
        }
        if one.code != another.code {
            return Some("code".to_owned());
        }
        let places = 0..self.events.len().max(other.events.len());
        let of_events = places.into_iter().find_map(|place| {
            let path = format!("events[{place}]");
            match (self.events.get(place), other.events.get(place)) {
                (Some(one), Some(other)) if one.record != other.record => {
                    Some(format!("{path}.type"))
                }
                (Some(one), Some(other)) => {
                    differing(&one.data, &other.data, &format!("{path}.data"))
                }
                _ => Some(path),
            }
        });
        of_events.or_else(|| {
            let concluded = |result: &Self| result.concluded.as_ref().map(|end| end.json().into());
            let ends = [self, other].map(|result| concluded(result).unwrap_or(Value::Null));
            let reason = || (one.reason != another.reason).then(|| "reason".to_owned());
            differing(&ends[0], &ends[1], "concluded").or_else(reason)
        })
    }

    /// Returns the first of the events in which another result differs. The outcomes are not
    /// compared, except whether the command was accepted and left an operation open.
    pub(super) fn first_difference_of_events(&self, other: &Self) -> Option<String> {
        let bare = |result: &Self| Self {
            concluded: None,
            ..result.clone()
        };
        bare(self).first_difference(&bare(other))
    }
}

/// Returns the path of the first value that differs.
fn differing(one: &Value, other: &Value, path: &str) -> Option<String> {
    let inner = |name: &str| format!("{path}.{name}");
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let added = other.keys().filter(|name| !one.contains_key(*name));
            one.keys().chain(added).find_map(|name| {
                let value = |fields: &Map<String, Value>| fields.get(name).cloned();
                match (value(one), value(other)) {
                    (Some(one), Some(other)) => differing(&one, &other, &inner(name)),
                    _ => Some(inner(name)),
                }
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            let places = 0..one.len().max(other.len());
            places.into_iter().find_map(|place| {
                let path = format!("{path}[{place}]");
                match (one.get(place), other.get(place)) {
                    (Some(one), Some(other)) => differing(one, other, &path),
                    _ => Some(path),
                }
            })
        }
        (one, other) => (one != other).then(|| path.to_owned()),
    }
}

/// Adds the fields of a value that this program's schema has lost, so that they differ.
pub(super) fn add_lost(own: &mut Value, written: &Value) {
    match (own, written) {
        (Value::Object(own), Value::Object(written)) => {
            for (name, value) in written {
                match own.get_mut(name) {
                    Some(own) => add_lost(own, value),
                    None => {
                        own.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(own), Value::Array(written)) => {
            for (own, written) in own.iter_mut().zip(written) {
                add_lost(own, written);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(state: State, code: Option<&str>, events: &[(&str, Value)]) -> DecisionResult {
        let events = events.iter().map(|(record, data)| DecidedEvent {
            record: (*record).to_owned(),
            data: data.clone(),
        });
        DecisionResult {
            end: Ended {
                state,
                code: code.map(str::to_owned),
                reason: None,
            },
            events: events.collect(),
            concluded: None,
        }
    }

    fn difference(one: &DecisionResult, other: &DecisionResult) -> String {
        one.first_difference(other).unwrap_or_default()
    }

    #[test]
    fn first_difference_names_the_field() {
        let placed = |amount: i64| {
            result(
                State::Completed,
                None,
                &[(
                    "a.Placed",
                    json!({"lines": [{"amount": 1}, {"amount": amount}]}),
                )],
            )
        };
        let (one, rejected) = (placed(2), result(State::Rejected, Some("full"), &[]));
        assert_eq!(one.first_difference(&placed(2)), None);
        assert_eq!(
            difference(&one, &placed(3)),
            "events[0].data.lines[1].amount"
        );
        assert_eq!(difference(&one, &rejected), "state");
        let other = result(State::Rejected, Some("closed"), &[]);
        assert_eq!(difference(&rejected, &other), "code");
        let nothing = result(State::Completed, None, &[]);
        assert_eq!(difference(&nothing, &one), "events[0]");
        let mut worded = rejected.clone();
        worded.end.reason = Some("it is full".to_owned());
        assert_eq!(difference(&rejected, &worded), "reason");
        let mut concluding = placed(2);
        concluding.concluded = Some(rejected.end.clone());
        assert_eq!(difference(&one, &concluding), "concluded");
        assert_eq!(one.first_difference_of_events(&concluding), None);
        let other = result(State::Completed, None, &[("a.Sent", json!({}))]);
        assert_eq!(difference(&one, &other), "events[0].type");
    }

    #[test]
    fn lost_field_is_a_difference() {
        let mut own = json!({"name": "Tea", "lines": [{"amount": 1}]});
        add_lost(
            &mut own,
            &json!({"name": "Tea", "lines": [{"amount": 1, "unit": "kg"}]}),
        );
        let old = result(State::Completed, None, &[("a.Sold", own)]);
        let new = json!({"name": "Tea", "lines": [{"amount": 1}]});
        let new = result(State::Completed, None, &[("a.Sold", new)]);
        assert_eq!(difference(&old, &new), "events[0].data.lines[0].unit");
    }

    #[test]
    fn kind_has_the_code_or_the_events() {
        assert_eq!(
            result(State::Rejected, Some("full"), &[]).kind(),
            "rejected: full"
        );
        assert_eq!(
            result(State::Completed, None, &[]).kind(),
            "completed: no event"
        );
        let two = result(
            State::Running,
            None,
            &[("a.B", Value::Null), ("a.C", Value::Null)],
        );
        assert_eq!(two.kind(), "running: a.B, a.C");
    }
}
