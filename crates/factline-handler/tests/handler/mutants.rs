//! Scenarios that break each rule of the handler on purpose. A scenario detects the broken rule,
//! and it finds no error while the rule is kept.
//!
//! A scenario is a function that runs handlers, one of them with the mutant in its environment. It
//! disturbs them and returns the errors in the log afterwards. Each scenario has two tests. Without
//! a mutant there are no errors. With the mutant there are errors within a bounded number of
//! rounds, and the test prints the duration as a row of a table.
//!
//! - `cancelled`: commands and their cancels race, while handlers are killed
//! - `evicted`: the handler is expelled from the group and does not know it
//! - `foreign`: a transaction of another producer is open on the events
//! - `moved`: partitions move while their first owner is healthy
//! - `refused`: the broker rejects one record of a batch
//! - `renamed`: the group has removed a member and knows it by a new member id
//! - `repeated`: commands are repeated, before and after the handler was killed
//! - `storm`: kills, stops and pauses at random
//!
//! To add one, write a module with a scenario and a mutant in `factline-failpoints`. Scenarios that
//! take minutes are ignored. They are run by `cargo test -p factline-handler --features failpoints
//! --test handler -- --ignored --nocapture mutants`.

mod cancelled;
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

/// Time after which commands count as lost, once the disturbance is over. They take two seconds. A
/// handler that keeps the rules gets more time, because the machine may be slow.
fn patience(mutant: Option<Mutant>) -> Duration {
    mutant.map_or(rig::PATIENCE, |_| Duration::from_secs(30))
}

/// Descriptions of the errors that were found.
type Wrong = Vec<String>;

/// Asserts that a scenario finds no error with a handler that keeps its rules.
async fn passes(scenario: impl AsyncFn(Option<Mutant>) -> Wrong) {
    let wrong = scenario(None).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Asserts that a scenario detects a mutant within `rounds` rounds, and prints the duration.
#[cfg_attr(
    not(feature = "failpoints"),
    expect(dead_code, reason = "without failpoints there is no mutant")
)]
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
    panic!("{} was not detected in {rounds} rounds", mutant.name());
}

/// Returns the environment that makes a process a mutant, extended by other variables.
fn environment<'e>(mutant: Option<Mutant>, more: &[(&'e str, &'e str)]) -> Vec<(&'e str, &'e str)> {
    let mutant = mutant.map(|mutant| ("FACTLINE_MUTANT", mutant.name()));
    more.iter().copied().chain(mutant).collect()
}
