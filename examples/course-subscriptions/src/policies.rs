//! The links between a subscription, its course and its student.

use factline::outcome::State;
use factline::{AggregateType as _, Contract, Emit, Fact, Policy};

use crate::school::subscription::Event;
use crate::school::{GiveSeatBack, JoinCourse, LeaveCourse, NoteJoined, NoteSeat, TakeSeat, Wish};
use crate::school::{course, student, subscription};

/// Sends what a subscription asks of its course and its student.
pub struct Subscriptions;

impl Policy for Subscriptions {
    const NAME: &'static str = "subscriptions";
    const TARGETS: &'static [&'static Contract] =
        &[course::Type::CONTRACT, student::Type::CONTRACT];

    type Source = subscription::Type;

    fn react(fact: &Fact<Event>) -> Vec<Emit> {
        let emits = match fact.event().cloned() {
            Some(Event::SubscriptionBegun(begun)) => vec![take_seat(begun.wish)],
            Some(Event::SeatHeld(held)) => vec![join(held.wish)],
            Some(Event::SubscriptionFailed(failed)) => {
                vec![leave(failed.wish.clone()), give_seat_back(failed.wish)]
            }
            Some(Event::Subscribed(_)) | None => Vec::new(),
        };
        emits.into_iter().map(Emit::of_process).collect()
    }
}

fn take_seat(
    Wish {
        student_id,
        course_id,
    }: Wish,
) -> Emit {
    Emit::to::<course::Type>(course_id, TakeSeat { student_id })
}

fn give_seat_back(
    Wish {
        student_id,
        course_id,
    }: Wish,
) -> Emit {
    Emit::to::<course::Type>(course_id, GiveSeatBack { student_id })
}

fn join(
    Wish {
        student_id,
        course_id,
    }: Wish,
) -> Emit {
    Emit::to::<student::Type>(student_id, JoinCourse { course_id })
}

fn leave(
    Wish {
        student_id,
        course_id,
    }: Wish,
) -> Emit {
    Emit::to::<student::Type>(student_id, LeaveCourse { course_id })
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
