//! Known inputs, and random changes of them. `FACTLINE_SEED` takes the same changes again.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use factline_testkit::seeded_random;
use fuzz::{TARGETS, Target};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// Number of changed inputs of each target: less than a minute for all of them.
const CASES: usize = 50_000;

/// Bytes and texts at which readers branch.
const PIECES: [&[u8]; 20] = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80",
    b"\n",
    b": ",
    b"\"",
    b"\\",
    b"\"\":0,",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":",
    b"null",
    b"-1",
    b"1e999",
    b"9223372036854775808",
    b"\xe2\x80\xae",
    b"/",
    b"~",
    b",",
    b"2026-02-29T23:59:60Z",
];

/// Returns the known inputs of a target: the valid ones, and those that once were treated wrongly.
fn known(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let files = fs::read_dir(&folder).into_iter().flatten();
    let found = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    (target.seeds)().into_iter().chain(found).collect()
}

/// Changes an input in one to four places.
fn change(random: &mut StdRng, known: &[Vec<u8>]) -> Vec<u8> {
    let mut input = known.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=input.len());
        let to = random.random_range(at..=input.len().min(at + 64));
        match random.random_range(0..6) {
            0 => {
                input.drain(at..to);
            }
            1 => {
                let piece = PIECES.choose(random).copied().unwrap_or_default();
                input.splice(at..at, piece.iter().copied());
            }
            2 => {
                // What is small once may be large many times.
                let piece = input[at..to].repeat(1 << random.random_range(0..12));
                input.splice(at..at, piece);
            }
            3 => {
                let other = known.choose(random).map_or(&[][..], Vec::as_slice);
                let from = random.random_range(0..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            _ => {
                for byte in &mut input[at..to] {
                    *byte = random.random();
                    if random.random_bool(0.7) {
                        break;
                    }
                }
            }
        }
    }
    input
}

/// One test, because the memory of all threads counts.
#[test]
fn changed_inputs_are_read_or_refused() {
    let mut random = seeded_random();
    for target in &TARGETS {
        let known = known(target);
        for input in &known {
            run(target, input);
        }
        for _ in 0..CASES {
            run(target, &change(&mut random, &known));
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let read = catch_unwind(AssertUnwindSafe(|| target.run(input)));
    let start = &input[..input.len().min(2_000)];
    assert!(read.is_ok(), "{}: {}", target.name, start.escape_ascii());
}
