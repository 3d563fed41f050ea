//! Every command ends once, and all clients see the same end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use factline::Outcome;
use factline::outcome::OutcomeKind;
use serde_json::Value;
use uuid::Uuid;

use super::history::{Answer, History, Logged, Records, Request, Status};
use super::violation::{At, Violation};

/// Compares the responses to requests with the log.
pub(super) fn requests(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut commands: HashMap<(&str, Uuid), Vec<&Logged<Value>>> = HashMap::new();
    for (aggregate, log) in &history.logs {
        for command in &log.commands {
            let of = (aggregate.as_str(), command.operation);
            commands.entry(of).or_default().push(command);
        }
    }
    let mut keyed: HashMap<(&str, &str, String), Uuid> = HashMap::new();
    for request in &history.requests {
        let Answer::Accepted { operation } = request.answer else {
            continue;
        };
        // A command that was sent twice is in the log twice, and each attempt may have had its own
        // conditions.
        let of = (request.aggregate.as_str(), operation);
        let Some((command, more)) = commands.get(&of).and_then(|all| all.split_first()) else {
            found.push(Violation::Lost(At {
                subject: request.id.clone(),
                ..At::operation(&request.aggregate, operation)
            }));
            continue;
        };
        if !is_asked(request, command) && !more.iter().any(|command| is_asked(request, command)) {
            found.push(Violation::Other(At::record(
                &request.aggregate,
                "commands",
                command,
            )));
        }
        if let Some(key) = &request.idempotency_key {
            let same = (
                request.route.as_str(),
                key.as_str(),
                request.body.to_string(),
            );
            let first = *keyed.entry(same).or_insert(operation);
            if first != operation {
                found.push(Violation::Keyed {
                    aggregate: request.aggregate.clone(),
                    key: key.clone(),
                    first,
                    second: operation,
                });
            }
        }
    }
    found
}

/// Returns true if a command matches the client's request.
fn is_asked(request: &Request, command: &Logged<Value>) -> bool {
    let Some(envelope) = &command.envelope else {
        return false;
    };
    let id = request.id.as_deref();
    id.is_none_or(|id| id == envelope.subject)
        && envelope.expected_version == request.expected_version
        && envelope.idempotency_scope.is_some() == request.idempotency_key.is_some()
}

/// Checks that each command has one terminal outcome, and that each outcome except a deadline's has
/// one command.
pub(super) fn outcomes(aggregate: &str, log: &Records) -> Vec<Violation> {
    let mut found = Vec::new();
    let asked: BTreeSet<Uuid> = log
        .commands
        .iter()
        .map(|command| command.operation)
        .collect();
    let (mut ended, mut running) = (BTreeSet::new(), BTreeSet::new());
    for record in &log.outcomes {
        let at = At::record(aggregate, "outcomes", record);
        let Some(outcome) = &record.value else {
            found.push(Violation::Unreadable(at));
            continue;
        };
        let operation = outcome.operation_id;
        if outcome.kind != OutcomeKind::Deadline && !asked.contains(&operation) {
            found.push(Violation::Unrequested(at.clone()));
        }
        if outcome.state.is_terminal() {
            if !ended.insert(operation) {
                found.push(Violation::EndedTwice(at));
            }
        } else if ended.contains(&operation) || !running.insert(operation) {
            found.push(Violation::RunsTwice(at));
        }
    }
    let mut reported = BTreeSet::new();
    for command in &log.commands {
        if !ended.contains(&command.operation) && reported.insert(command.operation) {
            found.push(Violation::Unended(At::record(
                aggregate, "commands", command,
            )));
        }
    }
    found
}

/// Returns the end of each operation by the log: its first terminal outcome, with the aggregate's
/// type.
pub(super) fn ends(history: &History) -> BTreeMap<Uuid, (&str, &Logged<Outcome>)> {
    let mut ends = BTreeMap::new();
    for (aggregate, log) in &history.logs {
        for record in &log.outcomes {
            if let Some(outcome) = record.value.as_ref().filter(|it| it.state.is_terminal()) {
                let end = (aggregate.as_str(), record);
                ends.entry(outcome.operation_id).or_insert(end);
            }
        }
    }
    ends
}

/// Checks that the tracker and the log agree on every operation, and that the tracker has no
/// others.
pub(super) fn tracker(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let ends = ends(history);
    for (operation, (aggregate, record)) in &ends {
        let logged = record.value.as_ref().map(Status::of);
        let status = history.tracker.get(operation);
        if status != logged.as_ref() {
            found.push(Violation::Tracker {
                at: At::record(aggregate, "outcomes", record),
                tracked: text(status),
                logged: text(logged.as_ref()),
            });
        }
    }
    for (operation, status) in &history.tracker {
        if ends.contains_key(operation) {
            continue;
        }
        // An operation without an end in the log is reported by `outcomes`, unless the tracker
        // reports an end.
        let aggregate = history.logs.iter().find_map(|(aggregate, log)| {
            let mut commands = log.commands.iter();
            commands
                .any(|one| one.operation == *operation)
                .then_some(aggregate)
        });
        if aggregate.is_none() || status.state.is_terminal() {
            found.push(Violation::Tracker {
                at: At::operation(aggregate.map_or("unknown", String::as_str), *operation),
                tracked: text(Some(status)),
                logged: "nothing".to_owned(),
            });
        }
    }
    found
}

/// Checks that every end that a client has read matches the log.
pub(super) fn observations(history: &History) -> Vec<Violation> {
    let ends = ends(history);
    let terminal = history
        .observations
        .iter()
        .filter(|seen| seen.status.state.is_terminal());
    terminal
        .filter_map(|seen| {
            let end = ends.get(&seen.operation);
            let logged = end.and_then(|(_, record)| record.value.as_ref().map(Status::of));
            (logged.as_ref() != Some(&seen.status)).then(|| Violation::Changed {
                at: At::operation(
                    end.map_or("unknown", |(aggregate, _)| aggregate),
                    seen.operation,
                ),
                moment: seen.at,
                seen: text(Some(&seen.status)),
                logged: text(logged.as_ref()),
            })
        })
        .collect()
}

fn text(status: Option<&Status>) -> String {
    status.map_or("nothing".to_owned(), |status| {
        let Status {
            state,
            code,
            version,
            position,
        } = status;
        let state = state.as_str();
        format!("{state}, code {code:?}, version {version:?}, position {position:?}")
    })
}
