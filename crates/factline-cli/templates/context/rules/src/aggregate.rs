//! The rules of a {aggregate}, from its creation on.

use factline::{Aggregate, Context, Decision};
use serde::{Deserialize, Serialize};
use {context}_schemas::{aggregate}::{self, Command, Event};
use {context}_schemas::{Aggregate}Created;

use crate::Rejection;

#[cfg(test)]
mod tests;

/// A {aggregate}'s stage of life. It keeps only values that a later command is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum {Aggregate} {
    /// No {aggregate} was created under this id.
    #[default]
    Uncreated,
    /// The {aggregate} was created.
    Created {
        /// Compared when it is created again.
        name: String,
    },
}

impl Aggregate for {Aggregate} {
    type Type = {aggregate}::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
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
            // No rule produces this pair. An unexpected fact never halts a replay.
            (created @ Self::Created { .. }, Event::{Aggregate}Created(_)) => created,
        }
    }
}
