//! Preprocessor of the book, for mdBook: links to files outside `docs/` lead to the repository,
//! because these files are no pages of the book. Links between pages stay as they are.
//!
//! mdBook sends `[context, book]` as JSON and reads the book back. The tests of documents check
//! that the linked files exist.

use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Folder of the book in the repository.
const FOLDER: &str = "docs";
/// Branch that links lead to.
const BRANCH: &str = "main";

fn main() -> Result<()> {
    // mdBook first asks whether a renderer is supported, and reads the exit code.
    if std::env::args().nth(1).as_deref() == Some("supports") {
        return Ok(());
    }
    let input: (Value, Value) = serde_json::from_reader(io::stdin().lock())?;
    let (context, mut book) = input;
    let repository = context
        .pointer("/config/output/html/git-repository-url")
        .and_then(Value::as_str)
        .context("book.toml has no git-repository-url")?;
    rewrite_chapters(&mut book, repository);
    serde_json::to_writer(io::stdout().lock(), &book)?;
    Ok(())
}

/// Rewrites the chapters, which are the objects that have a content and a path.
fn rewrite_chapters(book: &mut Value, repository: &str) {
    match book {
        Value::Object(object) => {
            let path = object
                .get("path")
                .and_then(Value::as_str)
                .map(PathBuf::from);
            if let Some((path, Value::String(content))) = path.zip(object.get_mut("content")) {
                *content = rewrite(content, &path, repository);
            }
            for value in object.values_mut() {
                rewrite_chapters(value, repository);
            }
        }
        Value::Array(items) => {
            for item in items {
                rewrite_chapters(item, repository);
            }
        }
        _ => {}
    }
}

/// Rewrites the links of a chapter, outside its blocks of code.
fn rewrite(content: &str, chapter: &Path, repository: &str) -> String {
    let mut in_code = false;
    let lines = content.split_inclusive('\n').map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence {
            return line.to_owned();
        }
        let mut parts = line.split("](");
        let mut rewritten = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (target, rest) = part.split_once(')').unwrap_or((part, ""));
            let target = outside(target, chapter, repository).unwrap_or_else(|| target.to_owned());
            rewritten.extend(["](", &target, ")", rest]);
        }
        rewritten
    });
    lines.collect()
}

/// Returns the address in the repository of a relative link that leaves the book.
fn outside(target: &str, chapter: &Path, repository: &str) -> Option<String> {
    if target.contains("://") || target.starts_with('#') {
        return None;
    }
    let mut path = PathBuf::new();
    let from = Path::new(FOLDER).join(chapter.parent()?);
    for component in from.join(target).components() {
        match component {
            Component::ParentDir => _ = path.pop(),
            other => path.push(other),
        }
    }
    let is_inside = path.starts_with(FOLDER);
    (!is_inside).then(|| format!("{repository}/blob/{BRANCH}/{}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_that_leave_the_book_lead_to_the_repository() {
        let content = "[a](../../crates/a.rs), [b](../b.md#c) and [d](d.md), [e](../../F.md#g).\n\
                       ```\n[a](../../crates/a.rs)\n```\n[w](https://example.org/..)\n";
        let chapter = json!({"Chapter": {"path": "how-to/x.md", "content": content}});
        let mut book = json!({"items": [{"Chapter": {"path": "y.md", "content": "",
            "sub_items": [chapter]}}]});
        rewrite_chapters(&mut book, "https://git/r");
        let found = book.pointer("/items/0/Chapter/sub_items/0/Chapter/content");
        let expected = "[a](https://git/r/blob/main/crates/a.rs), [b](../b.md#c) and [d](d.md), \
                        [e](https://git/r/blob/main/F.md#g).\n\
                        ```\n[a](../../crates/a.rs)\n```\n[w](https://example.org/..)\n";
        assert_eq!(found.and_then(Value::as_str), Some(expected));
    }
}
