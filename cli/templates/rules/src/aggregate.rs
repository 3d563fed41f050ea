//! A {aggregate}, from its creation on.

use factline::{Aggregate, Decision, Timestamp};
use serde::{Deserialize, Serialize};
use {context}_schemas::{aggregate}::{Command, Event};
use {context}_schemas::{Aggregate}Created;

use crate::Rejection;

#[cfg(test)]
mod tests;

/// A {aggregate}'s stage of life. Contents are kept only as far as a later command is compared with them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum {Aggregate} {
    /// Nobody has created a {aggregate} under this id.
    #[default]
    Uncreated,
    /// It is there.
    Created {
        /// Compared when it is created again.
        name: String,
    },
}

impl Aggregate for {Aggregate} {
    const TYPE: &'static str = "{context}.{aggregate}";

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Decision<Event>, Rejection> {
        use Command::Create{Aggregate} as Create;
        use {Aggregate}::{Created, Uncreated};

        match (self, command) {
            (Uncreated, Create(command)) => Ok(Decision::event({Aggregate}Created {
                {aggregate}_id: command.{aggregate}_id,
                name: command.name,
            })),
            (Created { name }, Create(command)) if command.name == *name => Ok(Decision::nothing()),
            (Created { .. }, Create(_)) => Err(Rejection::{Aggregate}Exists),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Uncreated, Event::{Aggregate}Created(event)) => Self::Created {
                name: event.name.clone(),
            },
            // No rule makes such a pair. A fact may look odd, but it never stops a replay.
            (created @ Self::Created { .. }, Event::{Aggregate}Created(_)) => created,
        }
    }
}
