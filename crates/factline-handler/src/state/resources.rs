//! Memory and disk of a process, which all its handlers share.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::disk::Disk;
use super::memory::MemoryBudget;
use crate::Options;

/// The memory and the disk of a process. Clones are the same; they belong to the first options that
/// a handler is started with.
#[derive(Debug, Clone, Default)]
pub struct Resources(Arc<OnceLock<Shared>>);

/// The same for the partitions.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) disk: Arc<Disk>,
}

/// The least cache of the database on disk, in bytes.
const MIN_CACHE: u64 = 4 << 20;

impl Resources {
    pub(crate) fn shared(&self, options: &Options) -> Shared {
        let create = || Shared::new(options.memory_mb, options.state_dir.clone());
        self.0.get_or_init(create).clone()
    }
}

impl Shared {
    /// Creates them with a memory limit in mebibytes and a folder, or with the defaults of
    /// [`Options`].
    pub(crate) fn new(memory_mb: Option<u32>, folder: Option<PathBuf>) -> Self {
        let limit = memory_mb.map(|limit| u64::from(limit) << 20);
        let memory = MemoryBudget::of_process(limit);
        tracing::info!(bytes = memory.bytes(), "memory budget of states");
        let cache = (memory.bytes() / 16).max(MIN_CACHE);
        let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("factline-states"));
        Self {
            memory: Arc::new(memory),
            disk: Arc::new(Disk::new(folder, cache)),
        }
    }
}
