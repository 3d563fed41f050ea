//! The rules of the {aggregate words}.

use factline::{Aggregate, Context, Decision};
use serde::{Deserialize, Serialize};

use crate::records::{Aggregate}Created;
use crate::records::{aggregate}::{self, Command, Event};

/// A stage of its life, with the values that later commands are compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum {Aggregate} {
    #[default]
    Uncreated,
    Created {
        name: String,
    },
}

/// A reason to refuse a command.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the {aggregate words} exists with another name")]
    {Aggregate}Exists,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::{Aggregate}Exists => "{aggregate}_exists",
        }
    }
}

impl Aggregate for {Aggregate} {
    type Type = {aggregate}::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
        match (self, command) {
            (Self::Uncreated, Command::Create{Aggregate}(new)) => {
                Ok(Decision::event({Aggregate}Created { name: new.name }))
            }
            // The same command again changes nothing, so a client may send it twice.
            (Self::Created { name }, Command::Create{Aggregate}(new)) if *name == new.name => {
                Ok(Decision::nothing())
            }
            (Self::Created { .. }, Command::Create{Aggregate}(_)) => Err(Rejection::{Aggregate}Exists),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::{Aggregate}Created(created)) => Self::Created {
                name: created.name.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use factline::testing::given;

    use super::*;
    use crate::records::Create{Aggregate};

    fn create(name: &str) -> Create{Aggregate} {
        Create{Aggregate} { name: name.to_owned() }
    }

    fn created(name: &str) -> Event {
        {Aggregate}Created { name: name.to_owned() }.into()
    }

    #[test]
    fn {aggregate}_is_created_once() {
        given::<{Aggregate}>([]).when(create("a")).then([created("a")]);
        given::<{Aggregate}>([created("a")]).when(create("a")).then_nothing();
        given::<{Aggregate}>([created("a")])
            .when(create("b"))
            .then_rejected(&Rejection::{Aggregate}Exists);
    }
}
