//! Answers for the operations of the guest book.

fn main() -> std::process::ExitCode {
    factline_tracker::main(guest_book::CONTRACTS)
}
