//! `factline new context`: the skeleton of a context, and the four lines that compose it into the store.
//!
//! What it writes is what CONTRIBUTING describes; the texts are the files in `templates/`. A change of the house's
//! shape is a change there, and the test that builds a skeleton says whether it still fits.

mod composing;
mod names;
mod skeleton;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};

use self::names::Names;

/// Writes the beginning of something new
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline new context shipping --aggregate parcel\n  cargo test -p shipping -p shipping-schemas"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A context: schemas, rules, tests, and the lines that compose it into the store
    #[command(after_help = "Example:\n  factline new context shipping --aggregate parcel")]
    Context {
        /// Its name: lower-case letters and digits
        name: String,
        /// Its first aggregate, singular; without it the context's name
        #[arg(long)]
        aggregate: Option<String>,
        /// The project's folder
        #[arg(long, default_value = ".")]
        root: PathBuf,
    },
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let What::Context {
        name,
        aggregate,
        root,
    } = &options.what;
    let names = Names::new(name, aggregate.as_deref().unwrap_or(name))?;
    // All that can go wrong is looked at before anything is written.
    let composed = composing::compose(root, &names)?;
    let mut rust = skeleton::write(root, &names)?;
    for (path, text) in composed {
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        rust.push(path);
    }
    rust.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let formatted = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .args(&rust)
        .status()
        .context("cannot start rustfmt")?;
    ensure!(formatted.success(), "rustfmt refuses what was written");
    eprintln!(
        "The context {name} is there. Next:\n  cargo test -p {name} -p {name}-schemas\n  edit schemas/{name}/*.avsc, \
         then FACTLINE_WRITE_SCHEMAS=1 cargo test -p {name}-schemas"
    );
    Ok(())
}
