//! A student: takes part in at most ten courses.

use std::collections::BTreeSet;

use factline::{Aggregate, Context, Decision};

use crate::school::student::{self, Command, Event};
use crate::school::{CourseJoined, CourseLeft};

const MOST: usize = 10;

/// The courses of a student.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Student(BTreeSet<String>);

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
            Command::JoinCourse(new) if self.0.contains(&new.course_id) => Decision::nothing(),
            Command::JoinCourse(_) if self.0.len() >= MOST => return Err(TooManyCourses),
            Command::JoinCourse(new) => Decision::event(CourseJoined {
                course_id: new.course_id,
            }),
            Command::LeaveCourse(old) => {
                let leaves = self.0.contains(&old.course_id).then_some(old.course_id);
                Decision::events(leaves.map(|course_id| CourseLeft { course_id }.into()))
            }
        })
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::CourseJoined(new) => _ = self.0.insert(new.course_id.clone()),
            Event::CourseLeft(old) => _ = self.0.remove(&old.course_id),
        }
        self
    }
}

#[test]
fn eleventh_course_is_refused() {
    let course_id = |number: usize| format!("course-{number}");
    let join = |number| crate::school::JoinCourse {
        course_id: course_id(number),
    };
    let joined = (0..MOST).map(|number| {
        let course_id = course_id(number);
        Event::from(CourseJoined { course_id })
    });
    let busy = factline::testing::given::<Student>(joined);
    busy.when(join(10)).then_rejected(&TooManyCourses);
}
