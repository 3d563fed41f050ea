//! The views that the tool knows.

use anyhow::{Result, bail, ensure};
use factline_postgres::HostedView;

const NO_VIEWS: &str = "this tool has no views; an application builds its own, which passes them to factline_cli::main";

/// The views of the application.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Views<'v> {
    pub(crate) hosted: &'v [HostedView],
    /// The words with which the command line of a build of this program begins.
    pub(crate) words: &'v [&'v str],
}

impl<'v> Views<'v> {
    /// Returns the newest version of each view.
    pub(crate) fn newest(self) -> impl Iterator<Item = HostedView> + 'v {
        let is_newest = move |view: &&HostedView| {
            let mut others = self.hosted.iter();
            !others.any(|other| other.name == view.name && other.version > view.version)
        };
        self.hosted.iter().filter(is_newest).copied()
    }

    /// Returns the newest version of a view, or an error that lists the known views.
    pub(crate) fn of_name(self, name: &str) -> Result<HostedView> {
        ensure!(!self.hosted.is_empty(), NO_VIEWS);
        let versions = self.hosted.iter().filter(|view| view.name == name);
        match versions.max_by_key(|view| view.version) {
            Some(view) => Ok(*view),
            None => bail!("unknown view {name}; known views: {}", self.names()),
        }
    }

    fn names(self) -> String {
        let mut names: Vec<&str> = self.hosted.iter().map(|view| view.name).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}
