use factline::{RecordSchema, Timestamp};

use super::*;
use crate::observation::Step;
use crate::store::Steps;

const fn command(name: &'static str) -> RecordSchema {
    RecordSchema { name, json: "" }
}

const TRIP: &Contract = &Contract {
    aggregate: "travel.trip",
    partitions: 1,
    commands: &[
        command("travel.BookTrip"),
        command("travel.BookFlight"),
        command("travel.BookHotel"),
        command("travel.ReturnFlight"),
    ],
    events: &[],
    routes: r#"{"workflows": [{"command": "travel.BookTrip",
        "steps": ["travel.BookFlight", "travel.BookHotel"],
        "compensation": ["travel.ReturnFlight"]}]}"#,
};

fn operation(number: u128, name: &str, state: &str) -> Operation {
    let begun = Step {
        partition: 0,
        offset: 1,
        at: Timestamp::UNIX_EPOCH,
    };
    let is_root = number == 1;
    Operation {
        name: format!("travel.{name}"),
        state: state.to_owned(),
        root: (!is_root).then(|| Uuid::from_u128(1)),
        steps: Steps::new(None, is_root.then_some(begun)),
        ..Operation::example(number)
    }
}

/// Returns the steps of a trip in this state that has led to these operations, such as
/// `BookFlight=2:completed BookHotel=remaining`.
fn drawn(state: &str, related: &[(u128, &str, &str)]) -> String {
    let workflows = Workflows::read(&[TRIP]).unwrap();
    let related = related
        .iter()
        .map(|(id, name, state)| operation(*id, name, state));
    let found = Found {
        operation: operation(1, "BookTrip", state),
        related: related.collect(),
        truncated: false,
        retries: Vec::new(),
        attempt: 1,
    };
    let steps = workflows.steps(&found).unwrap();
    let step = |step: &WorkflowStep<'_>| {
        let name = step.command.trim_start_matches("travel.");
        let id = step
            .operation
            .map_or(String::new(), |id| format!("{}:", id.as_u128()));
        format!("{name}={id}{}", step.state)
    };
    steps.iter().map(step).collect::<Vec<_>>().join(" ")
}

#[test]
fn steps_remain_until_they_are_sent() {
    assert_eq!(
        drawn("running", &[]),
        "BookFlight=remaining BookHotel=remaining"
    );
    let flight = (2, "BookFlight", "completed");
    assert_eq!(
        drawn("running", &[flight]),
        "BookFlight=2:completed BookHotel=remaining"
    );
    let hotel = (3, "BookHotel", "pending");
    assert_eq!(
        drawn("running", &[flight, hotel]),
        "BookFlight=2:completed BookHotel=3:pending"
    );
}

#[test]
fn newest_try_of_a_step_is_shown() {
    let tries = [(2, "BookFlight", "failed"), (3, "BookFlight", "pending")];
    assert_eq!(
        drawn("running", &tries),
        "BookFlight=3:pending BookHotel=remaining"
    );
}

#[test]
fn steps_are_skipped_after_a_compensation_and_after_the_end() {
    let flight = (2, "BookFlight", "completed");
    let expected = "BookFlight=2:completed BookHotel=skipped";
    let back = (3, "ReturnFlight", "pending");
    assert_eq!(drawn("running", &[flight, back]), expected);
    assert_eq!(drawn("cancelled", &[flight]), expected);
}

#[test]
fn command_that_began_no_workflow_has_no_steps() {
    let workflows = Workflows::read(&[TRIP]).unwrap();
    let steps_of = |operation| {
        let found = Found {
            operation,
            related: Vec::new(),
            truncated: false,
            retries: Vec::new(),
            attempt: 1,
        };
        workflows.steps(&found).is_some()
    };
    let refused = Operation {
        steps: Steps::default(),
        ..operation(1, "BookTrip", "rejected")
    };
    assert!(!steps_of(refused));
    assert!(!steps_of(operation(1, "BookFlight", "completed")));
}

#[test]
fn command_of_no_contract_is_named() {
    const STEP: &Contract = &Contract {
        routes: r#"{"workflows": [{"command": "travel.BookTrip", "steps": ["travel.Fly"]}]}"#,
        ..*TRIP
    };
    const BEGINNING: &Contract = &Contract {
        routes: r#"{"workflows": [{"command": "travel.Book", "steps": ["travel.BookHotel"]}]}"#,
        ..*TRIP
    };
    for (wrong, workflow, command) in [
        (STEP, "travel.BookTrip", "travel.Fly"),
        (BEGINNING, "travel.Book", "travel.Book"),
    ] {
        assert_eq!(
            Workflows::read(&[wrong]).unwrap_err().to_string(),
            format!(
                "workflow {workflow} of travel.trip: {command} is a command of no contract that is \
                 served"
            )
        );
    }
}
