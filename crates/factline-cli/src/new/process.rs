//! `factline new process`: an aggregate that runs a workflow, with the policies on both sides of
//! it.

use anyhow::{Result, ensure};
use clap::Args;

use super::application::{Folder, add_module, add_part};
use super::names::{Name, RecordName};
use super::policy::find;
use super::template::template;

/// Create a process: an aggregate that runs a workflow over another one, its policies, and tests
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new process delivery --send CreateParcel")]
pub(crate) struct Options {
    /// Name of the process, singular
    name: Name,
    /// The command that it sends to another aggregate, whose outcome ends the process
    #[arg(long)]
    send: RecordName,
    #[command(flatten)]
    folder: Folder,
}

/// Path in the project, and text, both as templates.
const FILES: [(&str, &str); 4] = [
    ("schemas/{process}.avsc", template!("process/messages.avsc")),
    ("schemas/{process}.json", template!("process/routes.json")),
    ("src/{process}.rs", template!("process/process.rs")),
    (
        "src/{process}_policies.rs",
        template!("process/policies.rs"),
    ),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let name = &options.name;
    let application = options.folder.open("process")?;
    let known = application.aggregates()?;
    ensure!(
        known.iter().all(|known| known.module() != name.snake()),
        "the schemas already have an aggregate {}",
        name.kebab()
    );
    let (target, command) = find(&application, &options.send, |aggregate| &aggregate.commands)?;
    let values = application
        .values()
        .with_name("process", name)
        .with_name("processes", &name.plural())
        .with("target", target.module())
        .with("target name", target.short_name())
        .with("Command", &command.name.0)
        .with("command", command.expression(None)?);
    let mut plan = application.plan();
    for (path, text) in FILES {
        plan.create(&values.fill(path), values.fill(text))?;
    }
    for module in ["{process}", "{process}_policies"] {
        add_module(&mut plan, &values.fill(module))?;
    }
    for part in [
        ".aggregate::<{process}::{Process}>()",
        ".policy::<{process}_policies::Requests>()",
        ".policy::<{process}_policies::Answers>()",
    ] {
        add_part(&mut plan, &values.fill(part))?;
    }
    plan.write()?;
    plan.report(
        &values.fill("The process {process words} is there, with PUT /{processes-}/ID."),
        &[
            "cargo test {process}",
            "edit the command that it sends in src/{process}_policies.rs",
            "edit the stages and the time limit in src/{process}.rs",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}
