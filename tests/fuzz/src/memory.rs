//! The memory that an input costs.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Maximum number of bytes that an input may cost beside itself: 4 MiB.
pub const MOST_MEMORY: usize = 4 << 20;

/// Returns the maximum number of bytes that a function keeps at a time.
pub(crate) fn peak_of(run: impl FnOnce()) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    run();
    ALLOCATOR.peak_usage().saturating_sub(before)
}
