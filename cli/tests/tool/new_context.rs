//! The skeleton of a context compiles, its tests pass, and it is hosted.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The parts of the project that the build needs.
const PARTS: [&str; 7] = [
    "Cargo.lock",
    "clippy.toml",
    "rust-toolchain.toml",
    "crates",
    "schemas",
    "command-handlers",
    "dev-servers",
];

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

fn tool(root: &Path, name: &str) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_factline"))
        .args(["new", "context", name, "--aggregate", "parcel", "--root"])
        .arg(root)
        .output()
        .unwrap()
}

fn cargo(root: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        // Reuses compiled dependencies.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap(),
        )
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {text}");
}

#[test]
fn new_context_compiles_and_passes_its_tests() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = folder.path();
    for part in PARTS {
        copy(&project.join(part), &root.join(part));
    }
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    let (head, rest) = manifest.split_once("members = [").unwrap();
    let (_, tail) = rest.split_once(']').unwrap();
    let members =
        "\"command-handlers\", \"crates/factline\", \"crates/factline-codegen\", \"schemas\"";
    fs::write(
        root.join("Cargo.toml"),
        format!("{head}members = [{members}]{tail}"),
    )
    .unwrap();

    let made = tool(root, "shipping");
    assert!(made.status.success(), "{made:?}");
    let packages = [
        "-p",
        "shipping",
        "-p",
        "shipping-schemas",
        "-p",
        "contracts",
    ];
    cargo(
        root,
        &[&["test", "--offline", "-q"], &packages[..]].concat(),
    );
    cargo(
        root,
        &[
            "fmt",
            "-p",
            "shipping",
            "-p",
            "shipping-schemas",
            "-p",
            "contracts",
            "--check",
        ],
    );
    let lines = fs::read_to_string(root.join("command-handlers/src/lib.rs")).unwrap();
    assert!(
        lines.contains("HostedAggregate::of::<shipping::Parcel>(),"),
        "{lines}"
    );

    let again = tool(root, "shipping");
    assert!(!again.status.success(), "the context already exists");
}
