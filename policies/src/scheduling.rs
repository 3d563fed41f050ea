//! The policy of schedules: an occurrence becomes the command that the schedule holds.

use factline::{Contract, Emit, Fact, Policy};
use factline_schedule::schedule::{self, Event};

/// The policy. Any command of the store may be scheduled.
#[derive(Debug)]
pub struct Schedules;

impl Policy for Schedules {
    const NAME: &'static str = "schedules";
    const TARGETS: &'static [&'static Contract] = contracts::ALL;

    type Source = schedule::Type;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        factline_schedule::commands(fact, Self::TARGETS).collect()
    }
}
