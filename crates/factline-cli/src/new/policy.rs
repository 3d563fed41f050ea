//! `factline new policy`: a command to another aggregate whenever an event has happened.

use anyhow::{Context as _, Result};
use clap::Args;

use super::application::{Application, Folder, add_module, add_part};
use super::messages::{Aggregate, Message};
use super::names::{Name, RecordName};
use super::template::{Values, template};

/// Create a policy: a command that is sent whenever an event has happened, and a test
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  factline new policy dispatch --on ItemCreated --send CreateParcel"
)]
pub(crate) struct Options {
    /// Name of the policy; it must never change
    name: Name,
    /// The event that the policy reacts to
    #[arg(long)]
    on: RecordName,
    /// The command that it sends, to the aggregate with the same id
    #[arg(long)]
    send: RecordName,
    #[command(flatten)]
    folder: Folder,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let application = options.folder.open("policy")?;
    let (source, event) = find(&application, &options.on, |aggregate| &aggregate.events)?;
    let (target, command) = find(&application, &options.send, |aggregate| &aggregate.commands)?;
    let variable = if command.shares_a_field_with(&event) {
        "event"
    } else {
        "_"
    };
    let values = Values::default()
        .with_name("policy", &options.name)
        .with("source", source.module())
        .with("modules", modules(&source, &target))
        .with("target", target.module())
        .with("Event", &event.name.0)
        .with("event words", event.name.snake())
        .with("command words", command.name.snake())
        .with("variable", variable)
        .with("happened", event.expression(None)?)
        .with("sent", command.expression(Some(("event", &event)))?)
        .with("expected", command.expression(None)?);
    let mut plan = application.plan();
    plan.create(
        &values.fill("src/{policy}.rs"),
        values.fill(template!("policy/policy.rs")),
    )?;
    add_module(&mut plan, &options.name.snake())?;
    add_part(&mut plan, &values.fill(".policy::<{policy}::{Policy}>()"))?;
    plan.write()?;
    plan.report(
        &values.fill("The policy {policy words} is there."),
        &[
            "cargo test {policy}",
            "edit the id and the fields of the command in src/{policy}.rs",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}

/// Returns the modules of the source's and the target's messages, for one `use`.
fn modules(source: &Aggregate, target: &Aggregate) -> String {
    if source.name == target.name {
        format!("{}::{{self, Event}}", source.module())
    } else {
        format!("{}, {}::{{self, Event}}", target.module(), source.module())
    }
}

/// Returns a message with its aggregate.
pub(super) fn find(
    application: &Application,
    name: &RecordName,
    kind: fn(&Aggregate) -> &Vec<Message>,
) -> Result<(Aggregate, Message)> {
    let all = application.aggregates()?;
    let messages = |aggregate: &Aggregate| kind(aggregate).clone();
    let known: Vec<String> = all
        .iter()
        .flat_map(messages)
        .map(|message| message.name.0)
        .collect();
    let found = all.into_iter().find_map(|aggregate| {
        let message = kind(&aggregate)
            .iter()
            .find(|message| message.name == *name)?
            .clone();
        Some((aggregate, message))
    });
    found.with_context(|| format!("no schema has {}; there are: {}", name.0, known.join(", ")))
}
