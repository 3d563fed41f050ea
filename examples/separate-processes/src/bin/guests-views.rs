//! Maintains the view of the guest book.

use factline_postgres::{HostedView, process};
use guest_book::page::Page;

static VIEWS: &[HostedView] = &[HostedView::document::<Page>()];

fn main() -> std::process::ExitCode {
    process::main(VIEWS)
}
