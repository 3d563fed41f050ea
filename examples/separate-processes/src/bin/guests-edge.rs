//! Accepts the commands of the guest book.

fn main() -> std::process::ExitCode {
    factline_edge::main(guest_book::CONTRACTS)
}
