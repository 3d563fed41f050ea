//! The four lines in files that are there.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::names::Names;

/// A line of a composing file, and what stands before the list that it belongs to.
struct Place {
    file: &'static str,
    before: &'static str,
    line: &'static str,
}

const LINES: [Place; 4] = [
    Place {
        file: "schemas/Cargo.toml",
        before: "[dependencies]\n",
        line: "{context}-schemas = { path = \"{context}\" }\n",
    },
    Place {
        file: "schemas/src/lib.rs",
        before: "pub const ALL: &[&Contract] = &[",
        line: "&{context}_schemas::{AGGREGATE}, ",
    },
    Place {
        file: "command-handlers/Cargo.toml",
        before: "[dependencies]\n",
        line: "{context} = { path = \"{context}\" }\n",
    },
    Place {
        file: "command-handlers/src/contexts.rs",
        before: "vec![\n",
        line: "hosted::<{context}::{Aggregate}>(&{context}::{AGGREGATE}),\n",
    },
];

/// The composing files with the context's lines, not written yet.
pub(super) fn compose(root: &Path, names: &Names) -> Result<Vec<(PathBuf, String)>> {
    let mut composed = Vec::new();
    for Place { file, before, line } in LINES {
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
            "{file} has the line of {} already",
            names.context
        );
        let at = text
            .find(before)
            .with_context(|| format!("{file} has no {before:?}: write its line by hand: {line}"))?;
        let (head, tail) = text.split_at(at + before.len());
        composed.push((path, format!("{head}{line}{tail}")));
    }
    Ok(composed)
}
