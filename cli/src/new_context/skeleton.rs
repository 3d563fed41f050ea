//! The files of a new context.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::names::Names;

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $path))
    };
}

/// Path in the project, and text, both as templates.
const FILES: [(&str, &str); 12] = [
    (
        "schemas/{context}/Cargo.toml",
        template!("schemas/manifest.toml"),
    ),
    (
        "schemas/{context}/Create{Aggregate}.avsc",
        template!("schemas/command.avsc"),
    ),
    (
        "schemas/{context}/{Aggregate}Created.avsc",
        template!("schemas/event.avsc"),
    ),
    (
        "schemas/{context}/{aggregate}.json",
        template!("schemas/aggregate.json"),
    ),
    (
        "schemas/{context}/src/lib.rs",
        template!("schemas/src/lib.rs"),
    ),
    (
        "schemas/{context}/tests/schemas.rs",
        template!("schemas/tests/schemas.rs"),
    ),
    (
        "command-handlers/{context}/Cargo.toml",
        template!("rules/manifest.toml"),
    ),
    (
        "command-handlers/{context}/README.md",
        template!("rules/README.md"),
    ),
    (
        "command-handlers/{context}/src/lib.rs",
        template!("rules/src/lib.rs"),
    ),
    (
        "command-handlers/{context}/src/rejection.rs",
        template!("rules/src/rejection.rs"),
    ),
    (
        "command-handlers/{context}/src/{aggregate}.rs",
        template!("rules/src/aggregate.rs"),
    ),
    (
        "command-handlers/{context}/src/{aggregate}/tests.rs",
        template!("rules/src/aggregate/tests.rs"),
    ),
];

/// Writes the folders of a context, which must not exist. Returns the files.
pub(super) fn write(root: &Path, names: &Names) -> Result<Vec<PathBuf>> {
    let contract = root.join("schemas").join(&names.context);
    for folder in [
        &contract,
        &root.join("command-handlers").join(&names.context),
    ] {
        ensure!(!folder.exists(), "{} already exists", folder.display());
    }
    let mut written = Vec::new();
    for (path, template) in FILES {
        let path = root.join(names.fill(path));
        write_file(&path, &names.fill(template))?;
        written.push(path);
    }
    let records = factline_codegen::generate(&contract, &[])?;
    let path = contract.join("src/records.rs");
    write_file(&path, &records)?;
    written.push(path);
    Ok(written)
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
