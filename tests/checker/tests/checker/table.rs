//! Each kind of violation, by a change of one correct history.

use checker::{Answer, History, Letter, Logged, Shown, Violation, check};
use factline::outcome::{Outcome, State};
use serde_json::json;
use uuid::Uuid;

use crate::good::{Step, run};
use crate::world::Conditions;

type Change = fn(&mut History);
type Is = fn(&Violation) -> bool;

const ORDERS: &str = "ordering.order";
const CHECKOUTS: &str = "checkout.checkout";

const TABLE: &[(&str, Change, Is)] = &[
    (
        "an accepted command is missing",
        |history| {
            history.requests[0].answer = Answer::Accepted {
                operation: Uuid::from_u128(9999),
            };
        },
        |found| matches!(found, Violation::Lost(_)),
    ),
    (
        "an accepted command belongs to another operation",
        |history| history.requests[0].id = Some("another".to_owned()),
        |found| matches!(found, Violation::Other(_)),
    ),
    (
        "one key becomes two operations",
        |history| {
            let mut again = history.requests[0].clone();
            again.idempotency_key = Some("key".to_owned());
            history.requests[0].idempotency_key = Some("key".to_owned());
            let other = &history.requests[1].answer;
            again.answer = other.clone();
            history.requests.push(again);
        },
        |found| matches!(found, Violation::Keyed { .. }),
    ),
    (
        "an outcome is lost",
        |history| drop(history.logs.get_mut(ORDERS).unwrap().outcomes.remove(0)),
        |found| matches!(found, Violation::Unended(_)),
    ),
    (
        "the end of a workflow is lost",
        |history| {
            let outcomes = &mut history.logs.get_mut(CHECKOUTS).unwrap().outcomes;
            let running = outcomes.iter().find(|one| state(one) == State::Running);
            let operation = running.unwrap().operation;
            outcomes.retain(|one| one.operation != operation || state(one) == State::Running);
        },
        |found| matches!(found, Violation::Unended(_)),
    ),
    (
        "a command is decided twice",
        |history| {
            let outcomes = &mut history.logs.get_mut(ORDERS).unwrap().outcomes;
            let mut again = outcomes[0].clone();
            again.offset += 1;
            outcomes.insert(1, again);
        },
        |found| matches!(found, Violation::EndedTwice(_)),
    ),
    (
        "a workflow begins twice",
        |history| {
            let outcomes = &mut history.logs.get_mut(CHECKOUTS).unwrap().outcomes;
            let again = outcomes.iter().find(|one| state(one) == State::Running);
            let again = again.unwrap().clone();
            outcomes.push(again);
        },
        |found| matches!(found, Violation::RunsTwice(_)),
    ),
    (
        "an outcome has no command",
        |history| drop(history.logs.get_mut(ORDERS).unwrap().commands.remove(0)),
        |found| matches!(found, Violation::Unrequested(_)),
    ),
    (
        "an event cannot be decoded",
        |history| history.logs.get_mut(ORDERS).unwrap().events[0].value = None,
        |found| matches!(found, Violation::Unreadable(_)),
    ),
    (
        "a version is skipped",
        |history| {
            let event = &mut history.logs.get_mut(ORDERS).unwrap().events[0];
            event.envelope.as_mut().unwrap().sequence = Some(2);
        },
        |found| {
            matches!(
                found,
                Violation::Version {
                    expected: 1,
                    found: Some(2),
                    ..
                }
            )
        },
    ),
    (
        "an event is lost",
        |history| drop(history.logs.get_mut(ORDERS).unwrap().events.remove(0)),
        |found| matches!(found, Violation::Sequence { expected: 1, .. }),
    ),
    (
        "an event has the id of another event",
        |history| {
            let event = &mut history.logs.get_mut(ORDERS).unwrap().events[0];
            event.envelope.as_mut().unwrap().id = Uuid::from_u128(9999);
        },
        |found| matches!(found, Violation::Foreign { .. }),
    ),
    (
        "an event of another operation is in between",
        |history| {
            let events = &mut history.logs.get_mut(CHECKOUTS).unwrap().events;
            let first = events[0].clone();
            let later = events
                .iter_mut()
                .filter(|event| event.partition == first.partition);
            later.last().unwrap().operation = first.operation;
        },
        |found| matches!(found, Violation::Scattered(_)),
    ),
    (
        "a dead letter is lost",
        |history| history.logs.get_mut(ORDERS).unwrap().dead_letters.clear(),
        |found| matches!(found, Violation::Letter { .. }),
    ),
    (
        "a command that did not fail has a dead letter",
        |history| {
            let log = history.logs.get_mut(ORDERS).unwrap();
            log.dead_letters.push(Letter {
                partition: 0,
                offset: 9,
                operation: log.commands[0].operation,
                position: "commands/0@0".to_owned(),
                code: "panic".to_owned(),
            });
        },
        |found| matches!(found, Violation::Letter { .. }),
    ),
    (
        "an operation that was read as ended before another was requested is decided after it",
        |history| {
            // As if the last had been requested after everything was known.
            let end = history.observations.last().unwrap().at;
            let first = history
                .requests
                .iter_mut()
                .find(|request| request.aggregate == ORDERS)
                .unwrap();
            first.start = end + end;
        },
        |found| {
            matches!(
                found,
                Violation::RealTime {
                    what: "decided",
                    ..
                }
            )
        },
    ),
    (
        "a command that was accepted before another was requested comes after it",
        |history| {
            let end = history.requests.last().unwrap().end;
            let first = history
                .requests
                .iter_mut()
                .find(|request| request.aggregate == ORDERS)
                .unwrap();
            first.start = end + end;
        },
        |found| {
            matches!(
                found,
                Violation::RealTime {
                    what: "appended",
                    ..
                }
            )
        },
    ),
    (
        "commands are decided out of order",
        |history| {
            let outcomes = &mut history.logs.get_mut(ORDERS).unwrap().outcomes;
            outcomes.reverse();
        },
        |found| matches!(found, Violation::Order { .. }),
    ),
    (
        "time decreases",
        |history| {
            let outcomes = &mut history.logs.get_mut(ORDERS).unwrap().outcomes;
            outcomes
                .last_mut()
                .unwrap()
                .value
                .as_mut()
                .unwrap()
                .decided_at = 0;
        },
        |found| matches!(found, Violation::Time { .. }),
    ),
    (
        "a command is decided at an impossible time",
        |history| {
            let outcomes = &mut history.logs.get_mut(ORDERS).unwrap().outcomes;
            outcomes
                .last_mut()
                .unwrap()
                .value
                .as_mut()
                .unwrap()
                .decided_at += 1;
        },
        |found| matches!(found, Violation::Time { .. }),
    ),
    (
        "an event differs from the rules",
        |history| {
            let event = &mut history.logs.get_mut(ORDERS).unwrap().events[0];
            event.value.as_mut().unwrap()["units"] = json!(77);
        },
        |found| matches!(found, Violation::Decision { .. }),
    ),
    (
        "a refusal has a different reason than the rules give",
        |history| {
            let outcomes = &mut history.logs.get_mut(ORDERS).unwrap().outcomes;
            let refused = outcomes
                .iter_mut()
                .find(|one| state(one) == State::Rejected)
                .unwrap();
            refused.value.as_mut().unwrap().code = Some("order_shipped".to_owned());
        },
        |found| matches!(found, Violation::Decision { .. }),
    ),
    (
        "a deadline is skipped",
        |history| {
            let log = history.logs.get_mut(CHECKOUTS).unwrap();
            let deadline = log.outcomes.iter().find(|one| {
                one.value.as_ref().unwrap().kind == factline::outcome::OutcomeKind::Deadline
            });
            let operation = deadline.unwrap().operation;
            log.outcomes.retain(|one| one.operation != operation);
        },
        |found| matches!(found, Violation::Overdue { .. }),
    ),
    (
        "a row is stale",
        |history| {
            let rows = history.views.get_mut("orders").unwrap();
            rows.values_mut().next().unwrap()["version"] = json!(0);
        },
        |found| matches!(found, Violation::Row { .. }),
    ),
    (
        "a sum counts an order twice",
        |history| {
            let rows = history.views.get_mut("customer-spending").unwrap();
            rows.values_mut().next().unwrap()["orders"] = json!(99);
        },
        |found| matches!(found, Violation::Row { .. }),
    ),
    (
        "the tracker lacks an end",
        |history| history.tracker.values_mut().next().unwrap().state = State::Pending,
        |found| matches!(found, Violation::Tracker { .. }),
    ),
    (
        "a read end is not final",
        |history| history.observations[0].status.state = State::Failed,
        |found| matches!(found, Violation::Changed { .. }),
    ),
    (
        "a confirmed order is not paid",
        |history| {
            history
                .provider
                .as_mut()
                .unwrap()
                .get_mut("EUR")
                .unwrap()
                .refunded += 10;
        },
        |found| matches!(found, Violation::Money { .. }),
    ),
    (
        "a read is older than its position",
        |history| history.reads[0].answer = Shown::Missing,
        |found| matches!(found, Violation::Read { .. }),
    ),
    (
        "a read shows a state that its version never had",
        |history| {
            let Shown::Row(row) = &mut history.reads[0].answer else {
                panic!("nothing was read");
            };
            row["state"] = json!("shipped");
        },
        |found| matches!(found, Violation::Read { .. }),
    ),
];

