//! The demo: see the library beside it.

use std::process::ExitCode;

use clap::Parser;
use demo::Options;

/// Sends 6,919 real purchases through the store and compares the totals with the file
#[derive(Parser)]
#[command(
    version,
    after_help = "Ends with code 1 if anything differs. Run again, it changes nothing.\n\nExample:\n  demo --url http://127.0.0.1:8080 --concurrency 64"
)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run(&Arguments::parse().options).await {
        Ok(report) => {
            print!("{report}");
            ExitCode::from(u8::from(!report.is_exact()))
        }
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
