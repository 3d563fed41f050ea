//! The tool behind `./dev`, on separate ports and in a separate folder, with scripts in place of
//! the services.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use dev_servers::services::SERVICES;
use factline_dev_servers::{SERVERS, port, ports, provision};
use tempfile::TempDir;

/// Folders like `target/debug` and `.factline`, and an unused port offset.
struct Machine {
    dir: TempDir,
    offset: u16,
}

impl Machine {
    fn new() -> Result<Self> {
        let everybody = Permissions::from_mode(0o755);
        let dir = tempfile::Builder::new().permissions(everybody).tempdir()?;
        // Reuses the fetched servers.
        let servers = provision()?;
        fs::create_dir(dir.path().join("home"))?;
        symlink(servers.join(".."), dir.path().join("home/servers"))?;
        // Copied by another process: a file that this process has open for writing stays open in a
        // child that another test starts at this moment, and cannot be executed meanwhile.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_dev-servers"))
            .arg(dir.path().join("dev-servers"))
            .status()?;
        anyhow::ensure!(copied.success(), "cp failed");
        let offset = port::free()? - ports::KAFKA;
        Ok(Self { dir, offset })
    }

    /// Every service becomes this script.
    fn services(&self, script: &str) -> Result<()> {
        for service in SERVICES {
            let path = self.dir.path().join(service.name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Returns true if the command succeeded, and its output.
    fn run(&self, arguments: &str) -> Result<(bool, String)> {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        self.run_with(&arguments, &[])
    }

    /// Runs a command whose arguments have spaces, with these variables.
    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(bool, String)> {
        let output = Command::new(self.dir.path().join("dev-servers"))
            .args(arguments)
            .env("FACTLINE_HOME", self.dir.path().join("home"))
            .env("FACTLINE_PORT_OFFSET", self.offset.to_string())
            .envs(variables.iter().copied())
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(text)?))
    }

    fn pids(&self) -> Result<Vec<String>> {
        let run = self.dir.path().join("home/run");
        let files = ["kafka.json", "registry.json", "postgres.json"];
        files
            .into_iter()
            .map(|file| Ok(fs::read_to_string(run.join(file))?))
            .collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let stopped = self.run("down");
        assert!(matches!(stopped, Ok((true, _))), "{stopped:?}");
    }
}

#[test]
fn taken_port_is_named_before_anything_starts() {
    let machine = Machine::new().unwrap();
    let port = 8101 + machine.offset;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (up, text) = machine.run("up").unwrap();
    assert!(!up);
    let expected = format!(
        "port {port}, which command-api needs, is taken by pid {} (",
        std::process::id()
    );
    assert!(text.contains(&expected), "{text}");
    let (_, text) = machine.run("status").unwrap();
    let parts = SERVERS.len() + SERVICES.len();
    assert_eq!(text.matches("stopped").count(), parts, "{text}");
    assert!(text.contains("its port is taken by"), "{text}");
    drop(listener);
}

#[test]
fn up_is_idempotent_and_names_failures() {
    let machine = Machine::new().unwrap();
    let (up, text) = machine.run("up --servers").unwrap();
    assert!(up, "{text}");
    let pids = machine.pids().unwrap();
    let (up, text) = machine.run("up --servers").unwrap();
    assert!(up && text.matches("already running").count() == 3, "{text}");
    assert_eq!(machine.pids().unwrap(), pids);

    machine
        .services("echo the database is on fire; exit 3")
        .unwrap();
    let (up, text) = machine.run("up").unwrap();
    assert!(
        !up && text.contains("command-handlers provision failed") && text.contains("on fire"),
        "{text}"
    );

    // Jobs succeed, services end at once.
    machine
        .services("[ $# -gt 0 ] || echo no $FACTLINE_LISTEN for me")
        .unwrap();
    let (up, text) = machine.run("up").unwrap();
    assert!(
        !up && text.contains("gateway ended while it started"),
        "{text}"
    );
    assert!(
        text.contains(&format!("no 127.0.0.1:{} for me", 8080 + machine.offset)),
        "{text}"
    );

    let (down, text) = machine.run("down").unwrap();
    assert!(down && text.matches("stopped").count() == 3, "{text}");
    assert!(port::is_free(ports::KAFKA + machine.offset));
}

#[test]
fn stale_pid_file_stops_no_process() {
    let machine = Machine::new().unwrap();
    // This test's own pid, with the start time of another process.
    let run = machine.dir.path().join("home/run");
    fs::create_dir_all(&run).unwrap();
    let stale = format!(
        r#"{{"pid": {}, "started": "long ago", "port": 1, "built": 0}}"#,
        std::process::id()
    );
    fs::write(run.join("gateway.json"), stale).unwrap();
    let (down, text) = machine.run("down").unwrap();
    assert!(down && text.contains("nothing is running"), "{text}");
    assert!(!Path::new(&run.join("gateway.json")).exists());
}

#[test]
fn psql_gets_the_address_and_its_own_arguments() {
    let machine = Machine::new().unwrap();
    let folder = machine.dir.path().join("bin");
    fs::create_dir(&folder).unwrap();
    let path = folder.to_str().unwrap();
    let arguments = ["psql", "-c", "select 1", "--help"];
    let (found, text) = machine.run_with(&arguments, &[("PATH", path)]).unwrap();
    let port = machine.offset + ports::POSTGRES;
    let url = format!("postgres://factline@127.0.0.1:{port}/factline");
    assert!(!found && text.lines().count() == 1, "{text}");
    assert!(
        text.contains("apt-get install postgresql-client") && text.contains(&url),
        "{text}"
    );

    let psql = folder.join("psql");
    let script = "#!/bin/sh\necho $PGUSER@$PGHOST:$PGPORT/$PGDATABASE; printf '%s,' \"$@\"\n";
    fs::write(&psql, script).unwrap();
    fs::set_permissions(&psql, Permissions::from_mode(0o755)).unwrap();
    let (opened, text) = machine.run_with(&arguments, &[("PATH", path)]).unwrap();
    let expected = format!("factline@127.0.0.1:{port}/factline\n-c,select 1,--help,");
    assert!(opened && text == expected, "{text}");
}

#[test]
fn tools_of_kafka_get_the_address_of_the_broker() {
    let machine = Machine::new().unwrap();
    let (ran, text) = machine.run("kafka topics --list").unwrap();
    assert!(
        !ran && text.contains("./dev up --servers starts it"),
        "{text}"
    );
    let (ran, text) = machine.run("kafka topic --list").unwrap();
    assert!(!ran && text.contains("console-consumer"), "{text}");

    let (up, text) = machine.run("up --servers").unwrap();
    assert!(up, "{text}");
    let works = |arguments: &str, expected: &str| {
        let (ran, text) = machine.run(arguments).unwrap();
        assert!(ran && text.contains(expected), "{arguments}: {text}");
    };
    works(
        "kafka topics --create --topic notes --partitions 2",
        "Created topic notes",
    );
    works("kafka topics --list", "notes");
    works("kafka kafka-get-offsets.sh --topic notes", "notes:1:0");
    works("kafka configs --describe --topic notes", "notes");
    works("kafka consumer-groups --list", "");
    // Their commands come after the address.
    works("kafka metadata-quorum describe --status", "LeaderId");
    works("kafka transactions list", "TransactionalId");
    // The help is Kafka's own, which ends it with code 1.
    let (_, text) = machine.run("kafka topics --help").unwrap();
    assert!(text.contains("--replica-assignment"), "{text}");
}
