//! The published crates as packages, and the source of crates that consists of them.

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

    /// Returns a configuration of cargo in which the published crates are these packages. All other
    /// crates come from where the machine gets them, such as a mirror.
    pub(crate) fn configuration(&self) -> String {
        let patches = published()
            .into_iter()
            .map(|name| format!("{name} = {{ version = \"*\", registry = \"packages\" }}\n"));
        format!(
            "[registries.packages]\nindex = \"{INDEX}\"\n\n\
             [source.published]\nregistry = \"{INDEX}\"\nreplace-with = \"unpacked\"\n\n\
             [source.unpacked]\ndirectory = \"{}\"\n\n\
             [patch.crates-io]\n{}",
            self.folder.display(),
            patches.collect::<String>()
        )
    }
}

/// Address of a registry that is never asked, because a folder replaces it.
const INDEX: &str = "sparse+http://127.0.0.1:1/";

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
    let target = scratch().join("packaging");
    let published = published();
    let mut arguments = vec![
        "package",
        "--locked",
        "--offline",
        "--no-verify",
        "--allow-dirty",
    ];
    let target_text = target.display().to_string();
    arguments.extend(["--target-dir", &target_text]);
    arguments.extend(published.iter().flat_map(|name| ["--package", name]));
    cargo(&arguments);
    let folder = scratch().join("packages");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    for name in &published {
        let package = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let archive = target.join("package").join(format!("{package}.crate"));
        let mut tar = Command::new("tar");
        // All packages have the same time. With the current one, cargo compiles them again.
        tar.arg("-xmzf").arg(&archive).arg("-C").arg(&folder);
        assert!(tar.status().unwrap().success(), "{}", archive.display());
        let checksum = json!({"files": {}}).to_string();
        fs::write(folder.join(package).join(".cargo-checksum.json"), checksum).unwrap();
    }
    Packages { folder }
}

/// Runs cargo in the workspace and returns its output.
fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments).current_dir(root()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
