//! Where things lie on disk: the ignored folder `.factline` of a checkout, or the folder named by `FACTLINE_HOME`.
//!
//! `servers/` holds the unpacked servers, `data/` the data of `./dev up`, `logs/` and `run/` its logs and pid files.

use std::env;
use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The root of the checkout that this crate was built in.
pub fn checkout() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().unwrap_or(crate_dir).to_path_buf()
}

/// The folder that holds everything that is not source: `FACTLINE_HOME`, or `.factline` in the checkout.
pub fn home() -> PathBuf {
    let home = env::var_os("FACTLINE_HOME").map(PathBuf::from);
    let home = home.and_then(|home| std::path::absolute(home).ok());
    home.unwrap_or_else(|| checkout().join(".factline"))
}

/// Makes `dir`, readable by everybody whatever the umask, because as root PostgreSQL runs as another user.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o755))),
    }
    .with_context(|| format!("cannot make the folder {}", dir.display()))
}

/// Whether a user without privileges can walk down to `path`.
pub(crate) fn open_to_all(path: &Path) -> bool {
    path.ancestors()
        .filter(|folder| !folder.as_os_str().is_empty())
        .all(|folder| fs::metadata(folder).is_ok_and(|found| found.mode() & 0o001 != 0))
}

/// The folder for files that an unprivileged user must reach when `data_dir` is closed to others, as one in root's own folder is.
/// Its name derives from `data_dir`, so that every run of one checkout finds it again.
pub(crate) fn open_home(home: &Path) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    let dir = PathBuf::from(format!("/var/tmp/factline-{:016x}", hasher.finish()));
    make_dir(&dir)?;
    let found = fs::symlink_metadata(&dir)
        .with_context(|| format!("cannot look at the folder {}", dir.display()))?;
    // Others may write in /var/tmp: never trust a folder that somebody else has put there.
    ensure!(
        found.is_dir() && found.uid() == rustix::process::getuid().as_raw(),
        "the folder {} belongs to another user",
        dir.display()
    );
    Ok(dir)
}

/// A folder for throw-away data that every user can walk into.
pub(crate) fn scratch() -> PathBuf {
    let preferred = env::temp_dir();
    if open_to_all(&preferred) {
        preferred
    } else {
        PathBuf::from("/tmp")
    }
}
