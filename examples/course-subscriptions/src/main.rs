//! Course subscriptions: consistency across entities. See the README.

mod course;
mod offers;
mod policies;
mod student;
mod subscription;

/// The types that the build script makes from `schemas/`.
mod school {
    include!(concat!(env!("OUT_DIR"), "/records.rs"));
}

use factline_app::App;

fn main() -> std::process::ExitCode {
    App::new("course-subscriptions")
        .aggregate::<course::Course>()
        .aggregate::<student::Student>()
        .aggregate::<subscription::Subscription>()
        .policy::<policies::Subscriptions>()
        .policy::<policies::Courses>()
        .policy::<policies::Students>()
        .documents::<offers::Offer>()
        .resources(offers::RESOURCES)
        .run()
}
