//! The policy {policy words}: what follows from events of the {source}.

use factline::{AggregateType as _, Contract, Emit, Fact, Policy};

use crate::records::{{modules}};

pub struct {Policy};

impl Policy for {Policy} {
    // It names the consumer group and the ids of the commands, so it never changes.
    const NAME: &'static str = "{policy-}";
    const TARGETS: &'static [&'static Contract] = &[{target}::Type::CONTRACT];

    type Source = {source}::Type;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        match fact.event() {
            Some(Event::{Event}({variable})) => {
                let command = {sent};
                vec![Emit::to::<{target}::Type>(fact.subject(), command)]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use factline::testing::{happened, react};

    use super::*;

    #[test]
    fn {event words}_leads_to_{command words}() {
        let fact = happened::<Event>("1", {happened});
        let command = {expected};
        assert_eq!(
            react::<{Policy}>(&fact),
            [Emit::to::<{target}::Type>("1", command)]
        );
    }
}
