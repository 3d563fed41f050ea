//! `factline new command`: a command of an aggregate, and the event that follows from it.

use anyhow::{Result, ensure};
use clap::Args;

use super::application::{Application, Folder};
use super::messages::{Aggregate, Message};
use super::names::{Name, RecordName};
use super::plan::{Place, Plan};
use super::template::{Values, template};

/// Create a command with its event: schemas, a route, the cases of the rules, and a test
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new command RenameItem --of item --event ItemRenamed")]
pub(crate) struct Options {
    /// Name of the command, in the imperative
    name: RecordName,
    /// The aggregate that decides the command
    #[arg(long)]
    of: Name,
    /// Name of the event that follows from it, in the past tense
    #[arg(long)]
    event: RecordName,
    #[command(flatten)]
    folder: Folder,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { name, event, .. } = options;
    let application = options.folder.open("command")?;
    let aggregate = application.aggregate(&options.of)?;
    refuse_known(&application, [name, event])?;
    let values = application
        .values()
        .with("aggregate", aggregate.module())
        .with("aggregate name", aggregate.short_name())
        .with("Aggregate", options.of.pascal())
        .with("aggregates-", options.of.plural().kebab())
        .with("Command", &name.0)
        .with("command", name.snake())
        .with("command-", name.snake().replace('_', "-"))
        .with("Event", &event.0);
    let mut plan = application.plan();
    plan.create(
        &values.fill("schemas/{Command}.avsc"),
        values.fill(template!("command/messages.avsc")),
    )?;
    add_route(&mut plan, &values)?;
    add_cases(&mut plan, &values)?;
    let source = values.fill("type Source = {aggregate}::Type;");
    for module in application.modules_with(&source)? {
        if plan.text(&module)?.contains(EVENTS) {
            let case = values.fill("\nEvent::{Event}(_) => {}");
            plan.insert(&module, Place::After(EVENTS), &case)?;
        }
    }
    plan.write()?;
    plan.report(
        &values.fill("The command {Command} is there, with PUT /{aggregates-}/ID/{command-}."),
        &[
            "cargo test {command}",
            "give the records in schemas/{Command}.avsc their fields",
            "edit the cases of {Command} and {Event} in src/{aggregate}.rs and in the views",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}

/// The text after which a view has a case for each event.
const EVENTS: &str = "match &event.event {";

fn refuse_known(application: &Application, names: [&RecordName; 2]) -> Result<()> {
    let aggregates = application.aggregates()?;
    let messages = |aggregate: &Aggregate| [&aggregate.commands[..], &aggregate.events].concat();
    let known: Vec<Message> = aggregates.iter().flat_map(messages).collect();
    for name in names {
        ensure!(
            known.iter().all(|known| known.name != *name),
            "the schemas already have a record {}",
            name.0
        );
    }
    ensure!(
        names[0] != names[1],
        "command and event need different names"
    );
    Ok(())
}

fn add_route(plan: &mut Plan, values: &Values) -> Result<()> {
    let path = values.fill("schemas/{aggregate}.json");
    let route = values.fill(
        "\n    {\"method\": \"PUT\", \"path\": \"/{aggregates-}/{id}/{command-}\", \
         \"command\": \"{context}.{Command}\", \
         \"id\": {\"from\": \"path\", \"pattern\": \"[A-Za-z0-9-]{1,40}\"}},",
    );
    plan.insert(&path, Place::After("\"routes\": ["), &route)
}

/// Adds the command and its event to the rules, and a test.
fn add_cases(plan: &mut Plan, values: &Values) -> Result<()> {
    let path = values.fill("src/{aggregate}.rs");
    let cases = [
        (
            Place::After("match (self, command) {"),
            "\n(_, Command::{Command}(_)) => Ok(Decision::event(crate::records::{Event} {})),",
        ),
        (
            Place::After("match (self, event) {"),
            "\n(state, Event::{Event}(_)) => state,",
        ),
        (Place::BeforeLast("}"), template!("command/test.rs")),
    ];
    for (place, text) in cases {
        plan.insert(&path, place, &values.fill(text))?;
    }
    Ok(())
}
