//! A project with one crate, as `factline new project` creates it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::messages::{self, Aggregate};
use super::names::Name;
use super::plan::{Place, Plan};
use super::template::Values;

/// The file that lists all parts.
const MAIN: &str = "src/main.rs";
/// The text before which a part is added to the application.
const RESOURCES: &str = ".resources(RESOURCES)";

/// The folder of a project.
#[derive(Debug, Clone, Args)]
pub(super) struct Folder {
    /// The project's folder
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// A project that one more part is added to.
#[derive(Debug)]
pub(super) struct Application {
    root: PathBuf,
    /// First part of the aggregates' names.
    context: String,
}

impl Folder {
    /// Opens the project. `kind` is the kind of part that is added.
    pub(super) fn open(&self, kind: &str) -> Result<Application> {
        let root = self.root.clone();
        let folder = root.display();
        if root.join("command-handlers").is_dir() {
            bail!(
                "{folder} has a crate for each context, and this command adds to a project with one \
                 crate: CONTRIBUTING.md says how to add a {kind} by hand"
            );
        }
        if !root.join(MAIN).is_file() || !root.join("schemas").is_dir() {
            bail!(
                "{folder} is not a project of `factline new project`, because it has no {MAIN} and \
                 no schemas; name the project's folder with --root"
            );
        }
        let aggregates = messages::read(&root.join("schemas"))?;
        let context = match aggregates
            .first()
            .and_then(|first| first.name.split_once('.'))
        {
            Some((context, _)) => context.to_owned(),
            None => package(&root)?,
        };
        Ok(Application { root, context })
    }
}

impl Application {
    /// Creates an application whose files do not exist yet.
    pub(super) fn to_create(root: &Path, name: &Name) -> Self {
        Self {
            root: root.to_owned(),
            context: name.kebab(),
        }
    }

    /// Starts a plan of changes.
    pub(super) fn plan(&self) -> Plan {
        Plan::new(&self.root)
    }

    /// Returns the values of every template.
    pub(super) fn values(&self) -> Values {
        Values::default()
            .with("context-", &self.context)
            .with("context", self.context.replace('-', "_"))
    }

    /// Returns the aggregate with this name.
    pub(super) fn aggregate(&self, name: &Name) -> Result<Aggregate> {
        let all = self.aggregates()?;
        let known: Vec<&str> = all.iter().map(Aggregate::short_name).collect();
        let known = known.join(", ");
        let mut named = all
            .into_iter()
            .filter(|aggregate| aggregate.module() == name.snake());
        named.next().with_context(|| {
            format!(
                "no schema names an aggregate {}; there are: {known}",
                name.kebab()
            )
        })
    }

    /// Returns all aggregates that the schemas name.
    pub(super) fn aggregates(&self) -> Result<Vec<Aggregate>> {
        messages::read(&self.root.join("schemas"))
    }

    /// Returns the modules of the crate that contain a text.
    pub(super) fn modules_with(&self, text: &str) -> Result<Vec<String>> {
        let folder = self.root.join("src");
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut modules = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if is_rust && fs::read_to_string(&path).is_ok_and(|code| code.contains(text)) {
                modules.push(format!("src/{name}"));
            }
        }
        modules.sort();
        Ok(modules)
    }
}

/// Declares a module.
pub(super) fn add_module(plan: &mut Plan, module: &str) -> Result<()> {
    plan.insert(MAIN, Place::Before("\nmod "), &format!("\nmod {module};"))
}

/// Adds a part to the application, such as `.aggregate::<item::Item>()`.
pub(super) fn add_part(plan: &mut Plan, part: &str) -> Result<()> {
    plan.insert(MAIN, Place::Before(RESOURCES), part)
}

/// Returns the name of the package.
fn package(root: &Path) -> Result<String> {
    let path = root.join("Cargo.toml");
    let manifest =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = "));
    let name = names.map(|name| name.trim_matches('"').to_owned()).next();
    name.with_context(|| format!("{} names no package", path.display()))
}
