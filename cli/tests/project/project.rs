//! A generated project and the commands that its author runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use factline_dev_servers::{port, ports, provision};
use tempfile::TempDir;

use crate::packages::{Packages, scratch};

/// Port of the application, without the offset.
const PORT: u16 = 8080;

/// A project in a temporary folder. Its processes end when this value is dropped.
pub(crate) struct Project {
    /// The folder of the project and of its data.
    folder: TempDir,
    name: &'static str,
    /// Offset of all ports, so that a running system is not disturbed.
    offset: u16,
}

impl Project {
    /// Creates a project whose dependencies are these packages.
    pub(crate) fn create(name: &'static str, packages: &Packages) -> Self {
        // PostgreSQL may run as another user and must be able to reach the folder.
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let project = Self {
            folder,
            name,
            offset: port::free().unwrap() - ports::KAFKA,
        };
        let made = factline(&["project", name], project.folder.path());
        assert!(made.status.success(), "{made:?}");
        for file in ["Cargo.toml", "build.rs"] {
            let text = fs::read_to_string(project.root().join(file)).unwrap();
            assert!(!text.contains("path ="), "{file} refers to a path");
        }
        let cargo = project.root().join(".cargo");
        fs::create_dir(&cargo).unwrap();
        fs::write(cargo.join("config.toml"), packages.configuration()).unwrap();
        // Servers that are already fetched.
        fs::create_dir(project.home()).unwrap();
        symlink(
            provision().unwrap().join(".."),
            project.home().join("servers"),
        )
        .unwrap();
        project
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Adds a part, and returns the printed text.
    pub(crate) fn new_part(&self, arguments: &[&str]) -> String {
        let made = factline(arguments, &self.root());
        assert!(made.status.success(), "{arguments:?}: {made:?}");
        String::from_utf8(made.stdout).unwrap()
    }

    /// Checks that the tool refuses with one line that has this text.
    pub(crate) fn refuses(&self, arguments: &[&str], reason: &str) {
        let folder = match arguments {
            ["project", ..] => self.folder.path().into(),
            _ => self.root(),
        };
        let refused = factline(arguments, &folder);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{arguments:?} is not refused");
        assert!(text.contains(reason) && text.lines().count() == 1, "{text}");
    }

    /// Runs a program in the project with the workspace's target folder, and returns its output.
    fn run(&self, mut program: Command) -> String {
        let target = scratch().parent().unwrap();
        let output = program
            .current_dir(self.root())
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_TERM_COLOR", "never")
            .env("FACTLINE_HOME", self.home())
            .env("FACTLINE_PORT_OFFSET", self.offset.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{program:?}: {text}");
        text
    }

    /// Runs cargo.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> String {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments);
        self.run(cargo)
    }

    /// Runs the project's script.
    pub(crate) fn dev(&self, arguments: &[&str]) -> String {
        let mut dev = Command::new("./dev");
        dev.args(arguments);
        self.run(dev)
    }

    /// Starts everything, and returns the address of the application.
    pub(crate) fn up(&self) -> String {
        let printed = self.dev(&["up"]);
        let url = format!("http://127.0.0.1:{}", PORT + self.offset);
        assert!(printed.contains(&url), "{printed}");
        url
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.root().join("dev").exists() {
            self.dev(&["down"]);
        }
    }
}

/// Runs `factline new` in a folder.
fn factline(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_factline"))
        .arg("new")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}
