//! `factline new`: skeletons of a project and of its parts, each with a test.
//!
//! A kind is a module with its options and its `run`, a variant of [`What`], and templates. The
//! texts of a skeleton are the files in `templates/`; to change a skeleton, change these files. The
//! tests of the tool build every skeleton. A [`plan::Plan`] checks everything before it writes
//! anything.
//!
//! Most kinds are for an [`application`], a project with one crate. A context is for a project with
//! a crate for each context.

mod aggregate;
mod application;
mod command;
mod context;
mod messages;
mod names;
mod plan;
mod policy;
mod process;
mod project;
mod resource;
mod template;
mod view;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Creates the skeleton of a project or of a new part of it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline new project shop\n  factline new aggregate parcel\n  \
                  factline new policy dispatch --on ItemCreated --send CreateParcel"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Project(project::Options),
    Aggregate(aggregate::Options),
    Command(command::Options),
    View(view::Options),
    Resource(resource::Options),
    Policy(policy::Options),
    Process(process::Options),
    Context(context::Options),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.what {
        What::Project(options) => project::run(options),
        What::Aggregate(options) => aggregate::run(options),
        What::Command(options) => command::run(options),
        What::View(options) => view::run(options),
        What::Resource(options) => resource::run(options),
        What::Policy(options) => policy::run(options),
        What::Process(options) => process::run(options),
        What::Context(options) => context::run(options),
    }
}
