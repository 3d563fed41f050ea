//! The store answers as its OpenAPI document says. Public tools check that: one validates the
//! document, and schemathesis sends requests that it generates from the document. It follows the
//! links from each 202 to the operation and the resource.
//!
//! `./dev api` installs the tools and runs this test. A seed repeats a run: `FACTLINE_SEED`.

#![expect(clippy::unwrap_used, reason = "a test")]

mod receiver;

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::System;

/// Number of requests of each kind for each operation.
const EXAMPLES: &str = "100";

/// Returns the path of an installed tool.
fn tool(name: &str) -> PathBuf {
    let folder = std::env::var_os("FACTLINE_API_TOOLS").expect("`./dev api` runs this test");
    Path::new(&folder).join(name)
}

/// Runs a tool to its end. Its output is that of the test.
async fn run(mut command: Command) {
    let program = command.get_program().to_owned();
    let ended = tokio::task::spawn_blocking(move || command.status());
    let status = ended.await.unwrap().unwrap();
    assert!(status.success(), "{}: {status}", program.display());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python tools, which `./dev api` installs"]
async fn store_answers_as_its_document_says() {
    let system = System::start("api").await.unwrap();
    let url = format!("{}/openapi.json", system.url());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    let document = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    std::fs::write(&file, &document).unwrap();

    let mut validator = Command::new(tool("openapi-spec-validator"));
    validator.arg(&file);
    run(validator).await;

    // The tool leaves files in the folder in which it runs.
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("schemathesis.toml", include_str!("schemathesis.toml"));
    write("hooks.py", include_str!("hooks.py"));
    let seed = factline_testkit::seed::seed();
    let mut schemathesis = Command::new(tool("schemathesis"));
    schemathesis
        .current_dir(folder.path())
        .args(["--config-file", "schemathesis.toml", "run", &url])
        .args(["--max-examples", EXAMPLES, "--continue-on-failure"])
        .args(["--seed", &seed.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(schemathesis).await;
    // A request may have stopped a process without being answered by it.
    system.ready().await.unwrap();
}
