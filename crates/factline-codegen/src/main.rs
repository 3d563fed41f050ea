//! Writes the Rust side of a contract; see the library. It is needed for the first time, when the
//! crate cannot compile without the file. Later the crate's own test does the same.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use factline_codegen::Shared;

/// Generates src/records.rs of a contract from its .avsc files
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  factline-codegen schemas/catalog --shared money-schemas=schemas/money"
)]
struct Config {
    /// The contract's folder: its .avsc files, and src/
    contract: PathBuf,
    /// A crate with records that the contract refers to, and the folder of their .avsc files; may
    /// be given several times
    #[arg(long, value_name = "CRATE=FOLDER")]
    shared: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let shared = config.shared.iter().map(|shared| {
        let (crate_name, folder) = shared
            .split_once('=')
            .with_context(|| format!("--shared {shared} is not CRATE=FOLDER"))?;
        let folder = Path::new(folder);
        Ok(Shared { crate_name, folder })
    });
    let shared = shared.collect::<anyhow::Result<Vec<_>>>()?;
    let target = config.contract.join("src/records.rs");
    factline_codegen::write(&config.contract, &shared, &target)
}
