//! Each rule of the handler, broken on purpose: a scenario that finds it, and that finds nothing while the rule is kept.
//!
//! A scenario is a function that runs handlers, one of them with the mutant in its environment, does to them what has to be
//! got over, and answers what is wrong with the log afterwards. Of each there are two tests: nothing is wrong without a
//! mutant, and something is, within a bounded number of rounds, with it. How long that took is told as a line of a table.
//!
//! - `evicted`: the group has given its partitions to another, and it does not know
//! - `foreign`: somebody else's transaction is open on the events
//! - `moved`: its partitions move while all is well
//! - `refused`: the broker refuses one record of a batch
//! - `renamed`: the group has forgotten it, and knows it under another id
//! - `repeated`: commands come twice, before and after it was killed
//! - `storm`: kills, stops and pauses at random
//!
//! One more is a module with a scenario, and a mutant in `factline-failpoints`. What takes minutes is ignored, and run by
//! `cargo test -p factline-handler --features failpoints --test handler -- --ignored --nocapture mutants`.

mod evicted;
mod foreign;
mod moved;
pub(crate) mod refused;
mod renamed;
mod repeated;
mod storm;

use std::time::{Duration, Instant};

use factline_failpoints::Mutant;

use crate::rig;

/// How long commands may take until they count as lost, when everything that was done to the handlers is over: they take two
/// seconds. Who keeps the rules is waited for longer, on however slow a machine.
fn patience(mutant: Option<Mutant>) -> Duration {
    mutant.map_or(rig::PATIENCE, |_| Duration::from_secs(30))
}

/// What was found wrong, in words.
type Wrong = Vec<String>;

/// Asserts that a scenario finds nothing wrong with a handler that keeps its rules.
async fn passes(scenario: impl AsyncFn(Option<Mutant>) -> Wrong) {
    let wrong = scenario(None).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Asserts that a scenario finds a mutant within so many rounds, and tells how long it took.
async fn finds(mutant: Mutant, rounds: u32, scenario: impl AsyncFn(Option<Mutant>) -> Wrong) {
    let begin = Instant::now();
    for round in 1..=rounds {
        if let [first, ..] = scenario(Some(mutant)).await.as_slice() {
            println!(
                "| {} | round {round} | {:.1} s | {first} |",
                mutant.name(),
                begin.elapsed().as_secs_f64()
            );
            return;
        }
    }
    panic!("{} was not found in {rounds} rounds", mutant.name());
}

/// What tells a process to be a mutant, beside what else it is told.
fn environment<'e>(mutant: Option<Mutant>, more: &[(&'e str, &'e str)]) -> Vec<(&'e str, &'e str)> {
    let mutant = mutant.map(|mutant| ("FACTLINE_MUTANT", mutant.name()));
    more.iter().copied().chain(mutant).collect()
}
