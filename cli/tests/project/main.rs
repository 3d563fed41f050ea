//! A project that `factline new project` creates, built from packaged crates: nothing in it refers
//! to this repository.
//!
//! The crates are packaged as for a release, and the packages replace the crates of the same names
//! in the registry. All other crates are those of the workspace, in its target folder. So only the
//! kit and the project are compiled again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod packages;
mod project;

use std::time::Duration;

use factline_client::{Client, Command, State};
use serde_json::{Value, json};

use crate::project::Project;

/// Sends the command of the README and reads its result.
async fn send(url: &str) {
    let client = Client::new(url, Duration::from_mins(1)).unwrap();
    let body = json!({"name": "Tea"});
    let accepted = client
        .submit(Command::put("/items/1", &body))
        .await
        .unwrap();
    let operation = client.wait(&accepted.location).await.unwrap();
    assert_eq!(operation.state, State::Completed, "{operation:?}");
    let position = operation.position.as_deref();
    let item: Option<Value> = client.read(&accepted.resource, position).await.unwrap();
    assert_eq!(item.unwrap()["name"], "Tea");
}

#[test]
fn packages_have_everything_that_they_need() {
    let packages = packages::unpacked();
    for name in packages::published() {
        for file in ["README.md", "LICENSE", "Cargo.toml"] {
            assert!(packages.has(&name, file), "{name} has no {file}");
        }
    }
    for (name, file) in [
        ("factline-cli", "templates/project/src/main.rs"),
        ("factline-dev-servers", "pom.xml"),
        ("factline-dev-servers", "provision"),
        ("factline-tracker", "migrations/0001_operations.sql"),
    ] {
        assert!(packages.has(name, file), "{name} has no {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_project_works_and_grows() {
    let project = Project::create("shop", packages::unpacked());
    project.refuses(&["project", "shop"], "shop already exists");
    let built = project.dev(&["test"]);
    assert!(built.contains("Compiling factline-app"), "{built}");
    let url = project.up();
    send(&url).await;
    let printed = project.requests_of_the_readme();
    for expected in ["202 Accepted", "\"shop.CreateItem\"", "\"Tea\""] {
        assert!(printed.contains(expected), "{printed}");
    }

    let added = [
        "command RenameItem --of item --event ItemRenamed",
        "aggregate parcel",
        "view parcels --of parcel",
        "resource parcels",
        "view item-histories --of item",
        "policy dispatch --on ItemCreated --send CreateParcel",
        "process delivery --send CreateParcel",
    ];
    for arguments in added {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let printed = project.new_part(&arguments);
        assert!(printed.contains("\nNext:\n  "), "{printed}");
        assert!(!printed.contains("add to "), "{printed}");
        project.refuses(&arguments, "already");
    }
    project.refuses(&["context", "billing"], "factline new aggregate");
    project.cargo(&["fmt", "--check"]);
    let built = project.dev(&["test"]);
    let warnings = built.lines().filter(|line| line.starts_with("warning"));
    // A project does not need all packages.
    let warnings: Vec<&str> = warnings.filter(|line| !line.contains("patch")).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    let tests = [
        "rename_item_is_accepted",
        "parcel_is_created_once",
        "item_history_counts_changes",
        "item_created_leads_to_create_parcel",
        "delivery_gives_up",
        "outcome_is_noted",
    ];
    for test in tests {
        assert!(built.contains(&format!("{test} ... ok")), "{built}");
    }
    send(&project.up()).await;
}
