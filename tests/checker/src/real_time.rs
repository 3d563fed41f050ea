//! Real-time linearizability: the log's order agrees with the clients' observations.
//!
//! All decisions of a partition have one order, that of its outcomes. Suppose a client has read the
//! end of an operation, and a request for another operation of the same partition was sent only
//! afterwards. Then the second must come later in that order. The same holds for commands: a
//! command that was accepted before another was sent must come before it. Two operations of one
//! partition are compared whichever clients sent them, which covers more than the clients of one
//! aggregate can observe. One pass over both in the order of time suffices, so the check stays fast
//! for many operations.

use std::collections::HashMap;

use factline::Outcome;
use uuid::Uuid;

use super::history::{Answer, History, Logged, Moment, Records, Request};
use super::violation::{At, Violation};

/// The clients' knowledge: the times at which each operation was first requested, accepted, and
/// read as ended.
#[derive(Default)]
struct Known {
    asked: HashMap<Uuid, Moment>,
    accepted: HashMap<Uuid, Moment>,
    ended: HashMap<Uuid, Moment>,
}

/// One operation of a partition: its first and last place in an order, with their times.
struct Span {
    operation: Uuid,
    /// First place, and the time of the first request.
    first: (i64, Option<Moment>),
    /// Last place, and the time at which it was first known.
    last: (i64, Option<Moment>),
    at: At,
}

/// Checks the order in every partition of every aggregate type.
pub(super) fn order(history: &History) -> Vec<Violation> {
    let known = known(history);
    let mut found = Vec::new();
    for (aggregate, log) in &history.logs {
        let mut partitions: HashMap<i32, Vec<Span>> = HashMap::new();
        for (partition, span) in decisions(aggregate, log, &known) {
            partitions.entry(partition).or_default().push(span);
        }
        for spans in partitions.into_values() {
            found.extend(inverted(spans, "decided"));
        }
        let mut partitions: HashMap<i32, Vec<Span>> = HashMap::new();
        for (partition, span) in appended(aggregate, log, &known) {
            partitions.entry(partition).or_default().push(span);
        }
        for spans in partitions.into_values() {
            found.extend(inverted(spans, "appended"));
        }
    }
    found
}

fn known(history: &History) -> Known {
    let mut known = Known::default();
    for request in &history.requests {
        if let Answer::Accepted { operation } = request.answer {
            earliest(&mut known.asked, operation, request.start);
            earliest(&mut known.accepted, operation, request.end);
        }
    }
    // A request whose response was lost may be the same operation, sent earlier.
    let keyed: HashMap<_, Uuid> = history
        .requests
        .iter()
        .filter_map(|request| match request.answer {
            Answer::Accepted { operation } => Some((same(request)?, operation)),
            _ => None,
        })
        .collect();
    let lost = history.requests.iter();
    for lost in lost.filter(|request| request.answer == Answer::Unknown) {
        if let Some(operation) = same(lost).and_then(|same| keyed.get(&same)) {
            earliest(&mut known.asked, *operation, lost.start);
        }
    }
    for seen in &history.observations {
        if seen.status.state.is_terminal() {
            earliest(&mut known.ended, seen.operation, seen.at);
        }
    }
    known
}

/// Returns the key that two requests for the same operation share.
fn same(request: &Request) -> Option<(&str, &str, String)> {
    let key = request.idempotency_key.as_deref()?;
    Some((&request.route, key, request.body.to_string()))
}

fn earliest(moments: &mut HashMap<Uuid, Moment>, operation: Uuid, moment: Moment) {
    let first = moments.entry(operation).or_insert(moment);
    *first = moment.min(*first);
}

fn decisions(aggregate: &str, log: &Records, known: &Known) -> Vec<(i32, Span)> {
    let mut spans: HashMap<Uuid, (i32, Span)> = HashMap::new();
    for record in &log.outcomes {
        let Some(outcome) = &record.value else {
            continue;
        };
        let span = spans
            .entry(outcome.operation_id)
            .or_insert_with(|| first(aggregate, record, outcome, known));
        if outcome.state.is_terminal() && span.1.last.1.is_none() {
            span.1.last = (
                record.offset,
                known.ended.get(&outcome.operation_id).copied(),
            );
        }
    }
    spans.into_values().collect()
}

fn first(
    aggregate: &str,
    record: &Logged<Outcome>,
    outcome: &Outcome,
    known: &Known,
) -> (i32, Span) {
    let operation = outcome.operation_id;
    let span = Span {
        operation,
        first: (record.offset, known.asked.get(&operation).copied()),
        last: (record.offset, None),
        at: At::record(aggregate, "outcomes", record),
    };
    (record.partition, span)
}

fn appended(aggregate: &str, log: &Records, known: &Known) -> Vec<(i32, Span)> {
    let mut spans: HashMap<Uuid, (i32, Span)> = HashMap::new();
    for record in &log.commands {
        let operation = record.operation;
        spans.entry(operation).or_insert_with(|| {
            let span = Span {
                operation,
                first: (record.offset, known.asked.get(&operation).copied()),
                last: (record.offset, known.accepted.get(&operation).copied()),
                at: At::record(aggregate, "commands", record),
            };
            (record.partition, span)
        });
    }
    spans.into_values().collect()
}

/// Returns operations that come before one that was known before they were requested.
fn inverted(mut spans: Vec<Span>, what: &'static str) -> Vec<Violation> {
    let mut ends: Vec<(Moment, i64, Uuid)> = spans
        .iter()
        .filter_map(|span| Some((span.last.1?, span.last.0, span.operation)))
        .collect();
    ends.sort_unstable();
    spans.retain(|span| span.first.1.is_some());
    spans.sort_by_key(|span| span.first.1);
    let mut ends = ends.into_iter().peekable();
    // The last in the order among all that were known by then.
    let mut latest: Option<(i64, Uuid, Moment)> = None;
    let mut found = Vec::new();
    for span in spans {
        let asked = span.first.1.unwrap_or_default();
        while let Some((known, offset, operation)) = ends.next_if(|(known, ..)| *known < asked) {
            if latest.is_none_or(|(last, ..)| last < offset) {
                latest = Some((offset, operation, known));
            }
        }
        if let Some((offset, earlier, known)) = latest
            && offset > span.first.0
            && earlier != span.operation
        {
            found.push(Violation::RealTime {
                at: span.at,
                what,
                earlier,
                known,
                asked,
            });
        }
    }
    found
}
