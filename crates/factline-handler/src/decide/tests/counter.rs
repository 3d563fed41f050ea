//! Aggregate for tests: a counter whose commands name the steps that its rules take.

use factline::{Aggregate, AggregateType, Conclusion, Context, Deadline, Decision, Timestamp};
use serde::{Deserialize, Serialize};

use super::messages::{Event, Step, Take, Taken};

pub(super) struct CounterType;

impl AggregateType for CounterType {
    const NAME: &'static str = "test.counter";
    const PARTITIONS: i32 = 2;

    type Command = Take;
    type Event = Event;
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) total: i64,
    due: i64,
    at_due: Step,
    at_cancel: Step,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the total is {total}")]
pub(super) struct Refused {
    total: i64,
}

impl factline::Rejection for Refused {
    fn code(&self) -> &'static str {
        "refused"
    }
}

impl Aggregate for Counter {
    type Type = CounterType;
    type Rejection = Refused;

    fn decide(&self, command: Take, context: &Context) -> Result<Decision<Event>, Refused> {
        let Take {
            step,
            amount,
            due,
            at_due,
            at_cancel,
        } = command;
        let taken = Taken {
            step,
            amount,
            due,
            at_due,
            at_cancel,
            note: String::new(),
        };
        let event = || Event::Taken(taken.clone());
        Ok(match step {
            Step::Add | Step::PanicLater | Step::OtherId => Decision::event(event()),
            Step::AddThrice => Decision::events([event(), event(), event()]),
            Step::Nothing => Decision::nothing(),
            Step::Reject => return Err(Refused { total: self.total }),
            Step::Panic => panic!("panic requested by the test"),
            Step::PanicInEncoding | Step::OtherIdLater => {
                let step = Step::Add;
                Decision::events([
                    Event::Taken(Taken {
                        step,
                        ..taken.clone()
                    }),
                    event(),
                ])
            }
            Step::Flood => {
                let note = "x".repeat(2_000_000);
                Decision::event(Event::Taken(Taken { note, ..taken }))
            }
            Step::Who => {
                let (sender, actor) = (context.sender(), context.actor());
                let note = format!("{sender:?} {actor} {:?}", context.roles());
                Decision::event(Event::Taken(Taken { note, ..taken }))
            }
            Step::HowLate => {
                let note = format!("{} s late", context.lateness().num_seconds());
                Decision::event(Event::Taken(Taken { note, ..taken }))
            }
            Step::Unlisted => Decision::events([event(), Event::Unlisted]),
            Step::Begin => Decision::events([event(), event()]).running(),
            Step::BeginWithoutEvent => Decision::nothing().running(),
            Step::End => {
                Decision::event(event()).concluding(Conclusion::rejected("over", "as asked"))
            }
            Step::CallOff => {
                Decision::event(event()).concluding(Conclusion::cancelled("off", "as asked"))
            }
            Step::EndWithoutEvent => Decision::nothing().concluding(Conclusion::completed()),
        })
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Taken(Taken {
                step: Step::PanicLater,
                ..
            }) => panic!("panic requested by the test"),
            Event::Taken(taken) => Self {
                total: self.total + taken.amount,
                due: taken.due,
                at_due: taken.at_due,
                at_cancel: taken.at_cancel,
            },
            Event::Unlisted => self,
        }
    }

    fn deadline(&self) -> Option<Deadline<Take>> {
        let due = Timestamp::from_timestamp_millis(self.due)?;
        let command = Take {
            step: self.at_due,
            amount: 1000,
            ..Take::default()
        };
        (self.due != 0).then(|| Deadline::at(due, command))
    }

    fn cancellation(&self) -> Option<Take> {
        let command = Take {
            step: self.at_cancel,
            amount: 1,
            due: self.due,
            at_due: self.at_due,
            at_cancel: self.at_cancel,
        };
        (self.at_cancel != Step::Add).then_some(command)
    }
}
