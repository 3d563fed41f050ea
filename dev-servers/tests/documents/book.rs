//! The list of chapters against the pages of the book, which are the documents in `docs/`. Building
//! the book (`./dev book`) finds the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{files, links};

#[test]
fn book_lists_every_page() {
    let mut pages = files("md");
    pages.retain(|path, _| path.starts_with("docs"));
    let summary = pages.remove(Path::new("docs/SUMMARY.md")).unwrap();
    let targets = links::targets(&summary);
    let listed = targets.iter().map(|target| Path::new("docs").join(target));
    let listed: BTreeSet<PathBuf> = listed.collect();
    pages.retain(|page, _| !listed.contains(page));
    let missing: Vec<&PathBuf> = pages.keys().collect();
    assert!(
        missing.is_empty(),
        "docs/SUMMARY.md does not list {missing:?}"
    );
}

#[test]
fn pages_draw_without_a_plug_in() {
    let pages = files("md");
    let wrong: Vec<_> = pages
        .iter()
        .filter(|(path, text)| path.starts_with("docs") && text.contains("```mermaid"))
        .map(|(path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "the book draws no mermaid: {wrong:?}");
}
