//! Memory and disk of a process, which all its handlers share.

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
        let create = || {
            let limit = options.memory_mb.map(|limit| u64::from(limit) << 20);
            let memory = MemoryBudget::of_process(limit);
            tracing::info!(bytes = memory.bytes(), "memory budget of states");
            let cache = (memory.bytes() / 16).max(MIN_CACHE);
            let folder = options.state_dir.clone();
            let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("factline-states"));
            Shared {
                memory: Arc::new(memory),
                disk: Arc::new(Disk::new(folder, cache)),
            }
        };
        self.0.get_or_init(create).clone()
    }
}
