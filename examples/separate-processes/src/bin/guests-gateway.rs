//! The one origin of the guest book.

fn main() -> std::process::ExitCode {
    factline_gateway::main()
}
