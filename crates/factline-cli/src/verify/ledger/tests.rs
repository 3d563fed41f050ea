//! Deletions by the broker, and offsets from before a restore, are no findings. The faults are
//! written to real topics in `cli/tests/tool/verify.rs`.

use std::collections::BTreeMap;

use factline::id;

use super::super::finding::Kind;
use super::*;

const ORDER: &str = "7d9c7a2e-5a52-4c0e-9d5c-2d1a3c9d1e11";

fn names() -> Names {
    Names {
        aggregate: "shop.order",
        partitions: 1,
        partition: 0,
        commands: "shop.order.commands".to_owned(),
        events: "shop.order.events".to_owned(),
        outcomes: "shop.order.outcomes".to_owned(),
    }
}

/// The headers of a record, as text.
#[derive(Default)]
struct Texts {
    id: String,
    operation: String,
    number: String,
    place: String,
}

fn operation(number: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(number).unwrap() + 1)
}

impl Texts {
    /// The command, the completed outcome or the event of an operation.
    fn of(kind: Option<Topic>, number: i64, place: i64) -> Self {
        let (operation, version) = (operation(number), u64::try_from(number).unwrap() + 1);
        let id = match kind {
            None => operation,
            Some(Topic::Outcomes) => id::outcome(operation, "completed"),
            Some(Topic::Events) => id::event("shop.order", ORDER, version),
        };
        Self {
            id: id.to_string(),
            operation: operation.to_string(),
            number: version.to_string(),
            place: format!("shop.order.commands/0@{place}"),
        }
    }

    fn fact(&self, offset: i64, time: i64) -> Fact<'_> {
        Fact {
            offset,
            time: time * 1000,
            key: Some(ORDER.as_bytes()),
            id: Some(self.id.as_bytes()),
            subject: Some(ORDER.as_bytes()),
            operation: Some(self.operation.as_bytes()),
            sequence: Some(self.number.as_bytes()),
            partition_sequence: Some(self.number.as_bytes()),
            command_position: Some(self.place.as_bytes()),
            concludes: None,
        }
    }
}

/// Operations of which each has a command, an outcome and an event, one a second.
fn ledger(commands: &[i64], outcomes: &[i64], events: &[i64]) -> Ledger {
    let mut ledger = Ledger::new(names());
    for number in commands {
        ledger.command(&Texts::of(None, *number, 0).fact(*number, *number));
    }
    for number in outcomes {
        let texts = Texts::of(Some(Topic::Outcomes), *number, *number);
        ledger.outcome(&texts.fact(*number, *number));
    }
    for number in events {
        let texts = Texts::of(Some(Topic::Events), *number, *number);
        ledger.event(&texts.fact(*number, *number));
    }
    ledger
}

fn counts(ledger: &Ledger) -> BTreeMap<Kind, u64> {
    ledger.findings.counts.clone()
}

#[test]
fn sound_partition_has_no_findings() {
    let all: Vec<i64> = (0..50).collect();
    let mut ledger = ledger(&all, &all, &all);
    ledger.check_commands(50, true);
    assert_eq!(ledger.findings, Findings::default());
}

#[test]
fn deleted_outcomes_are_not_missed() {
    let all: Vec<i64> = (0..200).collect();
    let mut ledger = ledger(&all, &all[100..], &all);
    ledger.check_commands(200, false);
    assert_eq!(counts(&ledger), BTreeMap::new());

    ledger.check_commands(200, true);
    let missing = BTreeMap::from([(Kind::CommandWithoutOutcome, 100)]);
    assert_eq!(counts(&ledger), missing, "if none were deleted");
}

#[test]
fn commands_after_the_committed_offset_wait() {
    let mut ledger = ledger(&[0, 1, 2], &[0], &[0]);
    ledger.check_commands(1, true);
    assert_eq!(counts(&ledger), BTreeMap::new());
    ledger.check_commands(3, true);
    assert_eq!(ledger.findings.total(), 2);
}

/// After a restore, the offsets of old commands belong to commands that were appended later.
#[test]
fn positions_from_before_a_restore_are_no_evidence() {
    let mut ledger = Ledger::new(names());
    for offset in 0..3 {
        let texts = Texts::of(None, 1000 + offset, 0);
        ledger.command(&texts.fact(offset, 1_000_000));
    }
    for number in 0..3 {
        let texts = Texts::of(Some(Topic::Outcomes), number, number + 1);
        ledger.outcome(&texts.fact(number, number));
    }
    assert_eq!(counts(&ledger), BTreeMap::new());
    let texts = Texts::of(Some(Topic::Outcomes), 7, 1);
    ledger.outcome(&texts.fact(3, 1_000_000));
    ledger.check_doubtful(1);
    assert_eq!(
        counts(&ledger),
        BTreeMap::new(),
        "its events may come later"
    );
    ledger.check_doubtful(3);
    let wrong = BTreeMap::from([(Kind::WrongCommandPosition, 1)]);
    assert_eq!(counts(&ledger), wrong);
}

#[test]
fn saved_ledger_continues() {
    let first: Vec<i64> = (0..10).collect();
    let all: Vec<i64> = (0..20).collect();
    let text = serde_json::to_string(&ledger(&first, &first, &first).save()).unwrap();
    let mut continued = Ledger::restore(names(), serde_json::from_str(&text).unwrap());
    for number in &all[10..] {
        let texts = Texts::of(Some(Topic::Outcomes), *number, *number);
        continued.outcome(&texts.fact(*number, *number));
    }
    for number in &all[10..] {
        let texts = Texts::of(Some(Topic::Events), *number, *number);
        continued.event(&texts.fact(*number, *number));
    }
    assert_eq!(counts(&continued), BTreeMap::new());
    let texts = Texts::of(Some(Topic::Outcomes), 3, 3);
    continued.outcome(&texts.fact(20, 20));
    let again = BTreeMap::from([(Kind::EndedTwice, 1)]);
    assert_eq!(counts(&continued), again, "the first end is in the file");
}

/// The outcome of a workflow names the command that has concluded it, which is another operation.
#[test]
fn conclusion_of_a_workflow_names_another_command() {
    for conclude in [true, false] {
        let mut ledger = ledger(&[0, 1], &[1], &[]);
        let texts = Texts::of(Some(Topic::Outcomes), 0, 1);
        ledger.outcome(&texts.fact(2, 2));
        let (texts, workflow) = (
            Texts::of(Some(Topic::Events), 1, 1),
            operation(0).to_string(),
        );
        let mut fact = texts.fact(0, 2);
        fact.concludes = conclude.then_some(workflow.as_bytes());
        fact.partition_sequence = Some(b"1");
        ledger.event(&fact);
        ledger.check_doubtful(2);
        let wrong = ledger.findings.counts.get(&Kind::WrongCommandPosition);
        assert_eq!(wrong.is_none(), conclude);
    }
}
