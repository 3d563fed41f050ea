//! From events of schedules to the commands that they send.

use factline::policy::Root;
use factline::{Contract, Emit, Fact, Recorded, Roles, id};
use serde_json::Value;
use uuid::Uuid;

use crate::ScheduledCommand;
use crate::calendar::instant;
use crate::records::schedule::Event;

/// The target of a command whose aggregate type the application does not have. No policy can send
/// to it, so the host treats the fact as one that can never be handled.
const NO_TARGET: &Contract = &Contract {
    aggregate: "an unknown aggregate type",
    partitions: 1,
    commands: &[],
    events: &[],
    routes: "",
};

/// Returns the commands to send for a fact: one for each occurrence and for each request to run
/// now. `targets` are the contracts of all commands that may be scheduled, which are also the
/// targets of the policy.
pub fn commands(
    fact: &Fact<Event>,
    targets: &'static [&'static Contract],
) -> impl Iterator<Item = Emit> {
    let event = fact.event().into_iter();
    event.filter_map(move |event| {
        let operation = operation_of(event, fact.envelope.operation)?;
        let (command, actor, roles) = match event {
            Event::OccurrenceDue(due) => (&due.command, &due.actor, &due.roles),
            Event::RunRequested(run) => (&run.command, &run.actor, &run.roles),
            _ => return None,
        };
        let root = Root {
            operation,
            actor: actor.clone(),
            // They were valid when they were recorded.
            roles: Roles::of(roles.iter().map(String::as_str)).unwrap_or_else(|_| Roles::none()),
        };
        Some(emit(command, root, targets))
    })
}

/// Returns the operation of the command that follows from an event, if one does.
pub fn operation(event: &Recorded<Event>) -> Option<Uuid> {
    operation_of(&event.event, event.envelope.operation)
}

fn operation_of(event: &Event, operation: Uuid) -> Option<Uuid> {
    match event {
        Event::OccurrenceDue(due) => {
            let occurrence = instant(due.occurrence)?;
            Some(id::occurrence(&due.schedule_id.to_string(), occurrence))
        }
        Event::RunRequested(_) => Some(id::requested_run(operation)),
        _ => None,
    }
}

fn emit(command: &ScheduledCommand, root: Root, targets: &[&'static Contract]) -> Emit {
    let aggregate = &command.aggregate;
    let mut targets = targets.iter();
    let target = targets.find(|target| target.aggregate == aggregate);
    // Data that is no JSON fits no schema.
    let mut data: Value = serde_json::from_str(&command.data).unwrap_or_default();
    let id = command.aggregate_id.clone().unwrap_or_else(|| {
        let own = id::aggregate(aggregate, &root.operation.to_string()).to_string();
        if let (Some(field), Some(data)) = (&command.id_field, data.as_object_mut()) {
            data.insert(field.clone(), own.clone().into());
        }
        own
    });
    let target = target.copied().unwrap_or(NO_TARGET);
    let emit = Emit::of_data(target, id, command.record.clone(), data).as_root(root);
    match command.time_to_live_ms {
        Some(time) => emit.within(chrono::TimeDelta::milliseconds(time)),
        None => emit,
    }
}
