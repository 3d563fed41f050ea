//! `factline operation`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use factline_client::Client;

use crate::output::Output;
use crate::progress::during;

/// Shows what became of a command
#[derive(Debug, Args)]
#[command(
    after_help = "With --wait, ends with code 1 unless the operation is completed.\n\nExamples:\n  \
                        factline operation 0198c0de-0000-7000-8000-000000000000\n  \
                        factline operation 0198c0de-0000-7000-8000-000000000000 --wait --patience 10"
)]
pub(crate) struct Options {
    /// The operation's id
    id: String,
    /// Until it has ended
    #[arg(long)]
    wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// The store, as clients see it
    #[arg(long, env = "FACTLINE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

pub(crate) async fn run(options: Options, output: &Output) -> Result<()> {
    let client = Client::new(&options.url, Duration::from_secs(options.patience))?;
    let id = options.id.trim_start_matches('/');
    let location = format!("operations/{}", id.trim_start_matches("operations/"));
    if !options.wait {
        let operation = during("asking", client.operation(&location)).await?;
        return output.document(&serde_json::to_value(operation)?);
    }
    let operation = during("waiting", client.wait(&location)).await?;
    output.document(&serde_json::to_value(&operation)?)?;
    if operation.success != Some(true) {
        bail!("operation {id} is {}", operation.state.as_str());
    }
    Ok(())
}
