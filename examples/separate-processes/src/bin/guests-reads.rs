//! Serves the view of the guest book.

fn main() -> std::process::ExitCode {
    factline_read::main(guest_book::page::RESOURCES)
}
