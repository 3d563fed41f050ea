//! The tool behind `./dev`. It is an example because only examples and tests have the dependency.

use factline_dev_servers::{Need, Project, Service};

const PROJECT: Project = Project {
    services: &[Service {
        name: env!("CARGO_PKG_NAME"),
        port: 8080,
        jobs: &[],
        needs: &[Need::Kafka, Need::Registry, Need::Database("factline"), Need::Instance],
    }],
    hint: |addresses| {
        let url = format!("http://127.0.0.1:{}", addresses.port(8080));
        format!("Browse {url}/docs, or send a command as README.md says.")
    },
};

fn main() -> std::process::ExitCode {
    factline_dev_servers::main(&PROJECT)
}
