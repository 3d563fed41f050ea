//! Checks the container files: they have the same services, jobs, ports and variables as the table.

use std::collections::BTreeSet;

use dev_servers::services::SERVICES;
use factline_dev_servers::postgres;
use serde_json::{Value, json};

use crate::{Variables, expected, help, text, yaml};

const COMPOSE: &str = "docker-compose.yml";
const THREE: &str = "docker-compose.three-brokers.yml";
/// The command-line tool, which is run on demand.
const TOOL: &str = "factline";
/// Third-party servers, whose environment is not checked.
const SERVERS: [&str; 3] = ["kafka", "registry", "postgres"];

fn load(file: &str) -> Value {
    let mut documents = yaml(file);
    assert_eq!(documents.len(), 1, "{file} has several documents");
    documents.remove(0)
}

fn environment(service: &Value) -> Variables {
    let variables = service["environment"].as_object().into_iter().flatten();
    let texts = variables.map(|(name, value)| match value {
        Value::String(text) => (name.clone(), text.clone()),
        other => (name.clone(), other.to_string()),
    });
    texts.collect()
}

fn command(service: &Value) -> Vec<&str> {
    let words = service["command"].as_array().into_iter().flatten();
    words.filter_map(Value::as_str).collect()
}

/// `postgres://role:${PASSWORD:-..}@host` without its password.
fn without_password(url: &str) -> String {
    match (url.find(":${"), url.find('@')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &url[..from], &url[to..]),
        _ => url.to_owned(),
    }
}

fn assert_known(name: &str, binary: &str, job: Option<&str>, environment: &Variables) {
    let known = help::variables(binary, job);
    for variable in environment
        .keys()
        .filter(|name| name.starts_with("FACTLINE_"))
    {
        assert!(
            known.contains(variable),
            "{name} sets {variable}, which {binary} does not know"
        );
    }
    for option in help::options(binary, job)
        .iter()
        .filter(|option| option.required)
    {
        assert!(
            environment.contains_key(&option.variable),
            "{name} lacks {}",
            option.variable
        );
    }
}

#[test]
fn compose_services_match_the_table() {
    let compose = load(COMPOSE);
    for service in SERVICES {
        let name = service.name;
        let found = &compose["services"][name];
        assert_eq!(command(found), [name], "{name}");
        let environment = environment(found);
        for (variable, value) in expected(service) {
            let actual = environment
                .get(&variable)
                .unwrap_or_else(|| panic!("{name} lacks {variable}"));
            assert_eq!(without_password(actual), value, "{name}: {variable}");
        }
        assert_known(name, name, None, &environment);
        assert_eq!(found["healthcheck"]["test"][1], "healthy", "{name}");
        assert!(
            found["deploy"]["resources"]["limits"]["memory"].is_string(),
            "{name}"
        );
    }
}

#[test]
fn compose_jobs_run_before_every_service() {
    let compose = load(COMPOSE);
    for service in SERVICES {
        for job in service.jobs {
            let name = format!("{}-{job}", service.name);
            let found = &compose["services"][&name];
            assert_eq!(command(found), [service.name, job], "{name}");
            let environment = environment(found);
            // A job neither listens nor occupies a slot.
            let needs = expected(service).into_iter().filter(|(variable, _)| {
                !["FACTLINE_LISTEN", "FACTLINE_INSTANCE"].contains(&variable.as_str())
            });
            for (variable, value) in needs {
                let actual = environment
                    .get(&variable)
                    .unwrap_or_else(|| panic!("{name} lacks {variable}"));
                assert_eq!(without_password(actual), value, "{name}: {variable}");
            }
            assert_known(&name, service.name, Some(job), &environment);
            for other in SERVICES {
                let after = &compose["services"][other.name]["depends_on"][&name]["condition"];
                assert_eq!(
                    after, "service_completed_successfully",
                    "{} after {name}",
                    other.name
                );
            }
        }
    }
}

#[test]
fn compose_starts_nothing_else_and_exposes_no_port() {
    let compose = load(COMPOSE);
    let jobs = SERVICES.iter().flat_map(|service| {
        service
            .jobs
            .iter()
            .map(|job| format!("{}-{job}", service.name))
    });
    let known: BTreeSet<String> = SERVICES
        .iter()
        .map(|service| service.name)
        .chain(SERVERS)
        .chain(["demo", TOOL])
        .map(str::to_owned)
        .chain(jobs)
        .collect();
    let services = compose["services"].as_object().unwrap();
    let found: BTreeSet<String> = services.keys().cloned().collect();
    assert_eq!(found, known);
    let ports = services
        .values()
        .flat_map(|service| service["ports"].as_array().into_iter().flatten());
    for port in ports {
        assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{port}");
    }
    let demo = &services["demo"];
    assert_known("demo", "demo", None, &environment(demo));
}

