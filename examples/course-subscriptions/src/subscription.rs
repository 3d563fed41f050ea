//! A subscription: the process that asks the course for a seat, and then the student.
//!
//! No transaction spans two aggregates. So the seat is taken first, and given back if the student
//! cannot join.

use std::convert::Infallible;

use chrono::TimeDelta;
use factline::{Aggregate, Conclusion, Context, Deadline, Decision, Timestamp};
use serde::{Deserialize, Serialize};

use crate::school::subscription::{self, Command, Event};
use crate::school::{GiveUp, SeatHeld, Subscribed, SubscriptionBegun, SubscriptionFailed, Wish};

#[derive(Clone, Default, Serialize, Deserialize)]
pub enum Subscription {
    #[default]
    New,
    AwaitsSeat(Wish, Timestamp),
    AwaitsStudent(Wish, Timestamp),
    Ended,
}

impl Aggregate for Subscription {
    type Type = subscription::Type;
    type Rejection = Infallible;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Infallible> {
        use Subscription::{AwaitsSeat, AwaitsStudent, New};
        Ok(match (self, command) {
            (New, Command::Subscribe(new)) => begin(new.wish, context.now()),
            (AwaitsSeat(wish, _), Command::NoteSeat(answer)) => match answer.refusal {
                None => Decision::event(SeatHeld { wish: wish.clone() }),
                Some(why) => fail(wish, Conclusion::rejected("no_seat", why)),
            },
            (AwaitsStudent(wish, _), Command::NoteJoined(answer)) => match answer.refusal {
                None => Decision::event(Subscribed {}).concluding(Conclusion::completed()),
                Some(why) => fail(wish, Conclusion::rejected("not_joined", why)),
            },
            (AwaitsSeat(wish, _) | AwaitsStudent(wish, _), Command::GiveUp(_)) => fail(
                wish,
                Conclusion::timed_out("no_answer", "no answer in time"),
            ),
            // An answer that is late or repeated.
            _ => Decision::nothing(),
        })
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::SubscriptionBegun(new)) => {
                let until = Timestamp::from_timestamp_millis(new.until).unwrap_or_default();
                Self::AwaitsSeat(new.wish.clone(), until)
            }
            (Self::AwaitsSeat(wish, until), Event::SeatHeld(_)) => Self::AwaitsStudent(wish, until),
            (state, Event::SeatHeld(_)) => state,
            (_, Event::Subscribed(_) | Event::SubscriptionFailed(_)) => Self::Ended,
        }
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        match self {
            Self::AwaitsSeat(_, until) | Self::AwaitsStudent(_, until) => {
                Some(Deadline::at(*until, GiveUp {}))
            }
            Self::New | Self::Ended => None,
        }
    }
}

fn begin(wish: Wish, now: Timestamp) -> Decision<Event> {
    let until = (now + TimeDelta::seconds(30)).timestamp_millis();
    Decision::event(SubscriptionBegun { wish, until }).running()
}

fn fail(wish: &Wish, end: Conclusion) -> Decision<Event> {
    Decision::event(SubscriptionFailed { wish: wish.clone() }).concluding(end)
}

#[test]
fn subscription_fails_without_an_answer() {
    let wish = Wish {
        student_id: "ada".to_owned(),
        course_id: "kafka".to_owned(),
    };
    let failed = Event::from(SubscriptionFailed { wish: wish.clone() });
    let begun = Event::from(SubscriptionBegun { wish, until: 0 });
    factline::testing::given::<Subscription>([begun])
        .when_due()
        .then([failed])
        .concluding(&Conclusion::timed_out("no_answer", "no answer in time"));
}
