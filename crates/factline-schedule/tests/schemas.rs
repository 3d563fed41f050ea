//! Checks that the Rust records of the contract match its schemas.

use std::path::Path;

#[test]
fn records_match_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("src/records.rs");
    factline_codegen::check(&root.join("schemas"), &[], &target).unwrap();
}
