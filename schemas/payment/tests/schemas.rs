//! The Rust records of the contract are what its schemas say.

use std::path::Path;

#[test]
fn records_are_made_from_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    factline_codegen::check(
        &[root, &root.join("../money")],
        &root.join("src/records.rs"),
    )
    .unwrap();
}
