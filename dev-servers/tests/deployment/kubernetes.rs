//! Checks the Kubernetes manifests: the same services, jobs, ports and variables as the table, and
//! pods with minimal rights.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use dev_servers::services::SERVICES;
use factline_dev_servers::Need;
use serde_json::{Value, json};

use crate::{expected, help, list, project, word, yaml};

const BASE: &str = "deploy/kubernetes/base";

/// Objects by kind and name.
type Objects = BTreeMap<(String, String), Value>;

fn resources() -> Vec<String> {
    let kustomization = yaml(&format!("{BASE}/kustomization.yaml")).remove(0);
    let resources = list(&kustomization["resources"]).iter();
    resources.map(|file| word(file).to_owned()).collect()
}

fn objects() -> Objects {
    let mut objects = Objects::new();
    for object in resources()
        .iter()
        .flat_map(|file| yaml(&format!("{BASE}/{file}")))
    {
        let (kind, name) = (word(&object["kind"]), word(&object["metadata"]["name"]));
        let key = (kind.to_owned(), name.to_owned());
        let twice = objects.insert(key, object);
        assert!(twice.is_none(), "twice: {twice:?}");
    }
    objects
}

fn find<'a>(objects: &'a Objects, kind: &str, name: &str) -> &'a Value {
    let found = objects.get(&(kind.to_owned(), name.to_owned()));
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// Returns a container's environment: each value, or the reference to its source.
fn environment(objects: &Objects, container: &Value) -> BTreeMap<String, Value> {
    let mut environment = BTreeMap::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let name = word(&source["configMapRef"]["name"]);
        let data = find(objects, "ConfigMap", name)["data"].as_object();
        environment.extend(
            data.into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = word(&variable["name"]).to_owned();
        let value = variable.get("value").unwrap_or(&variable["valueFrom"]);
        environment.insert(name, value.clone());
    }
    environment
}

/// Returns the only container of a workload, after checking the rights of its pod.
fn container<'a>(workload: &'a Value, name: &str) -> &'a Value {
    let pod = &workload["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
    let containers = list(&pod["containers"]);
    assert_eq!(containers.len(), 1, "{name}");
    let container = &containers[0];
    let rights = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container["securityContext"], rights, "{name}");
    assert!(
        container["resources"]["limits"]["memory"].is_string(),
        "{name}"
    );
    container
}

fn assert_told(
    binary: &str,
    job: Option<&str>,
    needs: &[&Need],
    environment: &BTreeMap<String, Value>,
) {
    let service = SERVICES.iter().find(|service| service.name == binary);
    let expected = expected(service.unwrap_or_else(|| panic!("the table has no {binary}")));
    let at = |variable: &str| {
        let found = environment.get(variable);
        found.unwrap_or_else(|| panic!("{binary} {job:?} lacks {variable}"))
    };
    for need in needs {
        match need {
            Need::Kafka => assert_eq!(
                at("FACTLINE_KAFKA_BROKERS"),
                &expected["FACTLINE_KAFKA_BROKERS"]
            ),
            Need::Registry => assert_eq!(
                at("FACTLINE_REGISTRY_URL"),
                &expected["FACTLINE_REGISTRY_URL"]
            ),
            Need::Database(role) => {
                let secret = json!({"name": "factline-databases", "key": role});
                assert_eq!(at("FACTLINE_DATABASE_URL")["secretKeyRef"], secret);
            }
            Need::Service(name) => {
                let variable = format!("FACTLINE_{}_URL", name.to_uppercase().replace('-', "_"));
                assert_eq!(at(&variable), &expected[&variable]);
            }
            Need::Instance => {
                let field = json!({"fieldPath": "metadata.name"});
                assert_eq!(at("FACTLINE_INSTANCE")["fieldRef"], field);
            }
            Need::Folder => assert_eq!(at("FACTLINE_DATA_DIR"), &expected["FACTLINE_DATA_DIR"]),
        }
    }
    let known = help::variables(binary, job);
    for variable in environment
        .keys()
        .filter(|name| name.starts_with("FACTLINE_"))
    {
        assert!(
            known.contains(variable),
            "{binary} {job:?} sets {variable}, which it does not accept"
        );
    }
}

#[test]
fn kubernetes_services_match_the_table() {
    let objects = objects();
    for service in SERVICES {
        let name = service.name;
        let held = service.needs.contains(&Need::Instance);
        let kind = if held { "StatefulSet" } else { "Deployment" };
        let workload = find(&objects, kind, name);
        let container = container(workload, name);
        assert_eq!(container["command"], json!([name]));
        let environment = environment(&objects, container);
        assert_eq!(
            environment["FACTLINE_LISTEN"],
            format!("0.0.0.0:{}", service.port)
        );
        assert_told(
            name,
            None,
            &service.needs.iter().collect::<Vec<_>>(),
            &environment,
        );
        assert_eq!(container["ports"][0]["containerPort"], service.port);
        for (probe, path) in [
            ("livenessProbe", "/health/live"),
            ("readinessProbe", "/health/ready"),
        ] {
            let get = json!({"path": path, "port": "http"});
            assert_eq!(container[probe]["httpGet"], get, "{name}");
        }
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        assert_eq!(&workload["spec"]["selector"]["matchLabels"], labels);
        let address = find(&objects, "Service", name);
        assert_eq!(&address["spec"]["selector"], labels, "{name}");
        assert_eq!(address["spec"]["ports"][0]["port"], service.port, "{name}");
        let budget = find(&objects, "PodDisruptionBudget", name);
        assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels, "{name}");
    }
}

#[test]
fn kubernetes_jobs_match_the_table() {
    let objects = objects();
    let mut workloads = BTreeSet::new();
    for service in SERVICES {
        workloads.insert(service.name.to_owned());
        for job in service.jobs {
            let name = format!("{}-{job}", service.name);
            let found = find(&objects, "Job", &name);
            assert_eq!(found["metadata"]["labels"]["factline.dev/step"], "prepare");
            let container = container(found, &name);
            assert_eq!(container["command"], json!([service.name, job]));
            let environment = environment(&objects, container);
            // A job occupies no slot.
            let needs = service.needs.iter().filter(|need| **need != Need::Instance);
            assert_told(
                service.name,
                Some(job),
                &needs.collect::<Vec<_>>(),
                &environment,
            );
            workloads.insert(name);
        }
    }
    let kinds = ["Deployment", "StatefulSet", "Job"];
    let found = objects
        .keys()
        .filter(|(kind, _)| kinds.contains(&kind.as_str()));
    let found: BTreeSet<String> = found.map(|(_, name)| name.clone()).collect();
    assert_eq!(found, workloads);
}

#[test]
fn kustomization_lists_every_file() {
    let mut files: Vec<String> = fs::read_dir(project(BASE))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file != "kustomization.yaml")
        .collect();
    files.sort();
    let mut resources = resources();
    resources.sort();
    assert_eq!(files, resources);
    // The example is a folder that refers to the other.
    let example = yaml("deploy/kubernetes/example/kustomization.yaml");
    assert_eq!(example[0]["resources"], json!(["../base"]));
}
