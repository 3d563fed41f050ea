//! The published crates as packages, and a source that has them beside their dependencies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// A folder with every crate that a project can depend on.
#[derive(Debug)]
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Returns true if the package of a published crate has this file.
    pub(crate) fn has(&self, name: &str, file: &str) -> bool {
        let folder = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        self.folder.join(folder).join(file).is_file()
    }

    /// Returns a configuration of cargo with this folder as the only source of crates. It has
    /// precedence over a mirror in the configuration of the user.
    pub(crate) fn configuration(&self) -> String {
        format!(
            "[source.crates-io]\nreplace-with = \"packages\"\n\n[source.packages]\ndirectory = \"{}\"\n",
            self.folder.display()
        )
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().unwrap_or(folder)
}

/// The folder for files of these tests, which cargo keeps.
pub(crate) fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Returns the names of the published crates.
pub(crate) fn published() -> Vec<String> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let published = packages.filter(|package| package["publish"].is_null());
    let names: Vec<String> = published
        .map(|package| package["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        names.iter().all(|name| name.starts_with("factline")),
        "{names:?}"
    );
    names
}

/// Returns the one set of packages of this test process.
pub(crate) fn unpacked() -> &'static Packages {
    static UNPACKED: OnceLock<Packages> = OnceLock::new();
    UNPACKED.get_or_init(unpack)
}

fn unpack() -> Packages {
    let folder = vendored();
    let target = scratch().join("packaging");
    let published = published();
    let mut arguments = vec!["package", "--locked", "--no-verify", "--allow-dirty"];
    let target_text = target.display().to_string();
    arguments.extend(["--target-dir", &target_text]);
    arguments.extend(published.iter().flat_map(|name| ["--package", name]));
    cargo(&arguments);
    for name in &published {
        let package = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let unpacked = folder.join(&package);
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked).unwrap();
        }
        let archive = target.join("package").join(format!("{package}.crate"));
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(&folder);
        assert!(tar.status().unwrap().success(), "{}", archive.display());
        let checksum = json!({"files": {}}).to_string();
        fs::write(unpacked.join(".cargo-checksum.json"), checksum).unwrap();
    }
    Packages { folder }
}

/// Returns a folder with all dependencies of the workspace. It is made again when they change.
fn vendored() -> PathBuf {
    let folder = scratch().join("vendored");
    let known = scratch().join("vendored.lock");
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    if fs::read_to_string(&known).is_ok_and(|known| known == lock) {
        return folder;
    }
    let text = folder.display().to_string();
    cargo(&["vendor", "--locked", "--quiet", "--versioned-dirs", &text]);
    fs::write(known, lock).unwrap();
    folder
}

/// Runs cargo in the workspace and returns its output.
fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments).current_dir(root()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
