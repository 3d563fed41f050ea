//! Checks the image: it has every binary that is started, built by the compiler that the project is
//! tested with.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use dev_servers::services::SERVICES;

use crate::{project, text};

#[test]
fn image_builds_every_service() {
    let dockerfile = text("Dockerfile");
    for name in SERVICES
        .iter()
        .map(|service| service.name)
        .chain(["demo", "cli"])
    {
        let package = format!("--package {name} ");
        assert!(
            dockerfile.contains(&package),
            "Dockerfile does not build {name}"
        );
    }
}

#[test]
fn image_uses_the_pinned_compiler_and_one_debian_release() {
    let toolchain = text("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).unwrap();
    let dockerfile = text("Dockerfile");
    let from: Vec<&str> = dockerfile
        .lines()
        .filter(|line| line.starts_with("FROM "))
        .collect();
    let [builder, runtime] = from[..] else {
        panic!("there are {} stages", from.len())
    };
    let release = builder
        .strip_prefix(&format!("FROM rust:{channel}-"))
        .and_then(|rest| rest.strip_suffix(" AS builder"));
    let release = release.unwrap_or_else(|| panic!("{builder} is not rust {channel}"));
    assert_eq!(runtime, format!("FROM debian:{release}-slim"));
}

#[test]
fn image_build_receives_every_workspace_member() {
    let manifest = text("Cargo.toml");
    let members = manifest
        .split_once("members = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    let ignored = text(".dockerignore");
    for member in members.split('"').skip(1).step_by(2) {
        let folder = member.split('/').next().unwrap();
        assert!(
            ignored.lines().any(|line| line == format!("!{folder}")),
            ".dockerignore keeps {folder} from the build"
        );
    }
}

#[test]
fn health_check_passes_only_for_a_ready_process() {
    for (answer, healthy) in [
        ("HTTP/1.1 200 OK\r\n\r\n{\"ready\":true}", true),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false}",
            false,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = format!("0.0.0.0:{}", listener.local_addr().unwrap().port());
        let asked = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut part = [0; 256];
            while !request.ends_with("\r\n\r\n") {
                let length = connection.read(&mut part).unwrap();
                request.push_str(&String::from_utf8_lossy(&part[..length]));
            }
            connection.write_all(answer.as_bytes()).unwrap();
            request
        });
        let ended = Command::new(project("deploy/healthy"))
            .env("FACTLINE_LISTEN", &listen)
            .status();
        assert_eq!(ended.unwrap().success(), healthy, "{answer}");
        assert!(
            asked
                .join()
                .unwrap()
                .starts_with("GET /health/ready HTTP/1.1\r\n")
        );
    }
    // No process listens there.
    let gone = Command::new(project("deploy/healthy"))
        .env("FACTLINE_LISTEN", "0.0.0.0:1")
        .status();
    assert!(!gone.unwrap().success());
}
