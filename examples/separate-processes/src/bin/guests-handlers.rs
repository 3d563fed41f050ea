//! Decides the commands of the guest book.

use factline_handler::{HostedAggregate, process};
use guest_book::rules::Guest;

fn main() -> std::process::ExitCode {
    process::main(vec![HostedAggregate::of::<Guest>()])
}
