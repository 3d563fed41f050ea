//! Checks that the Rust records of the crate, and of the README's example, match their schemas.

use std::path::Path;

#[test]
fn records_match_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("src/records.rs");
    factline_codegen::check(&root.join("schemas"), &[], &target).unwrap();
}

/// The README includes the records in a module, as an application does.
#[test]
fn readme_records_match_their_schemas() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library");
    let target = folder.join("records.rs");
    factline_codegen::check_included(&folder, &[], &target).unwrap();
}
