//! `factline new aggregate`: schemas, a route, rules and their tests.

use anyhow::{Result, ensure};
use clap::Args;

use super::application::{Application, Folder, add_module, add_part};
use super::names::Name;
use super::plan::Plan;
use super::template::{Values, template};

/// Create an aggregate: a command, an event, a route, the rules, and their tests
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new aggregate parcel")]
pub(crate) struct Options {
    /// Name of the aggregate, singular
    name: Name,
    #[command(flatten)]
    folder: Folder,
}

/// Path in the project, and text, both as templates.
const FILES: [(&str, &str); 3] = [
    (
        "schemas/{aggregate}.avsc",
        template!("aggregate/messages.avsc"),
    ),
    (
        "schemas/{aggregate}.json",
        template!("aggregate/routes.json"),
    ),
    ("src/{aggregate}.rs", template!("aggregate/aggregate.rs")),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let application = options.folder.open("aggregate")?;
    let name = &options.name;
    let known = application.aggregates()?;
    ensure!(
        known.iter().all(|known| known.module() != name.snake()),
        "the schemas already have an aggregate {}",
        name.kebab()
    );
    let values = values(&application, name);
    let mut plan = application.plan();
    add(&mut plan, &values)?;
    plan.write()?;
    plan.report(
        &values.fill("The aggregate {aggregate words} is there, with PUT /{aggregates-}/ID."),
        &[
            "cargo test {aggregate}",
            "edit schemas/{aggregate}.avsc, then the rules in src/{aggregate}.rs",
            "factline new view {aggregates-} --of {aggregate-}",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}

/// Returns the values of an aggregate's templates.
pub(super) fn values(application: &Application, name: &Name) -> Values {
    application
        .values()
        .with_name("aggregate", name)
        .with_name("aggregates", &name.plural())
}

/// Adds the aggregate of these values.
pub(super) fn add(plan: &mut Plan, values: &Values) -> Result<()> {
    for (path, text) in FILES {
        plan.create(&values.fill(path), values.fill(text))?;
    }
    add_module(plan, &values.fill("{aggregate}"))?;
    add_part(
        plan,
        &values.fill(".aggregate::<{aggregate}::{Aggregate}>()"),
    )
}
