//! The process `projectors`: maintains the store's read models.
//!
//! The views are the modules of this crate, and the machinery is in `factline-postgres`.

use std::process::ExitCode;

fn main() -> ExitCode {
    factline_postgres::process::main(projectors::views::ALL)
}
