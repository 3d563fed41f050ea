//! Checks the descriptions of other deployments against the code: container files, Kubernetes
//! manifests and the table of options, against [`dev_servers::services`] and the binaries' own
//! `--help`.
//!
//! The tests need and start no container engine. They find missing, misspelt or outdated entries,
//! but not problems that only a running cluster shows. To add another kind of manifest, add a
//! module here.

mod compose;
mod help;
mod image;
mod kubernetes;
mod options;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dev_servers::services::{SERVICES, STORE};
use factline_dev_servers::{Addresses, Service, ports};
use serde_json::Value;

/// Folder of a service's files in a container: a volume, which the image gives to its user.
const DATA: &str = "/var/lib/factline";

/// Variables by name.
type Variables = BTreeMap<String, String>;

/// A file of the project.
fn project(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(project(file)).unwrap_or_else(|error| panic!("cannot read {file}: {error}"))
}

/// The documents of a YAML file.
fn yaml(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(file))
        .unwrap_or_else(|error| panic!("{file} is not YAML: {error}"))
}

/// A value that must be a text.
fn word(value: &Value) -> &str {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is not a text"))
}

/// A value that must be a list.
fn list(value: &Value) -> &[Value] {
    let list = value.as_array();
    list.unwrap_or_else(|| panic!("{value} is not a list"))
}

/// Returns the environment that the table gives a service, with host names: `./dev up` has all of
/// them at the loopback address.
fn expected(service: &Service) -> Variables {
    let mut hosts = vec![
        (ports::KAFKA, "kafka:9092".to_owned()),
        (ports::REGISTRY, "registry:8080".to_owned()),
        (ports::POSTGRES, "postgres:5432".to_owned()),
        (service.port, format!("0.0.0.0:{}", service.port)),
    ];
    let others = SERVICES.iter().filter(|other| other.port != service.port);
    hosts.extend(others.map(|other| (other.port, format!("{}:{}", other.name, other.port))));
    let environment = STORE.environment(service, Addresses::default());
    let named = environment.into_iter().map(|(name, value)| {
        if name == "FACTLINE_DATA_DIR" {
            return (name, DATA.to_owned());
        }
        let value = hosts.iter().fold(value, |value, (port, host)| {
            value.replace(&format!("127.0.0.1:{port}"), host)
        });
        (name, value)
    });
    named.collect()
}
