//! A student: takes part in at most ten courses.

use factline::{Aggregate, Context, Decision};

use crate::school::student::{self, Command, Event};
use crate::school::{Claim, CourseJoined, CourseLeft};

const MOST: usize = 10;

/// The claims whose courses a student takes part in.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Student(Vec<Claim>);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the student already takes part in {MOST} courses")]
pub struct TooManyCourses;

impl factline::Rejection for TooManyCourses {
    fn code(&self) -> &'static str {
        "too_many_courses"
    }
}

impl Aggregate for Student {
    type Type = student::Type;
    type Rejection = TooManyCourses;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, TooManyCourses> {
        Ok(match command {
            Command::JoinCourse(new) if self.0.contains(&new.claim) => Decision::nothing(),
            Command::JoinCourse(_) if self.0.len() >= MOST => return Err(TooManyCourses),
            Command::JoinCourse(new) => Decision::event(CourseJoined { claim: new.claim }),
            Command::LeaveCourse(old) => {
                let left = self.0.contains(&old.claim).then_some(old.claim);
                Decision::events(left.map(|claim| CourseLeft { claim }.into()))
            }
        })
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::CourseJoined(new) => self.0.push(new.claim.clone()),
            Event::CourseLeft(old) => self.0.retain(|claim| *claim != old.claim),
        }
        self
    }
}

#[test]
fn eleventh_course_is_refused() {
    let claim = |number: usize| Claim {
        subscription_id: format!("subscription-{number}"),
        student_id: "ada".to_owned(),
        course_id: format!("course-{number}"),
    };
    let joined = (0..MOST).map(claim);
    let joined = joined.map(|claim| Event::from(CourseJoined { claim }));
    let busy = factline::testing::given::<Student>(joined);
    let eleventh = busy.when(crate::school::JoinCourse { claim: claim(MOST) });
    eleventh.then_rejected(&TooManyCourses);
}
