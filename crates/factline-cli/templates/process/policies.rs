//! The links between the {process words} and the {target name}.

use factline::outcome::State;
use factline::{AggregateType as _, Contract, Emit, Fact, Policy};

use crate::records::{{Command}, Note{Process}, {process}, {target}};

/// Sends the command of the process.
pub struct Requests;

impl Policy for Requests {
    // It names the consumer group and the ids of the commands, so it never changes.
    const NAME: &'static str = "{process-}-requests";
    const TARGETS: &'static [&'static Contract] = &[{target}::Type::CONTRACT];

    type Source = {process}::Type;

    fn react(fact: &Fact<{process}::Event>) -> Vec<Emit> {
        match fact.event() {
            Some({process}::Event::{Process}Begun(begun)) => {
                let command = {command};
                vec![Emit::to::<{target}::Type>(&begun.{target}_id, command).of_process()]
            }
            _ => Vec::new(),
        }
    }
}

/// Tells the process the outcome of its command.
pub struct Answers;

impl Policy for Answers {
    const NAME: &'static str = "{process-}-answers";
    const TARGETS: &'static [&'static Contract] = &[{process}::Type::CONTRACT];

    type Source = {target}::Type;

    fn react(fact: &Fact<{target}::Event>) -> Vec<Emit> {
        let process = fact.process({process}::Type::NAME);
        let outcome = fact.outcome().filter(|outcome| outcome.name == {Command}::NAME);
        let Some((process, outcome)) = process.zip(outcome) else {
            return Vec::new();
        };
        let refusal = match outcome.state {
            State::Completed => None,
            state => Some(outcome.reason.clone().unwrap_or_else(|| state.as_str().to_owned())),
        };
        vec![Emit::to::<{process}::Type>(process, Note{Process} { refusal })]
    }
}

#[cfg(test)]
mod tests {
    use factline::testing::{ended, happened, react};

    use super::*;

    #[test]
    fn begin_leads_to_the_command() {
        let begun = crate::records::{Process}Begun {
            {target}_id: "1".to_owned(),
            until: 0,
        };
        let fact = happened::<{process}::Event>("7", begun);
        let command = {command};
        assert_eq!(
            react::<Requests>(&fact),
            [Emit::to::<{target}::Type>("1", command).of_process()]
        );
    }

    #[test]
    fn outcome_is_noted() {
        let outcome = ended::<{target}::Event>("1", {Command}::NAME, State::Completed, None)
            .of_process({process}::Type::NAME, "7");
        let note = Note{Process} { refusal: None };
        assert_eq!(
            react::<Answers>(&outcome),
            [Emit::to::<{process}::Type>("7", note)]
        );
    }
}
