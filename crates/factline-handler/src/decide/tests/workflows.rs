//! Workflows that begin and end.

use factline::outcome::State;
use factline::{AggregateType as _, id};
use uuid::Uuid;

use super::counter::CounterType;
use super::desk::{CLOCK, Desk, at, step, step_until, subject};
use super::endings::{completed, ended, endings};
use super::messages::Step;

const DUE: i64 = CLOCK + 10;

/// Begins a workflow that is bounded by a deadline, and returns its operation.
fn begin(desk: &mut Desk, subject: &str, at_due: Step) -> Uuid {
    desk.send(subject, step_until(Step::Begin, at(DUE), at_due))
}

/// Keeps the deadline while another step is taken.
fn keep(next: Step) -> super::messages::Take {
    step_until(next, at(DUE), Step::Nothing)
}

#[test]
fn begun_workflow_leaves_its_operation_running() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = begin(&mut desk, &ada, Step::End);
    let facts = desk.turn();
    assert_eq!(endings(&facts), [(operation, State::Running, None)]);
    let opens = facts[0].events.iter();
    let opens: Vec<_> = opens.map(|event| event.envelope.opens.as_deref()).collect();
    assert_eq!(opens, [Some("test.Take"), None]);
}

#[test]
fn ended_workflow_has_an_outcome_of_its_own() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let workflow = begin(&mut desk, &ada, Step::End);
    let between = desk.send(&ada, keep(Step::Add));
    let last = desk.send(&ada, step(Step::End));
    let facts = desk.turn();
    let expected = [
        (workflow, State::Running, None),
        completed(between),
        completed(last),
        ended(workflow, State::Rejected, "over"),
    ];
    assert_eq!(endings(&facts), expected);
    let last = &facts[2].events[0].envelope;
    assert_eq!(last.concludes, Some(workflow));
    // Commands to the process join its workflow.
    let joined = &facts[1].events[0].envelope;
    assert_eq!(joined.root_operation, Some(workflow));
    let concluded = facts[2].concluded.as_ref().unwrap();
    assert_eq!(concluded.value.name, "test.Take");
    assert_eq!(concluded.value.version, Some(4));
    assert!(concluded.value.position.is_some());
    // Nothing is open any more, so another workflow can begin.
    let again = begin(&mut desk, &ada, Step::End);
    assert_eq!(endings(&desk.turn()), [(again, State::Running, None)]);
}

#[test]
fn workflow_that_ends_without_being_open_has_no_outcome() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let operation = desk.send(&ada, step(Step::End));
    let facts = desk.turn();
    assert_eq!(endings(&facts), [completed(operation)]);
    assert_eq!(facts[0].events[0].envelope.concludes, None);
}

#[test]
fn invalid_workflow_fails_its_command_alone() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let workflow = begin(&mut desk, &ada, Step::End);
    let failing = [
        desk.send(&ada, keep(Step::Begin)),
        desk.send(&ada, keep(Step::EndWithoutEvent)),
        // Without a deadline, the workflow would have no end.
        desk.send(&ada, step(Step::Add)),
    ];
    let bob = subject(0, 1);
    let silent = desk.send(&bob, keep(Step::BeginWithoutEvent));
    let unbounded = desk.send(&bob, step(Step::Begin));
    let last = desk.send(&ada, step(Step::End));
    let batch = desk.decide();
    let failed = |operation| ended(operation, State::Failed, "workflow");
    let mut expected = vec![(workflow, State::Running, None)];
    expected.extend(failing.map(failed));
    expected.extend([failed(silent), failed(unbounded), completed(last)]);
    expected.push(ended(workflow, State::Rejected, "over"));
    assert_eq!(endings(&batch.facts), expected);
    let reasons: Vec<_> = batch.facts[1..6]
        .iter()
        .map(|facts| facts.letter.as_ref().unwrap().reason.clone())
        .collect();
    assert_eq!(
        reasons,
        [
            &*format!("workflow begins while operation {workflow} of this process is open"),
            "workflow ends without an event",
            "workflow is open, and its process has no deadline to end it: return one from `deadline`",
            "workflow begins without an event",
            "workflow is open, and its process has no deadline to end it: return one from `deadline`",
        ]
    );
    desk.adopt(batch);
    assert_eq!(
        (desk.committed(&ada), desk.committed(&bob)),
        ((3, 3), (0, 0))
    );
}

#[test]
fn deadline_ends_the_workflow_that_it_bounds() {
    let (mut desk, ada) = (Desk::new(), subject(0, 0));
    let workflow = begin(&mut desk, &ada, Step::End);
    desk.turn();
    desk.idle = [(0, at(DUE))].into();
    let deadline = id::deadline(CounterType::NAME, &ada, 1);
    let expected = [
        completed(deadline),
        ended(workflow, State::Rejected, "over"),
    ];
    assert_eq!(endings(&desk.turn()), expected);
}

/// A deadline that cannot be decided, or that leaves the workflow without a deadline, ends it.
#[test]
fn failed_deadline_ends_the_workflow_as_failed() {
    for (at_due, code) in [
        (Step::Panic, "panic"),
        (Step::Nothing, "workflow"),
        (Step::Reject, "workflow"),
    ] {
        let (mut desk, ada) = (Desk::new(), subject(0, 0));
        let workflow = begin(&mut desk, &ada, at_due);
        desk.turn();
        desk.idle = [(0, at(DUE))].into();
        let deadline = id::deadline(CounterType::NAME, &ada, 1);
        let expected = [
            ended(deadline, State::Failed, code),
            ended(workflow, State::Failed, code),
        ];
        let facts = desk.turn();
        assert_eq!((facts.len(), endings(&facts)), (1, expected.to_vec()));
        assert!(desk.turn().is_empty());
        // Nothing is open any more, so another workflow can begin.
        desk.idle.clear();
        let again = step_until(Step::Begin, at(DUE + 1), Step::End);
        let again = desk.send(&ada, again);
        assert_eq!(endings(&desk.turn()), [(again, State::Running, None)]);
    }
}
