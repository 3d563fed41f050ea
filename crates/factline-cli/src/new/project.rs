//! `factline new project`: a project with one crate, outside any other.

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;

use super::application::Application;
use super::names::Name;
use super::template::template;
use super::{aggregate, resource, view};

/// Create a project: an aggregate, a view, a route, tests, and a script that runs all of it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new project shop && cd shop && ./dev test")]
pub(crate) struct Options {
    /// Name of the project and of its folder, which must not exist
    name: Name,
    /// Its first aggregate, singular
    #[arg(long, default_value = "item")]
    aggregate: Name,
}

/// Path in the project, and text, both as templates.
const FILES: [(&str, &str); 9] = [
    (".gitignore", template!("project/gitignore")),
    ("Cargo.toml", template!("project/manifest.toml")),
    ("README.md", template!("project/README.md")),
    ("build.rs", template!("project/build.rs")),
    ("dev", template!("project/dev")),
    ("examples/dev.rs", template!("project/examples/dev.rs")),
    ("src/main.rs", template!("project/src/main.rs")),
    ("src/records.rs", template!("project/src/records.rs")),
    ("tests/app.rs", template!("project/tests/app.rs")),
];

/// The names of crates that the project uses, which it cannot have itself.
const DEPENDENCIES: [&str; 4] = ["serde", "thiserror", "tokio", "utoipa"];

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { name, aggregate } = options;
    let folder = name.kebab();
    ensure!(
        !DEPENDENCIES.contains(&folder.as_str()) && !folder.starts_with("factline"),
        "{folder:?} is not a valid name: the project depends on a crate of this name"
    );
    let root = Path::new(&folder);
    ensure!(!root.exists(), "{folder} already exists");
    let application = Application::to_create(root, name);
    let values = aggregate::values(&application, aggregate)
        .with_name("project", name)
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("rust", env!("CARGO_PKG_RUST_VERSION"));
    let values = view::values(&values, &aggregate.plural());
    let mut plan = application.plan();
    for (path, text) in FILES {
        plan.create(&values.fill(path), values.fill(text))?;
    }
    aggregate::add(&mut plan, &values)?;
    view::add(&mut plan, &values, template!("project/src/view.rs"))?;
    resource::serve(&mut plan, &values)?;
    plan.write()?;
    plan.report(
        &format!("The project {folder} is there."),
        &[
            format!("cd {folder}"),
            "./dev test   # the first build takes a few minutes".to_owned(),
            "./dev up     # then try the requests in README.md".to_owned(),
        ],
    );
    Ok(())
}
