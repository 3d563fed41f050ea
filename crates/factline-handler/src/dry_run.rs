//! Dry runs: decides recorded commands again, by the rules of this program, and compares.
//!
//! For tools. A run reads one partition of an aggregate type: the outcomes give the order of the
//! decisions, the commands what was asked, and the events the state that each decision was based
//! on. Each command and each deadline is decided by the code that a handler uses, on the fold of
//! the recorded events before it, at its recorded time and for its recorded actor. Nothing is
//! written.
//!
//! - `log`: the records of a partition; `replay`: the order in which they are read
//! - `states`: the fold of events; `commands`: finds the record of a command
//! - `candidate`: the decision of this program; `recorded`: the one in the log
//! - `result`: the form in which both are compared
//! - `verdict`, `about`: the result of the comparison

mod about;
mod candidate;
mod codecs;
mod commands;
mod log;
mod recorded;
mod replay;
mod result;
mod states;
mod verdict;

pub use codecs::OwnCodecs;
pub use log::{Command, Encoding, Error, Log, ReadError, Records, Schemas};
pub use result::{DecidedEvent, DecisionResult, Ended};
pub use verdict::{Difference, Reason, Skipped, Verdict};

pub(crate) use replay::compare;
