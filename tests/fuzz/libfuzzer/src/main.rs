//! Runs the target that `FUZZ_TARGET` names with libFuzzer. `./dev fuzz` builds and starts it.

#![no_main]

use std::sync::LazyLock;

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let target = TARGETS.into_iter().find(|target| target.name == name);
    target.unwrap_or_else(|| {
        let names = TARGETS.map(|target| target.name).join(", ");
        panic!("FUZZ_TARGET={name} is no target; there are {names}")
    })
});

/// Writes the valid inputs to the folder that `FUZZ_SEEDS` names, from which libFuzzer reads them.
fn write_seeds() {
    let folder = std::env::var("FUZZ_SEEDS").expect("FUZZ_SEEDS names a folder");
    for (number, seed) in (TARGET.seeds)().iter().enumerate() {
        let file = format!("{folder}/seed-{number}");
        std::fs::write(file, seed).expect("the seeds can be written");
    }
}

fuzz_target!(init: write_seeds(), |input: &[u8]| TARGET.run(input));
