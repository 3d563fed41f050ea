//! A generated project and the commands that its author runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use factline_dev_servers::{port, ports, provision};

use crate::packages::{Packages, root, scratch};

/// Port of the application, without the offset.
const PORT: u16 = 8080;

/// A project beside the folder of its data. Its processes end when this value is dropped.
pub(crate) struct Project {
    name: &'static str,
    /// Offset of all ports, so that a running system is not disturbed.
    offset: u16,
}

impl Project {
    /// Creates a project whose dependencies are these packages.
    pub(crate) fn create(name: &'static str, packages: &Packages) -> Self {
        let project = Self {
            name,
            offset: port::free().unwrap() - ports::KAFKA,
        };
        // Always the same folder, so that a run replaces what the last one has compiled.
        if folder().exists() {
            Self::down();
            fs::remove_dir_all(folder()).unwrap();
        }
        fs::create_dir_all(folder()).unwrap();
        let made = factline(&["project", name], &folder());
        assert!(made.status.success(), "{made:?}");
        for file in ["Cargo.toml", "build.rs"] {
            let text = fs::read_to_string(project.root().join(file)).unwrap();
            assert!(!text.contains("path ="), "{file} refers to a path");
        }
        // The versions that the workspace has compiled. Cargo removes what the project does not
        // need.
        fs::copy(root().join("Cargo.lock"), project.root().join("Cargo.lock")).unwrap();
        let cargo = project.root().join(".cargo");
        fs::create_dir(&cargo).unwrap();
        fs::write(cargo.join("config.toml"), packages.configuration()).unwrap();
        // Servers that are already fetched.
        fs::create_dir(home()).unwrap();
        symlink(provision().unwrap().join(".."), home().join("servers")).unwrap();
        project
    }

    fn root(&self) -> PathBuf {
        folder().join(self.name)
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
            ["project", ..] => folder(),
            _ => self.root(),
        };
        let refused = factline(arguments, &folder);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{arguments:?} is not refused");
        assert!(text.contains(reason) && text.lines().count() == 1, "{text}");
    }

    /// Runs a program in the project with the workspace's target folder, and returns its output.
    fn run(&self, mut program: Command) -> String {
        let output = program
            .current_dir(self.root())
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .env("FACTLINE_HOME", home())
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

    /// Sends the requests of the README to the started application, and returns what they print.
    pub(crate) fn requests_of_the_readme(&self) -> String {
        let readme = fs::read_to_string(self.root().join("README.md")).unwrap();
        let blocks = readme.split("```").skip(1).step_by(2);
        let requests: String = blocks.filter(|block| block.contains("curl")).collect();
        assert!(requests.matches("curl").count() >= 4, "{requests}");
        let address = format!("localhost:{}", PORT + self.offset);
        let mut bash = Command::new("bash");
        bash.args(["-euc", &requests.replace("localhost:8080", &address)]);
        self.run(bash)
    }

    /// Starts everything, and returns the address of the application.
    pub(crate) fn up(&self) -> String {
        let printed = self.dev(&["up"]);
        let url = format!("http://127.0.0.1:{}", PORT + self.offset);
        assert!(printed.contains(&url), "{printed}");
        url
    }

    /// Stops what [`Self::up`] has started. It calls the tool itself, because the project may not
    /// compile.
    fn down() {
        let tool = target().join("debug/examples/dev");
        if tool.exists() && home().exists() {
            let mut tool = Command::new(tool);
            let stopped = tool.arg("down").env("FACTLINE_HOME", home()).output();
            println!("{stopped:?}");
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        Self::down();
    }
}

/// The folder of the project and of its data.
fn folder() -> PathBuf {
    scratch().join("project")
}

/// The folder of the servers and their data.
fn home() -> PathBuf {
    folder().join("home")
}

/// The target folder of the workspace.
fn target() -> &'static Path {
    scratch().parent().unwrap()
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
