//! Makes the Rust side of a contract from its Avro schemas.
//!
//! A contract is a folder of `.avsc` files, one record each. This crate turns it into one Rust file: a struct
//! for each record (by `rsgen-avro`), and for each aggregate a module with the enum of its commands and the
//! enum of its events. Which record is what is written in the schema itself, as two attributes:
//!
//! ```json
//! {"type": "record", "name": "RenameProduct", "namespace": "catalog",
//!  "aggregate": "catalog.product", "role": "command", "fields": []}
//! ```
//!
//! The Rust file is committed, so that it can be read and so that a build needs no generator; [`check`], called
//! from a test of the contract's crate, fails when the two have drifted apart. To change a contract: edit the
//! `.avsc`, run the crate's tests with `FACTLINE_WRITE_SCHEMAS=1`, and follow the compiler. A new contract, whose crate
//! cannot compile yet, gets its first file from the program of this crate's name.
//!
//! It is not a schema registry and judges no compatibility: the registry does.

mod messages;
mod schemas;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The Rust source for all records in `folders`; the first folder is the contract's own, the others hold records
/// that it refers to.
pub fn generate(folders: &[&Path]) -> Result<String> {
    let records = schemas::load(folders)?;
    let mut source = String::from(
        "//! Made from the `.avsc` files beside this crate's manifest; do not edit.\n\
         //! `FACTLINE_WRITE_SCHEMAS=1 cargo test` writes it anew.\n",
    );
    source.push_str(&schemas::structs(&records)?);
    source.push_str(&messages::modules(&records)?);
    format(&source)
}

/// Fails with the command that mends it when `target` is not what [`generate`] makes of `folders`; writes it
/// instead when the environment says `FACTLINE_WRITE_SCHEMAS=1`.
pub fn check(folders: &[&Path], target: &Path) -> Result<()> {
    if std::env::var_os("FACTLINE_WRITE_SCHEMAS").is_some() {
        return write(folders, target);
    }
    let made = generate(folders)?;
    let present = std::fs::read_to_string(target).unwrap_or_default();
    if present != made {
        bail!(
            "{} is not what the schemas say; run the tests of this crate once with FACTLINE_WRITE_SCHEMAS=1",
            target.display()
        );
    }
    Ok(())
}

/// For the build script of an application that would rather not commit the Rust file: writes `records.rs` to `OUT_DIR`, to
/// be included at the top of a module, and has cargo watch the folders.
pub fn build(folders: &[&str]) -> Result<()> {
    let paths: Vec<&Path> = folders.iter().map(Path::new).collect();
    let output =
        std::env::var_os("OUT_DIR").context("OUT_DIR is not set; call this from a build script")?;
    let made = generate(&paths)?;
    // An included file cannot document the module that includes it.
    let items: Vec<&str> = made
        .lines()
        .skip_while(|line| line.starts_with("//!"))
        .collect();
    for folder in folders {
        println!("cargo::rerun-if-changed={folder}");
    }
    let target = Path::new(&output).join("records.rs");
    std::fs::write(&target, items.join("\n"))
        .with_context(|| format!("cannot write {}", target.display()))
}

/// Writes what [`generate`] makes of `folders` to `target`.
pub fn write(folders: &[&Path], target: &Path) -> Result<()> {
    std::fs::write(target, generate(folders)?)
        .with_context(|| format!("cannot write {}", target.display()))
}

/// Runs the text through `rustfmt`, so that the committed file passes the format check.
fn format(source: &str) -> Result<String> {
    use std::io::Write as _;
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt")?;
    let mut stdin = child
        .stdin
        .take()
        .context("rustfmt has no standard input")?;
    stdin.write_all(source.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt refused the generated source");
    }
    Ok(String::from_utf8(output.stdout)?)
}
