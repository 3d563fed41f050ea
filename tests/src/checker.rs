//! The judge of a run: from its [`History`] to everything about it that exactly-once forbids.
//!
//! Pure and synchronous. It believes nobody: not the tracker, not the views, and of the handlers only what they committed,
//! which it decides again by the contexts' own rules.

pub mod history;

pub use history::{
    Answer, History, Letter, Logged, Moment, Moved, Observation, Read, Records, Request, Rows,
    Shown, Status,
};
