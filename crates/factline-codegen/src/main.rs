//! Writes the Rust side of a contract: see the library. For the first time, when the crate cannot compile without it;
//! later the crate's own test does the same.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Makes src/records.rs of a contract from its .avsc files
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  factline-codegen schemas/catalog --with schemas/money"
)]
struct Config {
    /// The contract's folder: its .avsc files, and src/
    contract: PathBuf,
    /// A folder with records that the contract refers to; may be given several times
    #[arg(long)]
    with: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let with = config.with.iter().map(PathBuf::as_path);
    let folders: Vec<&Path> = std::iter::once(config.contract.as_path())
        .chain(with)
        .collect();
    factline_codegen::write(&folders, &config.contract.join("src/records.rs"))
}
