//! Fuzz targets: everything that a client of HTTP or a foreign producer of records sends.
//!
//! A [`Target`] is a function of bytes. It must not panic. Its answer is a value or a typed error.
//! What it accepts must come back unchanged when it is written and read again. No input may cost
//! more memory than the target allows, which is 4 MiB for everything that a client sends.
//!
//! - `cargo test -p fuzz` changes the known inputs at random, with a fixed number of cases
//! - `./dev fuzz` runs libFuzzer, which finds inputs that reach new branches, for any time
//! - `corpus/<target>/` has the inputs that were found; both begin with them
//!
//! To add a target, add its module to `targets` and its line to [`TARGETS`].

mod memory;
mod targets;

pub use memory::MOST_MEMORY;

/// Something that reads bytes of a client or of a foreign producer.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name, which is that of the folder with its inputs.
    pub name: &'static str,
    /// Maximum size of an input in bytes, as the servers enforce it.
    pub most_bytes: usize,
    /// Valid inputs, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Maximum number of bytes of memory that an input may cost beside itself, for each byte of it,
    /// in addition to [`MOST_MEMORY`].
    memory_of_byte: usize,
    /// Reads an input, and panics if it is treated wrongly.
    read: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    targets::body::TARGET,
    targets::headers::TARGET,
    targets::position::TARGET,
    targets::hint::TARGET,
    targets::cursor::TARGET,
    targets::webhook::TARGET,
    targets::avro::TARGET,
    targets::envelope::TARGET,
];

impl Target {
    /// Reads an input.
    ///
    /// # Panics
    ///
    /// If the input is treated wrongly, or costs too much memory. Only one thread may call it at a
    /// time, because the memory of all threads counts.
    pub fn run(&self, input: &[u8]) {
        if input.len() > self.most_bytes {
            return;
        }
        let bytes = memory::peak_of(|| (self.read)(input));
        let most = MOST_MEMORY + self.memory_of_byte * input.len();
        assert!(
            bytes <= most,
            "{}: an input of {} bytes costs {bytes} bytes of memory",
            self.name,
            input.len()
        );
    }
}
