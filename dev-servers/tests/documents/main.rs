//! Checks the documents against their subjects: links against files and headings, code against the
//! files that it is quoted from, problems and metrics against the code. The tests build and start
//! nothing. To add another kind of document, add a module here.

mod book;
mod links;
mod metrics;
mod mistakes;
mod problems;
mod quoted;
mod rooms;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the root is there")
}

/// Returns the project's files with this extension and their texts, by path from the root. Built,
/// fetched and hidden files are excluded.
fn files(extension: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let root = root();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be listed") {
            let entry = entry.expect("a folder can be listed");
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with('.') || ["target", "node_modules"].contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).expect("a file of the project is text");
                let path = path.strip_prefix(&root).expect("it lies below the root");
                found.insert(path.to_owned(), text);
            }
        }
    }
    found
}

/// The code of processes and crates, without their tests.
fn sources() -> BTreeMap<PathBuf, String> {
    let mut sources = files("rs");
    sources.retain(|path, _| path.components().any(|part| part.as_os_str() == "src"));
    sources
}

/// The string literals that follow each occurrence of `call`, in order.
fn literals<'a>(text: &'a str, call: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    text.match_indices(call).map(move |(at, _)| {
        let rest = &text[at + call.len()..];
        rest.split('"').skip(1).step_by(2).take(2).collect()
    })
}
