//! The Rust records of the contract match its schemas.

use std::path::Path;

use factline_codegen::Shared;

#[test]
fn records_match_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let money = Shared {
        crate_name: "money-schemas",
        folder: &root.join("../money"),
    };
    factline_codegen::check(root, &[money], &root.join("src/records.rs")).unwrap();
}
