//! Locations on disk: the ignored folder `.factline` of a project, or the folder named by
//! `FACTLINE_HOME`.
//!
//! `servers/` holds the unpacked servers, `data/` the data of `up`, `logs/` and `run/` its logs and
//! pid files.

use std::env;
use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Returns the folder of everything that is not source: `FACTLINE_HOME`, or `.factline` in the
/// project's folder.
pub fn home() -> PathBuf {
    let named = env::var_os("FACTLINE_HOME").map(PathBuf::from);
    let named = named.and_then(|home| std::path::absolute(home).ok());
    named.unwrap_or_else(|| project(&env::current_dir().unwrap_or_default()).join(".factline"))
}

/// Returns the folder of the project that `folder` is part of. The first folder above it that has a
/// `.factline` wins, so that all examples of a repository share its servers. If there is none, the
/// first with a `Cargo.lock` wins: cargo runs the tests of a member in the member's folder.
fn project(folder: &Path) -> &Path {
    let with = |name: &str| folder.ancestors().find(|above| above.join(name).exists());
    with(".factline")
        .or_else(|| with("Cargo.lock"))
        .unwrap_or(folder)
}

/// Creates `dir`, readable by all users whatever the umask, because as root PostgreSQL runs as
/// another user.
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
    .with_context(|| format!("cannot create the folder {}", dir.display()))
}

/// Returns true if a user without privileges can reach `path`.
pub(crate) fn open_to_all(path: &Path) -> bool {
    path.ancestors()
        .filter(|folder| !folder.as_os_str().is_empty())
        .all(|folder| fs::metadata(folder).is_ok_and(|found| found.mode() & 0o001 != 0))
}

/// Returns the folder for files that an unprivileged user must reach when `home` is closed to
/// other users, such as a folder below root's home. Its name derives from `home`, so that every
/// run of one checkout finds it.
pub(crate) fn open_home(home: &Path) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    let dir = PathBuf::from(format!("/var/tmp/factline-{:016x}", hasher.finish()));
    make_dir(&dir)?;
    let found = fs::symlink_metadata(&dir)
        .with_context(|| format!("cannot read the metadata of the folder {}", dir.display()))?;
    // Other users may write in /var/tmp: never trust a folder that another user has created.
    ensure!(
        found.is_dir() && found.uid() == rustix::process::getuid().as_raw(),
        "the folder {} belongs to another user",
        dir.display()
    );
    Ok(dir)
}

/// Returns a folder for throw-away data that every user can reach.
pub(crate) fn scratch() -> PathBuf {
    let preferred = env::temp_dir();
    if open_to_all(&preferred) {
        preferred
    } else {
        PathBuf::from("/tmp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_is_the_nearest_folder_with_servers_and_else_with_a_lock_file() {
        let root = tempfile::tempdir().unwrap();
        let member = root.path().join("examples/one/src");
        fs::create_dir_all(&member).unwrap();
        fs::write(root.path().join("examples/one/Cargo.lock"), "").unwrap();
        assert_eq!(project(&member), root.path().join("examples/one"));
        fs::create_dir(root.path().join(".factline")).unwrap();
        assert_eq!(project(&member), root.path());
    }
}
