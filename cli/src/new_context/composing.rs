//! The four lines that are added to existing files.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::names::Names;

/// A line of a composing file, and the text after which it is inserted.
struct Insertion {
    file: &'static str,
    before: &'static str,
    line: &'static str,
}

const LINES: [Insertion; 4] = [
    Insertion {
        file: "schemas/Cargo.toml",
        before: "[dependencies]\n",
        line: "{context}-schemas = { path = \"{context}\" }\n",
    },
    Insertion {
        file: "schemas/src/lib.rs",
        before: "pub const ALL: &[&Contract] = &[",
        line: "&{context}_schemas::{AGGREGATE}, ",
    },
    Insertion {
        file: "command-handlers/Cargo.toml",
        before: "[dependencies]\n",
        line: "{context} = { path = \"{context}\" }\n",
    },
    Insertion {
        file: "command-handlers/src/contexts.rs",
        before: "vec![\n",
        line: "hosted::<{context}::{Aggregate}>(),\n",
    },
];

/// Returns the composing files with the context's lines inserted. Writes nothing.
pub(super) fn compose(root: &Path, names: &Names) -> Result<Vec<(PathBuf, String)>> {
    let mut composed = Vec::new();
    for Insertion { file, before, line } in LINES {
        let path = root.join(file);
        let text = read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}: is this the project's folder?",
                path.display()
            )
        })?;
        let line = names.fill(line);
        ensure!(
            !text.contains(line.trim()),
            "{file} already has the line of {}",
            names.context
        );
        let at = text
            .find(before)
            .with_context(|| format!("{file} has no {before:?}: add this line by hand: {line}"))?;
        let (head, tail) = text.split_at(at + before.len());
        composed.push((path, format!("{head}{line}{tail}")));
    }
    Ok(composed)
}
