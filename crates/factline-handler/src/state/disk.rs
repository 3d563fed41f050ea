//! The part of the state that is on disk: a cache of committed state that nothing reads after a
//! restart.
//!
//! Each process has a folder of its own. Each partition has areas in it, which are deleted with the
//! partition. The database writes without syncing, because what a crash loses is read from Kafka
//! again. After an error the database is given up: the worker ends, its successor recovers the
//! partitions, and their areas are in another database.
//!
//! The library is chosen by measurement, see `docs/decisions/0025-states-on-disk.md`.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use uuid::Uuid;

/// The size in bytes of the newest records of an area, which are in memory: a part of the cache,
/// because a process may have many areas.
const MEMTABLES: std::ops::RangeInclusive<u64> = (256 << 10)..=(4 << 20);

/// The disk fails, or takes nothing more.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder of states {folder}")]
pub(crate) struct DiskError {
    folder: String,
    source: fjall::Error,
}

/// The folder of a process. Nothing is created before something is written.
#[derive(Debug)]
pub(crate) struct Disk {
    parent: PathBuf,
    /// Size of the database's cache in bytes.
    cache: u64,
    /// The database lives as long as its areas.
    open: Mutex<Weak<Opened>>,
}

/// Tells this process from earlier ones with the same number: in a container, each has number 1.
static PROCESS: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);

/// Number of areas and databases of this process so far, for their names.
static COUNT: AtomicU64 = AtomicU64::new(0);

fn next_number() -> u64 {
    COUNT.fetch_add(1, Ordering::Relaxed)
}

struct Opened {
    database: Database,
    folder: String,
    is_broken: AtomicBool,
}

/// A map from bytes to bytes.
pub(crate) struct Area {
    disk: Arc<Disk>,
    open: Option<(Arc<Opened>, Keyspace)>,
}

/// A change of an area: a key, and its value unless it is removed.
pub(crate) type Change = (Vec<u8>, Option<Vec<u8>>);

impl std::fmt::Debug for Opened {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.folder)
    }
}

impl std::fmt::Debug for Area {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "area in {}", self.disk.parent.display())
    }
}

impl Disk {
    pub(crate) fn new(parent: PathBuf, cache: u64) -> Self {
        Self {
            parent,
            cache,
            open: Mutex::default(),
        }
    }

    /// Returns the database, which is opened now if none is open or the last one is broken.
    fn opened(&self) -> Result<Arc<Opened>, DiskError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = open.upgrade()
            && !opened.is_broken.load(Ordering::Relaxed)
        {
            return Ok(opened);
        }
        let own = format!("{}-{}-{}", std::process::id(), *PROCESS, next_number());
        let folder = self.parent.join(own);
        self.remove_folders_of_ended_processes();
        let name = folder.display().to_string();
        tracing::info!(folder = name, "moving states to the disk");
        let database = Database::builder(&folder)
            .cache_size(self.cache)
            .worker_threads(1)
            .temporary(true)
            .open();
        let database = database.map_err(|source| DiskError {
            folder: name.clone(),
            source,
        })?;
        let opened = Arc::new(Opened {
            database,
            folder: name,
            is_broken: AtomicBool::new(false),
        });
        *open = Arc::downgrade(&opened);
        Ok(opened)
    }

    /// Removes what processes have left that were killed. Only Linux says which processes exist. A
    /// folder that cannot be removed does no harm.
    fn remove_folders_of_ended_processes(&self) {
        let processes = std::path::Path::new("/proc");
        if !processes.join("self").exists() {
            return;
        }
        let own = std::process::id().to_string();
        for folder in std::fs::read_dir(&self.parent)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = folder.file_name();
            let Some((process, rest)) = name.to_str().and_then(|name| name.split_once('-')) else {
                continue;
            };
            let is_other = process != own || !rest.starts_with(&PROCESS.to_string());
            let is_running = process != own && processes.join(process).exists();
            if process.parse::<u32>().is_ok() && is_other && !is_running {
                let _ = std::fs::remove_dir_all(folder.path());
            }
        }
    }
}

impl Opened {
    /// Gives the database up after an error.
    fn broken(&self, source: fjall::Error) -> DiskError {
        self.is_broken.store(true, Ordering::Relaxed);
        DiskError {
            folder: self.folder.clone(),
            source,
        }
    }
}

