//! `factline new context`: creates the skeleton of a context, and the four lines that add it to the
//! store.
//!
//! The skeleton follows CONTRIBUTING; its texts are the files in `templates/`. To change the
//! structure of contexts, change these files. The test that builds a skeleton checks that they
//! still compile with the rest.

mod composing;
mod names;
mod skeleton;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};

use self::names::Names;

/// Creates the skeleton of a new part of the project
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
    /// Create a context: schemas, rules, tests, and the lines that add it to the store
    #[command(after_help = "Example:\n  factline new context shipping --aggregate parcel")]
    Context {
        /// Name of the context: lower-case letters and digits
        name: String,
        /// Its first aggregate, singular; without it, the context's name
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
    // All checks run before anything is written.
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
    ensure!(formatted.success(), "rustfmt failed on the generated files");
    eprintln!(
        "The context {name} is there. Next:\n  cargo test -p {name} -p {name}-schemas\n  edit schemas/{name}/*.avsc, \
         then FACTLINE_WRITE_SCHEMAS=1 cargo test -p {name}-schemas"
    );
    Ok(())
}