fn state(record: &Logged<Outcome>) -> State {
    record.value.as_ref().unwrap().state
}

/// Orders that are placed, refused, confirmed and cancelled; a checkout that is paid and one whose
/// payment times out.
fn good() -> History {
    let with = Conditions::default();
    let mut steps = vec![
        Step::Place(0, 5, with),
        Step::Place(1, 3, with),
        Step::Work,
        Step::Look,
        Step::ReadOrder(0),
        Step::Place(0, 4, with),
        Step::Confirm(0),
        Step::Cancel(1, with),
        Step::Cancel(1, with),
        Step::Poison(1),
        Step::Create(0, 3, with),
        Step::Price(0, 4, with),
        Step::Work,
        Step::Look,
    ];
    // No other aggregate uses the partition of these two: a record missing from one shows in the
    // other.
    for number in 0..4 {
        steps.extend([Step::Begin(number, with), Step::Work, Step::Note(number, 0)]);
    }
    steps.extend([
        Step::Note(0, 1),
        Step::Work,
        Step::Note(0, 2),
        Step::Work,
        Step::Wait(50),
    ]);
    for number in 0..4 {
        steps.extend([Step::Note(number, 5), Step::Work]);
    }
    steps.push(Step::Look);
    run(&steps)
}

#[test]
fn correct_history_passes() {
    let found = check(&good());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_kind_of_violation_is_detected() {
    for (what, change, is) in TABLE {
        let mut history = good();
        change(&mut history);
        let found = check(&history);
        assert!(found.iter().any(is), "{what}: {found:#?}");
    }
}

#[test]
fn violation_names_its_location() {
    let mut history = good();
    let outcomes = &mut history.logs.get_mut(ORDERS).unwrap().outcomes;
    let again = outcomes[0].clone();
    let (operation, partition, offset) = (again.operation, again.partition, again.offset);
    outcomes.push(again);
    let found = check(&history);
    let twice = |violation: &&Violation| matches!(violation, Violation::EndedTwice(_));
    let text = found.iter().find(twice).unwrap().to_string();
    assert!(text.starts_with(ORDERS), "{text}");
    assert!(text.contains(&operation.to_string()), "{text}");
    assert!(
        text.contains(&format!("outcomes/{partition}@{offset}")),
        "{text}"
    );
}
