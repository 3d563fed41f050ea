//! A course: no more students than seats, and no student twice.

use std::collections::BTreeSet;

use factline::{Aggregate, Context, Decision};

use crate::school::course::{self, Command, Event};
use crate::school::{CourseDefined, SeatGivenBack, SeatTaken};

/// A course that was never defined has no seats.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Course {
    title: String,
    capacity: i32,
    students: BTreeSet<String>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("a course needs a title and at least one seat")]
    CourseInvalid,
    #[error("the course has no free seat")]
    CourseFull,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::CourseInvalid => "course_invalid",
            Self::CourseFull => "course_full",
        }
    }
}

impl Aggregate for Course {
    type Type = course::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
        let has_seat = |student_id| self.students.contains(student_id);
        match command {
            Command::DefineCourse(new) if new.title.trim().is_empty() || new.capacity < 1 => {
                Err(Rejection::CourseInvalid)
            }
            Command::DefineCourse(new) => {
                let (title, capacity) = (new.title, new.capacity);
                let is_so = title == self.title && capacity == self.capacity;
                Ok(Decision::events(
                    (!is_so).then(|| CourseDefined { title, capacity }.into()),
                ))
            }
            Command::TakeSeat(seat) if has_seat(&seat.student_id) => Ok(Decision::nothing()),
            Command::TakeSeat(_) if self.students.len() >= self.capacity.max(0) as usize => {
                Err(Rejection::CourseFull)
            }
            Command::TakeSeat(seat) => Ok(Decision::event(SeatTaken {
                student_id: seat.student_id,
            })),
            Command::GiveSeatBack(seat) => {
                let gives = has_seat(&seat.student_id).then_some(seat.student_id);
                let event = gives.map(|student_id| SeatGivenBack { student_id }.into());
                Ok(Decision::events(event))
            }
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::CourseDefined(defined) => {
                self.title.clone_from(&defined.title);
                self.capacity = defined.capacity;
            }
            Event::SeatTaken(seat) => _ = self.students.insert(seat.student_id.clone()),
            Event::SeatGivenBack(seat) => _ = self.students.remove(&seat.student_id),
        }
        self
    }
}

#[test]
fn last_seat_is_taken_once() {
    let seat = |student: &str| crate::school::TakeSeat {
        student_id: student.to_owned(),
    };
    let taken = Event::from(SeatTaken {
        student_id: "ada".to_owned(),
    });
    let defined = Event::from(CourseDefined {
        title: "Kafka".to_owned(),
        capacity: 1,
    });
    let course = || factline::testing::given::<Course>([defined.clone(), taken.clone()]);
    course().when(seat("ada")).then_nothing();
    course()
        .when(seat("bo"))
        .then_rejected(&Rejection::CourseFull);
}
