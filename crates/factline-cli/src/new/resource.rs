//! `factline new resource`: the routes that serve a view.

use anyhow::{Result, ensure};
use clap::Args;

use super::application::Folder;
use super::names::Name;
use super::plan::{Place, Plan};
use super::template::{Values, template};
use super::view;

/// Create a resource: the routes of a view, for one document and for the list of all
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new resource histories")]
pub(crate) struct Options {
    /// The view that it serves
    name: Name,
    #[command(flatten)]
    folder: Folder,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let application = options.folder.open("resource")?;
    let values = view::values(&application.values(), &options.name);
    let mut plan = application.plan();
    let path = values.fill("src/{view}.rs");
    ensure!(
        plan.text(&path)
            .is_ok_and(|text| text.contains("impl Document for")),
        "{path} has no document to serve; factline new view {} creates one",
        options.name.kebab()
    );
    add(&mut plan, &values)?;
    plan.write()?;
    plan.report(
        &values.fill("The resource {view words} is there, with GET /{view-} and GET /{view-}/ID."),
        &[
            "cargo test {view}",
            "./dev up, then browse localhost:8080/docs",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}

/// Adds the resource to the view with these values.
fn add(plan: &mut Plan, values: &Values) -> Result<()> {
    let path = values.fill("src/{view}.rs");
    plan.insert(
        &path,
        Place::Before("#[cfg(test)]\n"),
        &values.fill(template!("resource/resource.rs")),
    )?;
    let imports = "\nuse factline_app::{Id, Resource, Rows, Sort, asc};";
    plan.insert(&path, Place::Before("\nuse serde::"), imports)?;
    serve(plan, values)
}

/// Adds the resource of a view to those that the application serves.
pub(super) fn serve(plan: &mut Plan, values: &Values) -> Result<()> {
    let resource = values.fill("{view}::RESOURCE, ");
    plan.insert("src/main.rs", Place::After("&[Resource] = &["), &resource)
}
