//! A file or folder that gets its name when it is complete.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// An unfinished file or folder beside its final place. Dropped before its end, it is removed.
pub(super) struct Unfinished {
    target: PathBuf,
    place: PathBuf,
    is_finished: bool,
}

impl Unfinished {
    /// Chooses the place. The target must not exist.
    pub(super) fn of(target: &Path) -> Result<Self> {
        ensure!(!target.exists(), "{} already exists", target.display());
        let mut place = target.to_owned().into_os_string();
        place.push(".unfinished");
        Ok(Self {
            target: target.to_owned(),
            place: place.into(),
            is_finished: false,
        })
    }

    /// Returns the place of the unfinished file.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Returns the final place.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Creates a file at the unfinished place, instead of one that a killed run has left.
    pub(super) fn create_file(&self) -> Result<File> {
        File::create(&self.place).with_context(|| format!("cannot create {}", self.place.display()))
    }

    /// Creates a folder at the unfinished place, instead of one that a killed run has left.
    pub(super) fn create_folder(&self) -> Result<()> {
        // It usually does not exist; another cause is reported by the next call.
        let _ = fs::remove_dir_all(&self.place);
        fs::create_dir(&self.place)
            .with_context(|| format!("cannot create {}", self.place.display()))
    }

    /// Gives it its name.
    pub(super) fn finish(mut self) -> Result<PathBuf> {
        fs::rename(&self.place, &self.target)
            .with_context(|| format!("cannot write {}", self.target.display()))?;
        self.is_finished = true;
        Ok(self.target.clone())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // The error that led here matters more than a second one.
        let _ = if self.place.is_dir() {
            fs::remove_dir_all(&self.place)
        } else {
            fs::remove_file(&self.place)
        };
    }
}
