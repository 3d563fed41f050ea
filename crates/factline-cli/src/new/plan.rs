//! The files that a skeleton creates and changes. All checks run before anything is written.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// The place of an insertion in a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// After the first occurrence of this text.
    After(&'a str),
    /// Before the first occurrence of this text.
    Before(&'a str),
    /// Before the last occurrence of this text.
    BeforeLast(&'a str),
}

/// Files by path, and lines that must be added by hand.
#[derive(Debug)]
pub(super) struct Plan {
    root: PathBuf,
    files: BTreeMap<String, String>,
    by_hand: Vec<String>,
}

impl Plan {
    /// Creates a plan that changes nothing yet. Paths are relative to `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
            by_hand: Vec::new(),
        }
    }

    /// Creates a file, which must not exist.
    pub(super) fn create(&mut self, path: &str, text: String) -> Result<()> {
        let file = self.root.join(path);
        ensure!(!file.exists(), "{} already exists", file.display());
        self.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// Inserts a text into a file. If the file does not have the place, the text is printed as a
    /// line to add by hand.
    pub(super) fn insert(&mut self, path: &str, place: Place<'_>, text: &str) -> Result<()> {
        let current = self.text(path)?;
        let added = text.trim();
        ensure!(!current.contains(added), "{path} already has {added:?}");
        let at = match place {
            Place::After(anchor) => current.find(anchor).map(|at| at + anchor.len()),
            Place::Before(anchor) => current.find(anchor),
            Place::BeforeLast(anchor) => current.rfind(anchor),
        };
        if let Some(at) = at {
            let (head, tail) = current.split_at(at);
            self.files
                .insert(path.to_owned(), format!("{head}{text}{tail}"));
        } else {
            self.by_hand.push(format!("add to {path}: {added}"));
        }
        Ok(())
    }

    /// Returns the text of a file as the plan leaves it.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        if let Some(text) = self.files.get(path) {
            return Ok(text.clone());
        }
        let file = self.root.join(path);
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    }

    /// Writes all files.
    pub(super) fn write(&self) -> Result<()> {
        for (path, text) in &self.files {
            let path = self.root.join(path);
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            let text = if is_rust {
                formatted(text).with_context(|| format!("cannot format {}", path.display()))?
            } else {
                text.clone()
            };
            write(&path, &text)?;
        }
        Ok(())
    }

    /// Prints the result and the next steps. The lines that must be added by hand come first.
    pub(super) fn report(&self, done: &str, next: &[String]) {
        println!("{done}\n\nNext:");
        for step in self.by_hand.iter().chain(next) {
            println!("  {step}");
        }
    }
}

/// Writes a file and its folders. A script becomes executable.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    if text.starts_with("#!") {
        fs::set_permissions(path, Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", path.display()))?;
    }
    Ok(())
}

/// Formats a text with `rustfmt`. Without it the text stays as it is, and compiles as well.
fn formatted(text: &str) -> Result<String> {
    let rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut rustfmt) = rustfmt else {
        return Ok(text.to_owned());
    };
    if let Some(mut stdin) = rustfmt.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    let output = rustfmt.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt refuses the text");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_inserted_at_their_places_or_listed() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.rs"), "mod b;\nfn main() {}\n}\n").unwrap();
        let mut plan = Plan::new(root.path());
        plan.insert("a.rs", Place::Before("mod "), "mod a;\n")
            .unwrap();
        plan.insert("a.rs", Place::After("fn main() {"), "x")
            .unwrap();
        plan.insert("a.rs", Place::BeforeLast("}"), "y").unwrap();
        plan.insert("a.rs", Place::After("nowhere"), "z").unwrap();
        let text = plan.text("a.rs").unwrap();
        assert_eq!(text, "mod a;\nmod b;\nfn main() {x}\ny}\n");
        assert_eq!(plan.by_hand, ["add to a.rs: z"]);
        assert!(
            plan.insert("a.rs", Place::Before("mod "), "mod a;\n")
                .is_err()
        );
        assert!(plan.create("a.rs", String::new()).is_err());
        let untouched = fs::read_to_string(root.path().join("a.rs")).unwrap();
        assert_eq!(untouched, "mod b;\nfn main() {}\n}\n");
    }
}