#[test]
fn compose_runs_the_tool_with_all_addresses() {
    let compose = load(COMPOSE);
    let tool = &compose["services"][TOOL];
    assert_eq!(tool["entrypoint"], json!([TOOL]));
    assert_eq!(command(tool), ["status"]);
    assert_eq!(tool["profiles"], json!(["tool"]), "`up` does not start it");
    assert_eq!(tool["depends_on"], json!({}), "it starts nothing");
    let environment = environment(tool);
    let commands = [Some("status"), Some("operation"), Some("history")];
    let known: BTreeSet<String> = commands
        .into_iter()
        .flat_map(|command| help::variables(TOOL, command))
        .chain(["FACTLINE_ACTOR".to_owned()])
        .collect();
    for variable in environment.keys() {
        assert!(known.contains(variable), "{variable}");
    }
    let handlers = SERVICES.iter().find(|it| it.name == "command-handlers");
    for variable in ["FACTLINE_KAFKA_BROKERS", "FACTLINE_REGISTRY_URL"] {
        let of_handlers = expected(handlers.unwrap());
        assert_eq!(environment[variable], of_handlers[variable]);
    }
    let services = SERVICES
        .iter()
        .map(|service| format!("http://{}:{}", service.name, service.port));
    let services: Vec<String> = services.collect();
    assert_eq!(environment["FACTLINE_SERVICES"], services.join(","));
    assert!(services.contains(&environment["FACTLINE_URL"]));
}

#[test]
fn three_brokers_have_two_in_sync_replicas_and_all_clients_know_them() {
    let (base, three) = (load(COMPOSE), load(THREE));
    let brokers = ["kafka", "kafka-2", "kafka-3"];
    let single = environment(&base["services"]["kafka"]);
    for (number, broker) in (1..).zip(brokers) {
        let environment = environment(&three["services"][broker]);
        let of = |name: &str| environment[&format!("KAFKA_{name}")].as_str();
        assert_eq!(of("NODE_ID"), number.to_string());
        assert!(of("ADVERTISED_LISTENERS").starts_with(&format!("PLAINTEXT://{broker}:9092,")));
        for name in [
            "DEFAULT",
            "OFFSETS_TOPIC",
            "TRANSACTION_STATE_LOG",
            "SHARE_COORDINATOR_STATE_TOPIC",
        ] {
            assert_eq!(of(&format!("{name}_REPLICATION_FACTOR")), "3", "{broker}");
        }
        assert_eq!(of("MIN_INSYNC_REPLICAS"), "2");
        assert_eq!(of("TRANSACTION_STATE_LOG_MIN_ISR"), "2");
        assert_eq!(of("UNCLEAN_LEADER_ELECTION_ENABLE"), "false");
        let names = |environment: &Variables| environment.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(
            names(&environment),
            names(&single),
            "{broker} is set up like the single one"
        );
        assert!(
            broker == "kafka"
                || three["services"][broker]["image"] == base["services"]["kafka"]["image"]
        );
    }
    let everywhere = brokers.map(|broker| format!("{broker}:9092")).join(",");
    for (name, service) in base["services"].as_object().unwrap() {
        if environment(service).contains_key("FACTLINE_KAFKA_BROKERS") {
            let environment = environment(&three["services"][name]);
            assert_eq!(
                environment.get("FACTLINE_KAFKA_BROKERS"),
                Some(&everywhere),
                "{name}"
            );
        }
    }
    let provision = environment(&three["services"]["command-handlers-provision"]);
    assert_known(
        "provision",
        "command-handlers",
        Some("provision"),
        &provision,
    );
    assert_eq!(provision["FACTLINE_REPLICATION_FACTOR"], "3");
}

#[test]
fn role_script_matches_dev_servers() {
    let script = text("deploy/postgres/roles.sh");
    for role in postgres::WRITERS.into_iter().chain([postgres::READER]) {
        assert!(
            script.contains(&format!("CREATE ROLE {role} LOGIN")),
            "{role}"
        );
    }
    let grant = format!(
        "GRANT CREATE ON DATABASE :\"database\" TO {};",
        postgres::WRITERS.join(", ")
    );
    assert!(script.contains(&grant), "{grant}");
}

/// Releases of Kafka differ in their on-disk data (decision 14), so containers must run the release
/// that is tested.
#[test]
fn containers_run_the_tested_kafka() {
    let pom = text("crates/factline-dev-servers/pom.xml");
    let version = pom
        .split_once("<kafka.version>")
        .and_then(|(_, rest)| rest.split_once('<'))
        .map(|(version, _)| format!("apache/kafka:{version}"));
    let version = version.expect("pom.xml names a version of Kafka");
    for file in [COMPOSE, THREE] {
        let text = text(file);
        let images = text.lines().filter_map(|line| {
            line.trim()
                .strip_prefix("image: ")
                .filter(|image| image.contains("kafka"))
        });
        let images: Vec<&str> = images.collect();
        assert!(!images.is_empty(), "{file} runs no Kafka");
        assert!(
            images.iter().all(|image| *image == version),
            "{file}: {images:?}, not {version}"
        );
    }
}
