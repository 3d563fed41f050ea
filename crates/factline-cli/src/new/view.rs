//! `factline new view`: a document for each aggregate.

use anyhow::{Result, ensure};
use clap::Args;

use super::application::{Folder, add_module, add_part};
use super::names::Name;
use super::plan::Plan;
use super::template::{Values, template};

/// Create a view: a document for each aggregate, folded from its events, and a test
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new view histories --of item")]
pub(crate) struct Options {
    /// Name of the view, plural
    name: Name,
    /// The aggregate whose events the view follows
    #[arg(long)]
    of: Name,
    #[command(flatten)]
    folder: Folder,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let application = options.folder.open("view")?;
    let aggregate = application.aggregate(&options.of)?;
    ensure!(
        !aggregate.events.is_empty(),
        "the aggregate {} has no events yet",
        aggregate.short_name()
    );
    let events: Vec<String> = aggregate
        .events
        .iter()
        .map(|event| format!("Event::{}(_)", event.name.0))
        .collect();
    let values = values(&application.values(), &options.name)
        .with_name("aggregate", &options.of)
        .with("events", events.join(" | "))
        .with("event", aggregate.events[0].expression(None)?);
    let mut plan = application.plan();
    add(&mut plan, &values, template!("view/view.rs"))?;
    plan.write()?;
    plan.report(
        &values.fill("The view {view words} is there."),
        &[
            "cargo test {view}",
            "edit the document and `apply` in src/{view}.rs",
            "factline new resource {view-}",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}

/// Returns the values with those of a view.
pub(super) fn values(values: &Values, name: &Name) -> Values {
    values
        .clone()
        .with_name("view", name)
        .with_name("document", &name.singular())
}

/// Adds the view of these values, with this text.
pub(super) fn add(plan: &mut Plan, values: &Values, text: &str) -> Result<()> {
    plan.create(&values.fill("src/{view}.rs"), values.fill(text))?;
    add_module(plan, &values.fill("{view}"))?;
    add_part(plan, &values.fill(".documents::<{view}::{Document}>()"))
}
