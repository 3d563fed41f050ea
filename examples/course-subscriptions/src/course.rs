//! A course: no more students than seats, and no student on two of them.

use factline::{Aggregate, Context, Decision};

use crate::school::course::{self, Command, Event};
use crate::school::{Claim, CourseDefined, SeatGivenBack, SeatTaken};

/// A course that was never defined has no seats.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Course {
    title: String,
    capacity: i32,
    seats: Vec<Claim>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("a course needs a title and at least one seat")]
    CourseInvalid,
    #[error("the course has no free seat")]
    CourseFull,
    #[error("the student has a seat already")]
    StudentHasSeat,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::CourseInvalid => "course_invalid",
            Self::CourseFull => "course_full",
            Self::StudentHasSeat => "student_has_seat",
        }
    }
}

impl Aggregate for Course {
    type Type = course::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
        let has_seat = |student: &str| self.seats.iter().any(|seat| seat.student_id == student);
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
            Command::TakeSeat(new) if self.seats.contains(&new.claim) => Ok(Decision::nothing()),
            Command::TakeSeat(new) if has_seat(&new.claim.student_id) => {
                Err(Rejection::StudentHasSeat)
            }
            Command::TakeSeat(_) if self.seats.len() >= self.capacity.max(0) as usize => {
                Err(Rejection::CourseFull)
            }
            Command::TakeSeat(new) => Ok(Decision::event(SeatTaken { claim: new.claim })),
            Command::GiveSeatBack(old) => {
                let given = self.seats.contains(&old.claim).then_some(old.claim);
                let event = given.map(|claim| SeatGivenBack { claim }.into());
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
            Event::SeatTaken(new) => self.seats.push(new.claim.clone()),
            Event::SeatGivenBack(old) => self.seats.retain(|seat| *seat != old.claim),
        }
        self
    }
}

#[test]
fn last_seat_belongs_to_one_claim() {
    use crate::school::{GiveSeatBack, TakeSeat};

    let claim = |subscription: &str, student: &str| Claim {
        subscription_id: subscription.to_owned(),
        student_id: student.to_owned(),
        course_id: "kafka".to_owned(),
    };
    let course = || {
        let (title, capacity) = ("Kafka".to_owned(), 1);
        let defined = Event::from(CourseDefined { title, capacity });
        let claim = claim("first", "ada");
        factline::testing::given::<Course>([defined, SeatTaken { claim }.into()])
    };
    let take = |claim| course().when(TakeSeat { claim });
    take(claim("first", "ada")).then_nothing();
    take(claim("second", "ada")).then_rejected(&Rejection::StudentHasSeat);
    take(claim("third", "bo")).then_rejected(&Rejection::CourseFull);

    let give_back = |claim| course().when(GiveSeatBack { claim });
    give_back(claim("second", "ada")).then_nothing();
    let claim = claim("first", "ada");
    let free = Event::from(SeatGivenBack {
        claim: claim.clone(),
    });
    give_back(claim).then([free]);
}
