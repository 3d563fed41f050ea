//! The clock of a throw-away broker that a test can make wrong, by means of libfaketime.
//!
//! The library is loaded before the broker's own. It adds the content of a file to the time that
//! the operating system returns, and reads the file again every second. Timeouts are not affected:
//! they use the monotonic clock.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Folders of libraries, each with a subfolder of the package or without.
const FOLDERS: [&str; 4] = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib"];

/// The variant for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Returns the path of libfaketime.
///
/// # Errors
///
/// If it is not installed, or the operating system is not Linux.
pub fn library() -> Result<PathBuf> {
    if !cfg!(target_os = "linux") {
        bail!("a broker's clock can be shifted on Linux only");
    }
    let here = FOLDERS.iter().map(PathBuf::from);
    // Debian and Ubuntu have a folder for each architecture.
    let architectures = FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let architectures = architectures.flatten().flatten().map(|entry| entry.path());
    here.chain(architectures)
        .map(|folder| folder.join(LIBRARY))
        .find(|library| library.exists())
        .context(
            "libfaketime is not installed, which shifts a broker's clock: sudo apt-get install \
             libfaketime",
        )
}

/// A clock that can be shifted while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// Creates a clock that is right. Its file is in this folder, which exists.
    pub(crate) fn new(dir: &Path) -> Result<Self> {
        let clock = Self {
            library: library()?,
            file: dir.join("clock"),
        };
        clock.shift(0)?;
        Ok(clock)
    }

    /// Shifts the clock by a number of seconds from the right time.
    pub(crate) fn shift(&self, seconds: i64) -> Result<()> {
        // The library must never read half a number.
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{seconds:+}\n"))
            .and_then(|()| fs::rename(&next, &self.file))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// Returns the environment of the server.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // A correction for old C libraries. With newer ones every timed wait would end at once.
            ("FAKETIME_FORCE_MONOTONIC_FIX", "0".to_owned()),
            // Otherwise the library would also change the times of files, and the broker derives
            // from these what it has recovered.
            ("NO_FAKE_STAT", "1".to_owned()),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value));
        owned.into()
    }
}
