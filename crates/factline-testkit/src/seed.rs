//! Seeds of random tests. A failing test shows its seed, and the seed repeats its choices.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Environment variable with the seed of every random test. Without it, each test has another seed.
pub const VARIABLE: &str = "FACTLINE_SEED";

/// Returns the seed of a random test, and prints it.
///
/// # Panics
/// If the environment variable is not a number.
pub fn seed() -> u64 {
    let given = std::env::var(VARIABLE).ok();
    let seed = given.map_or_else(rand::random, |text| {
        let number = text.parse();
        number.unwrap_or_else(|error| panic!("{VARIABLE} is {text:?}: {error}"))
    });
    println!("seed {seed}");
    seed
}

/// Returns a generator with the [`seed`] of this test, and prints the seed.
pub fn seeded_random() -> StdRng {
    StdRng::seed_from_u64(seed())
}