impl Area {
    /// Creates an empty area.
    pub(crate) fn of(disk: &Arc<Disk>) -> Self {
        Self {
            disk: Arc::clone(disk),
            open: None,
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        let Some((opened, keyspace)) = &self.open else {
            return Ok(None);
        };
        let value = keyspace.get(key).map_err(|error| opened.broken(error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// Applies changes, all of them or none.
    pub(crate) fn write(&mut self, changes: Vec<Change>) -> Result<(), DiskError> {
        if changes.is_empty() {
            return Ok(());
        }
        if self.open.is_none() {
            let opened = self.disk.opened()?;
            let name = format!("area-{}", next_number());
            let size = (self.disk.cache / 16).clamp(*MEMTABLES.start(), *MEMTABLES.end());
            let options = || KeyspaceCreateOptions::default().max_memtable_size(size);
            let keyspace = opened.database.keyspace(&name, options);
            let keyspace = keyspace.map_err(|error| opened.broken(error))?;
            self.open = Some((opened, keyspace));
        }
        let Some((opened, keyspace)) = &self.open else {
            return Ok(());
        };
        let mut batch = opened.database.batch();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(keyspace, key, value),
                None => batch.remove(keyspace, key),
            }
        }
        batch.commit().map_err(|error| opened.broken(error))
    }

    /// Returns the entries whose keys begin with these bytes, in the order of their keys.
    pub(crate) fn entries(&self, prefix: &[u8]) -> Entries {
        Entries::of(self.open.as_ref(), |keyspace| keyspace.prefix(prefix))
    }

    /// Returns the entries whose keys are in a range, in the order of their keys.
    pub(crate) fn range(&self, keys: Range<&[u8]>) -> Entries {
        Entries::of(self.open.as_ref(), |keyspace| keyspace.range(keys))
    }
}

/// Entries of an area, as they were when they were asked for.
pub(crate) struct Entries(Option<(Arc<Opened>, fjall::Iter)>);

impl Entries {
    fn of(
        open: Option<&(Arc<Opened>, Keyspace)>,
        entries: impl FnOnce(&Keyspace) -> fjall::Iter,
    ) -> Self {
        Self(open.map(|(opened, keyspace)| (Arc::clone(opened), entries(keyspace))))
    }
}

impl Iterator for Entries {
    type Item = Result<(Vec<u8>, Vec<u8>), DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (opened, entries) = self.0.as_mut()?;
        let entry = entries.next()?.into_inner();
        let entry = entry.map(|(key, value)| (key.to_vec(), value.to_vec()));
        Some(entry.map_err(|error| opened.broken(error)))
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        if let Some((opened, keyspace)) = self.open.take()
            && let Err(error) = opened.database.delete_keyspace(keyspace)
        {
            // It leaves the disk with the process's folder.
            tracing::debug!(%error, "cannot delete an area of states");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(folder: &tempfile::TempDir) -> Arc<Disk> {
        Arc::new(Disk::new(folder.path().to_owned(), 8 << 20))
    }

    fn put(area: &mut Area, key: &str, value: &str) {
        area.write(vec![(key.into(), Some(value.into()))]).unwrap();
    }

    #[test]
    fn areas_are_apart_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder);
        let (mut one, other) = (Area::of(&disk), Area::of(&disk));
        assert_eq!(one.get(b"a").unwrap(), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        put(&mut one, "a", "1");
        put(&mut one, "ab", "2");
        put(&mut one, "b", "3");
        assert_eq!(one.get(b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(other.get(b"a").unwrap(), None);
        let entries: Vec<_> = one.entries(b"a").map(Result::unwrap).collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(one.range(b"ab"..b"b").count(), 1);
        assert_eq!(other.range(b"a"..b"b").count(), 0);
        one.write(vec![(b"a".to_vec(), None)]).unwrap();
        assert_eq!(one.get(b"a").unwrap(), None);
        drop((one, other, disk));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn folders_of_killed_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: String| folder.path().join(name);
        // No process has the first number: Linux has at most 2^22. The second is that of a process
        // in another container.
        let (old, own) = (Uuid::new_v4(), std::process::id());
        let left = [format!("99999999-{old}-0"), format!("{own}-{old}-0")].map(path);
        let kept = ["notes".to_owned(), format!("{own}-{}-x", *PROCESS)].map(path);
        for folder in left.iter().chain(&kept) {
            std::fs::create_dir(folder).unwrap();
        }
        put(&mut Area::of(&disk(&folder)), "a", "1");
        assert!(left.iter().all(|folder| !folder.exists()));
        assert!(kept.iter().all(|folder| folder.exists()));
    }

    #[test]
    fn folder_that_cannot_be_created_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let disk = Arc::new(Disk::new(file.clone(), 8 << 20));
        let failed = Area::of(&disk).write(vec![(vec![1], None)]).unwrap_err();
        assert!(failed.to_string().contains(&file.display().to_string()));
    }
}
