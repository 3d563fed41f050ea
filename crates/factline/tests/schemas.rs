//! The Rust records of the kit, and of the README's example, are what their schemas say.

use std::path::Path;

#[test]
fn records_are_made_from_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    factline_codegen::check(&[&root.join("schemas")], &root.join("src/records.rs")).unwrap();
}

/// As a build script would make them: to be included in a module, so without documentation of their own.
#[test]
fn the_readmes_records_are_made_from_their_schemas() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library");
    let made = factline_codegen::generate(&[&folder]).unwrap();
    let made: Vec<&str> = made
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .collect();
    let (made, target) = (made.join("\n") + "\n", folder.join("records.rs"));
    if std::env::var_os("FACTLINE_WRITE_SCHEMAS").is_some() {
        std::fs::write(&target, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&target).unwrap(), made);
}
