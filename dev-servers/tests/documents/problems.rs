//! Checks that every problem of a service has its page, and every page its problem.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{files, literals, sources};

/// Titles of problems by slug.
fn in_code() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (path, text) in sources() {
        let constructors: &[&str] = if path.ends_with("factline-http/src/problem.rs") {
            &[
                "Self::new(\n            StatusCode::",
                "Self::new(StatusCode::",
            ]
        } else {
            &["Problem::new("]
        };
        for literals in constructors.iter().flat_map(|call| literals(&text, call)) {
            let [slug, title] = literals[..] else {
                panic!("{}: a problem without slug and title", path.display())
            };
            found.insert(slug.to_owned(), title.to_owned());
        }
    }
    assert!(found.contains_key("not-found") && found.contains_key("read-behind"));
    found
}

#[test]
fn problems_have_complete_pages() {
    let mut pages = files("md");
    pages.retain(|path, _| path.starts_with("docs/problems"));
    let index = pages.remove(Path::new("docs/problems/README.md")).unwrap();
    for (slug, title) in in_code() {
        let path = format!("docs/problems/{slug}.md");
        let page = pages.remove(Path::new(&path));
        let page =
            page.unwrap_or_else(|| panic!("{path} is missing: what it means, what a client does"));
        assert!(
            page.starts_with(&format!("# `{slug}`: {title}\n")),
            "the first line of {path}"
        );
        assert!(
            page.contains(&format!("`https://factline.dev/problems/{slug}`")),
            "{path}: type"
        );
        assert!(page.contains("**What a client does.**"), "{path}");
        assert!(
            index.contains(&format!("[`{slug}`]({slug}.md) | {title} |")),
            "{slug} in the index"
        );
    }
    assert!(
        pages.is_empty(),
        "pages without a problem: {:?}",
        pages.keys()
    );
}
