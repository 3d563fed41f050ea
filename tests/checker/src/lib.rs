//! The checker of a run: derives from its [`History`] every violation of exactly-once.
//!
//! It is pure and synchronous. It trusts neither the tracker nor the views. Of the handlers it
//! trusts only the committed records, whose decisions it replays by the contexts' own rules. Its
//! input is a quiescent run: commands without an end are violations.
//!
//! - [`history`]: the input; [`violation`]: the possible violations
//! - `ends`: each command ends once, and all clients see the same end
//! - `numbers`: versions and sequences; `real_time`, `decisions`: linearizability
//! - `views`, `reads`, `money`: rows, reads of rows, and sums of money
//!
//! To add an aggregate type, add a line in [`check`]. The checker cannot detect a command that no
//! client knows of and that the log has lost completely, nor wrong times by the handlers' own
//! clocks.

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

/// Returns all violations of a run; none if every command was executed exactly once.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = ends::requests(history);
    for (aggregate, log) in &history.logs {
        found.extend(ends::outcomes(aggregate, log));
        found.extend(numbers::events(aggregate, log));
        found.extend(numbers::letters(aggregate, log));
    }
    found.extend(real_time::order(history));
    found.extend(decisions::replay_all::<catalog::Product>(history));
    found.extend(decisions::replay_all::<checkout::Checkout>(history));
    found.extend(decisions::replay_all::<ordering::Order>(history));
    found.extend(decisions::replay_all::<payment::Payment>(history));
    found.extend(decisions::replay_all::<factline_schedule::Schedule>(
        history,
    ));
    found.extend(views::rows(history));
    found.extend(ends::tracker(history));
    found.extend(ends::observations(history));
    found.extend(money::kept(history));
    found.extend(reads::shown(history));
    found
}
