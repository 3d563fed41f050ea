//! The Rust record matches its schema.

use std::path::Path;

#[test]
fn record_matches_its_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    factline_codegen::check(root, &[], &root.join("src/records.rs")).unwrap();
}
