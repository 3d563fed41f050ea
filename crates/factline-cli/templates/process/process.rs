//! The process {process words}: its operation is open until the outcome of {Command} is known, or
//! until the time is over.

use std::convert::Infallible;
use std::time::Duration;

use factline::{Aggregate, Conclusion, Context, Deadline, Decision, Timestamp};
use serde::{Deserialize, Serialize};

use crate::records::{process}::{self, Command, Event};
use crate::records::{GiveUp{Process}, {Process}Begun, {Process}Ended};

/// Time after which the process gives up.
const LIMIT: Duration = Duration::from_secs(30);

/// A stage of the workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum {Process} {
    #[default]
    New,
    Waiting(Timestamp),
    Ended,
}

impl Aggregate for {Process} {
    type Type = {process}::Type;
    type Rejection = Infallible;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Infallible> {
        Ok(match (self, command) {
            (Self::New, Command::Begin{Process}(new)) => Decision::event({Process}Begun {
                {target}_id: new.{target}_id,
                until: (context.now() + LIMIT).timestamp_millis(),
            })
            .running(),
            (Self::Waiting(_), Command::Note{Process}(note)) => end(match note.refusal {
                None => Conclusion::completed(),
                Some(why) => Conclusion::rejected("refused", why),
            }),
            (Self::Waiting(_), Command::GiveUp{Process}(_)) => {
                end(Conclusion::timed_out("no_answer", "no answer in time"))
            }
            // A command that is late or repeated.
            _ => Decision::nothing(),
        })
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::{Process}Begun(begun) => {
                Self::Waiting(Timestamp::from_timestamp_millis(begun.until).unwrap_or_default())
            }
            Event::{Process}Ended(_) => Self::Ended,
        }
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        match self {
            Self::Waiting(until) => Some(Deadline::at(*until, GiveUp{Process} {})),
            Self::New | Self::Ended => None,
        }
    }
}

fn end(conclusion: Conclusion) -> Decision<Event> {
    Decision::event({Process}Ended {}).concluding(conclusion)
}

#[cfg(test)]
mod tests {
    use factline::testing::given;

    use super::*;
    use crate::records::{Begin{Process}, Note{Process}};

    fn begun() -> Event {
        let until = (Timestamp::UNIX_EPOCH + LIMIT).timestamp_millis();
        let {target}_id = "1".to_owned();
        {Process}Begun { {target}_id, until }.into()
    }

    fn ended() -> Event {
        {Process}Ended {}.into()
    }

    #[test]
    fn {process}_stays_open_until_the_outcome_is_known() {
        let {target}_id = "1".to_owned();
        given::<{Process}>([])
            .when(Begin{Process} { {target}_id })
            .then([begun()])
            .running();
        let note = |refusal| Note{Process} { refusal };
        given::<{Process}>([begun()])
            .when(note(None))
            .then([ended()])
            .concluding(&Conclusion::completed());
        given::<{Process}>([begun()])
            .when(note(Some("full".to_owned())))
            .then([ended()])
            .concluding(&Conclusion::rejected("refused", "full"));
    }

    #[test]
    fn {process}_gives_up() {
        given::<{Process}>([begun()])
            .when_due()
            .then([ended()])
            .concluding(&Conclusion::timed_out("no_answer", "no answer in time"));
    }
}
