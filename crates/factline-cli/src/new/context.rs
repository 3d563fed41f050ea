//! `factline new context`: the skeleton of a context in a project with a crate for each context,
//! and the four lines that add it. The skeleton follows CONTRIBUTING.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use super::names::Name;
use super::plan::{self, Place, Plan};
use super::template::{Values, template};

/// Create a context: schemas, rules, tests, and the lines that add it to the project
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  factline new context shipping --aggregate parcel")]
pub(crate) struct Options {
    /// Name of the context: one word of lower-case letters and digits
    name: Name,
    /// Its first aggregate, singular; without it, the context's name
    #[arg(long)]
    aggregate: Option<Name>,
    /// The project's folder
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Path in the project, and text, both as templates.
const FILES: [(&str, &str); 12] = [
    (
        "schemas/{context}/Cargo.toml",
        template!("context/schemas/manifest.toml"),
    ),
    (
        "schemas/{context}/Create{Aggregate}.avsc",
        template!("context/schemas/command.avsc"),
    ),
    (
        "schemas/{context}/{Aggregate}Created.avsc",
        template!("context/schemas/event.avsc"),
    ),
    (
        "schemas/{context}/{aggregate}.json",
        template!("context/schemas/aggregate.json"),
    ),
    (
        "schemas/{context}/src/lib.rs",
        template!("context/schemas/src/lib.rs"),
    ),
    (
        "schemas/{context}/tests/schemas.rs",
        template!("context/schemas/tests/schemas.rs"),
    ),
    (
        "command-handlers/{context}/Cargo.toml",
        template!("context/rules/manifest.toml"),
    ),
    (
        "command-handlers/{context}/README.md",
        template!("context/rules/README.md"),
    ),
    (
        "command-handlers/{context}/src/lib.rs",
        template!("context/rules/src/lib.rs"),
    ),
    (
        "command-handlers/{context}/src/rejection.rs",
        template!("context/rules/src/rejection.rs"),
    ),
    (
        "command-handlers/{context}/src/{aggregate}.rs",
        template!("context/rules/src/aggregate.rs"),
    ),
    (
        "command-handlers/{context}/src/{aggregate}/tests.rs",
        template!("context/rules/src/aggregate/tests.rs"),
    ),
];

/// File, text after which the line is inserted, and line.
const LINES: [(&str, &str, &str); 4] = [
    (
        "schemas/Cargo.toml",
        "[dependencies]\n",
        "{context}-schemas = { path = \"{context}\" }\n",
    ),
    (
        "schemas/src/lib.rs",
        "pub const ALL: &[&Contract] = &[",
        "&{context}_schemas::{AGGREGATE}, ",
    ),
    (
        "command-handlers/Cargo.toml",
        "[dependencies]\n",
        "{context} = { path = \"{context}\" }\n",
    ),
    (
        "command-handlers/src/lib.rs",
        "vec![\n",
        "HostedAggregate::of::<{context}::{Aggregate}>(),\n",
    ),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { name, root, .. } = options;
    let aggregate = options.aggregate.as_ref().unwrap_or(name);
    for name in [name, aggregate] {
        let is_word = name.snake() == name.kebab();
        ensure!(is_word, "{:?} is not one word", name.kebab());
    }
    ensure!(
        root.join("command-handlers").is_dir() && root.join("schemas/src/lib.rs").is_file(),
        "{} has no crate for each context, so there is no place for another one; a project with one \
         crate gets another aggregate by `factline new aggregate`",
        root.display()
    );
    let values = Values::default()
        .with_name("context", name)
        .with_name("aggregate", aggregate);
    let mut plan = Plan::new(root);
    for (path, text) in FILES {
        plan.create(&values.fill(path), values.fill(text))?;
    }
    for (path, anchor, line) in LINES {
        plan.insert(path, Place::After(anchor), &values.fill(line))?;
    }
    plan.write()?;
    let contract = root.join(values.fill("schemas/{context}"));
    let records = factline_codegen::generate(&contract, &[]).context("cannot generate records")?;
    plan::write(&contract.join("src/records.rs"), &records)?;
    plan.report(
        &values.fill("The context {context} is there."),
        &[
            "cargo test -p {context} -p {context}-schemas",
            "edit schemas/{context}/*.avsc, then FACTLINE_WRITE_SCHEMAS=1 cargo test -p {context}-schemas",
        ]
        .map(|step| values.fill(step)),
    );
    Ok(())
}
