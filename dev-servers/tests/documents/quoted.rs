//! Code in documents against the files that it is quoted from.
//!
//! A block of code that names a file, such as ```` ```rust,file=examples/a/src/b.rs ````, occurs in
//! that file. Paths are relative to the root; those of the tutorial are relative to its example. A
//! block may be indented less than the file. A line that consists of `…`, alone or in a comment,
//! stands for lines that are left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{files, root};

/// The tutorial, and the example that it builds.
const TUTORIAL: &str = "docs/tutorial";
const EXAMPLE: &str = "examples/course-subscriptions";

/// Languages of files. In the tutorial, each of their blocks names its file.
const OF_FILES: [&str; 4] = ["rust", "json", "sql", "toml"];

/// Columns by which a file is indented more than a block, at most.
const MOST_COLUMNS: usize = 16;

/// A block of code.
struct Block<'a> {
    /// The number of its first line.
    line: usize,
    language: &'a str,
    file: Option<&'a str>,
    code: Vec<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    // The open block, with the columns of its fence.
    let mut open: Option<(Block, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let unindented = line.trim_start();
        match (unindented.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let mut info = info.split(',');
                let block = Block {
                    line: index + 2,
                    language: info.next().unwrap_or_default(),
                    file: info.find_map(|part| part.strip_prefix("file=")),
                    code: Vec::new(),
                };
                open = Some((block, line.len() - unindented.len()));
            }
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(block, _)| block)),
            (None, Some((block, columns))) => {
                let columns = (*columns).min(line.len() - unindented.len());
                block.code.push(&line[columns..]);
            }
            (None, None) => {}
        }
    }
    blocks
}

fn is_ellipsis(line: &str) -> bool {
    line.trim().trim_start_matches(['/', '-', '#']).trim() == "…"
}

/// Returns true if the lines occur in the file, each part after the one before.
fn occurs(code: &[&str], file: &str) -> bool {
    let mut rest = format!("\n{}\n", file.trim_end());
    for part in code.split(|line| is_ellipsis(line)) {
        let lines = part.iter().copied().skip_while(|line| line.is_empty());
        let lines: Vec<&str> = lines.collect();
        let Some(found) = (0..=MOST_COLUMNS).find_map(|columns| {
            let indented = lines.iter().map(|line| {
                if line.is_empty() {
                    String::new()
                } else {
                    format!("{}{line}", " ".repeat(columns))
                }
            });
            let part = indented.collect::<Vec<_>>().join("\n");
            let part = format!("\n{}\n", part.trim_end());
            Some(rest.find(&part)? + part.len() - 1)
        }) else {
            return false;
        };
        rest.drain(..found);
    }
    true
}

/// Returns what is wrong with a block, if anything.
fn wrong(document: &Path, block: &Block) -> Option<String> {
    let place = format!("{}:{}", document.display(), block.line);
    let is_tutorial = document.starts_with(TUTORIAL);
    let Some(file) = block.file else {
        return (is_tutorial && OF_FILES.contains(&block.language)).then(|| {
            format!(
                "{place}: names no file; write ```{},file=..",
                block.language
            )
        });
    };
    let base = if is_tutorial { EXAMPLE } else { "" };
    let path = root().join(base).join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Some(format!("{place}: there is no {file}"));
    };
    (!occurs(&block.code, &text)).then(|| format!("{place}: {file} does not contain this code"))
}

#[test]
fn code_in_documents_is_code_of_the_files_that_it_names() {
    let documents: BTreeMap<PathBuf, String> = files("md");
    let named = |text: &str| {
        blocks(text)
            .iter()
            .filter(|block| block.file.is_some())
            .count()
    };
    let in_tutorial = documents
        .iter()
        .filter(|(path, _)| path.starts_with(TUTORIAL));
    let count: usize = in_tutorial.map(|(_, text)| named(text)).sum();
    assert!(count >= 10, "the tutorial quotes {count} blocks");
    let wrong = documents.iter().flat_map(|(path, text)| {
        let blocks = blocks(text).into_iter();
        blocks.filter_map(move |block| wrong(path, &block))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn blocks_are_parsed_with_their_files() {
    let text = "a\n  ```rust,file=src/a.rs\n  fn a() {\n    }\n  ```\n```console\n$ b\n```\n";
    let blocks = blocks(text);
    let found: Vec<_> = blocks
        .iter()
        .map(|block| (block.line, block.language, block.file, &block.code[..]))
        .collect();
    assert_eq!(
        found,
        [
            (3, "rust", Some("src/a.rs"), &["fn a() {", "  }"][..]),
            (7, "console", None, &["$ b"][..])
        ]
    );
}

#[test]
fn code_occurs_as_whole_lines_in_order() {
    let file = "impl A {\n    fn a() {\n        b();\n\n        c();\n    }\n}\n";
    let occurs = |code: &str| occurs(&code.lines().collect::<Vec<_>>(), file);
    assert!(occurs("fn a() {\n    b();\n\n    c();\n}") && occurs("b();"));
    assert!(occurs("impl A {\n    // …\n        c();\n…\n}"));
    assert!(!occurs("b()") && !occurs("b();\nc();") && !occurs("c();\n…\nb();"));
}
