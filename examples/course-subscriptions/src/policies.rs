//! The links between a subscription, its course and its student.

use factline::outcome::State;
use factline::{AggregateType as _, Contract, Emit, Fact, Policy};

use crate::school::subscription::Event;
use crate::school::{
    Claim, GiveSeatBack, JoinCourse, LeaveCourse, NoteJoined, NoteSeat, TakeSeat, Wish,
};
use crate::school::{course, student, subscription};

/// Sends what a subscription asks of its course and its student.
pub struct Subscriptions;

impl Policy for Subscriptions {
    const NAME: &'static str = "subscriptions";
    const TARGETS: &'static [&'static Contract] =
        &[course::Type::CONTRACT, student::Type::CONTRACT];

    type Source = subscription::Type;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        let claim = |wish: Wish| Claim {
            subscription_id: fact.subject().to_owned(),
            student_id: wish.student_id,
            course_id: wish.course_id,
        };
        let emits = match fact.event().cloned() {
            Some(Event::SubscriptionBegun(begun)) => {
                vec![to_course(claim(begun.wish), |claim| TakeSeat { claim })]
            }
            Some(Event::SeatHeld(held)) => {
                vec![to_student(claim(held.wish), |claim| JoinCourse { claim })]
            }
            Some(Event::SubscriptionFailed(failed)) => {
                let claim = claim(failed.wish);
                vec![
                    to_student(claim.clone(), |claim| LeaveCourse { claim }),
                    to_course(claim, |claim| GiveSeatBack { claim }),
                ]
            }
            Some(Event::Subscribed(_)) | None => Vec::new(),
        };
        emits.into_iter().map(Emit::of_process).collect()
    }
}

fn to_course<C: Into<course::Command>>(claim: Claim, command: fn(Claim) -> C) -> Emit {
    Emit::to::<course::Type>(claim.course_id.clone(), command(claim))
}

fn to_student<C: Into<student::Command>>(claim: Claim, command: fn(Claim) -> C) -> Emit {
    Emit::to::<student::Type>(claim.student_id.clone(), command(claim))
}

/// Tells a subscription what its course answers.
pub struct Courses;

impl Policy for Courses {
    const NAME: &'static str = "courses";
    const TARGETS: &'static [&'static Contract] = &[subscription::Type::CONTRACT];

    type Source = course::Type;

    fn react(fact: &Fact<course::Event>) -> Vec<Emit> {
        answer(fact, TakeSeat::NAME, |refusal| NoteSeat { refusal }.into())
    }
}

/// Tells a subscription what its student answers.
pub struct Students;

impl Policy for Students {
    const NAME: &'static str = "students";
    const TARGETS: &'static [&'static Contract] = &[subscription::Type::CONTRACT];

    type Source = student::Type;

    fn react(fact: &Fact<student::Event>) -> Vec<Emit> {
        answer(fact, JoinCourse::NAME, |refusal| {
            NoteJoined { refusal }.into()
        })
    }
}

/// Notes the outcome of a command of this name, if a subscription sent it.
fn answer<E>(
    fact: &Fact<E>,
    command: &str,
    note: fn(Option<String>) -> subscription::Command,
) -> Vec<Emit> {
    let outcome = fact.outcome().filter(|outcome| outcome.name == command);
    let asked = fact.process(subscription::Type::NAME).zip(outcome);
    let note = asked.map(|(subscription, outcome)| {
        let refused = outcome.state != State::Completed;
        let refusal = refused.then(|| outcome.reason.clone().unwrap_or_default());
        Emit::to::<subscription::Type>(subscription, note(refusal))
    });
    note.into_iter().collect()
}
