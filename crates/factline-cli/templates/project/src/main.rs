//! The application and its parts.

mod records;

use factline_app::{App, Resource};

const RESOURCES: &[Resource] = &[];

fn main() -> std::process::ExitCode {
    App::new(env!("CARGO_PKG_NAME")).resources(RESOURCES).run()
}
