//! The judge of a run: from its [`History`] to everything about it that exactly-once forbids.
//!
//! Pure and synchronous. It believes nobody: not the tracker, not the views, and of the handlers only what they committed,
//! which it decides again by the contexts' own rules. It is told a run that has come to rest: commands that are still under
//! way are violations.
//!
//! - [`history`]: what is known; [`violation`]: what can be wrong with it
//! - `ends`: each command ends once, and everybody is told the same
//! - `numbers`: versions and sequences; `real_time`, `decisions`: linearizability
//! - `views`, `reads`, `money`: what is read, and what it comes to
//!
//! One more aggregate type is a line in [`check`]. What it cannot see: a command that clients know nothing of and that the log
//! has lost altogether, and times by the handlers' own clocks.

mod decisions;
mod ends;
pub mod history;
mod money;
mod numbers;
mod reads;
mod real_time;
mod typed;
pub mod views;
pub mod violation;

pub use history::{
    Answer, History, Letter, Logged, Moment, Moved, Observation, Read, Records, Request, Rows,
    Shown, Status,
};
pub use violation::{At, Violation};

/// Everything that is wrong with a run; nothing, if it was exactly once.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = ends::requests(history);
    for (aggregate, log) in &history.logs {
        found.extend(ends::outcomes(aggregate, log));
        found.extend(numbers::events(aggregate, log));
        found.extend(numbers::letters(aggregate, log));
    }
    found.extend(real_time::order(history));
    found.extend(decisions::again::<catalog::Product>(
        history,
        &catalog::PRODUCT,
    ));
    found.extend(decisions::again::<checkout::Checkout>(
        history,
        &checkout::CHECKOUT,
    ));
    found.extend(decisions::again::<ordering::Order>(
        history,
        &ordering::ORDER,
    ));
    found.extend(decisions::again::<payment::Payment>(
        history,
        &payment::PAYMENT,
    ));
    found.extend(views::rows(history));
    found.extend(ends::tracker(history));
    found.extend(ends::observations(history));
    found.extend(money::kept(history));
    found.extend(reads::shown(history));
    found
}
