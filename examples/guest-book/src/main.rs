//! The guest book as one process.

use factline_app::App;
use guest_book::page::{Page, RESOURCES};
use guest_book::rules::Guest;

fn main() -> std::process::ExitCode {
    App::new("guest-book")
        .aggregate::<Guest>()
        .documents::<Page>()
        .resources(RESOURCES)
        .run()
}
