//! `factline operation`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use factline_client::{Client, Operation, State, WorkflowStep};
use serde_json::Value;

use crate::output::{Output, Row, cell};
use crate::progress::during;

/// Shows the status of a command, and of all operations that it led to
#[derive(Debug, Args)]
#[command(
    after_help = "With --wait, ends with code 1 unless the operation is completed. With --cancel, ends \
                        with code 1 if the\ncancel is refused, and with both, unless the operation is \
                        cancelled.\n\nExamples:\n  \
                        factline operation 0198c0de-0000-7000-8000-000000000000\n  \
                        factline operation 0198c0de-0000-7000-8000-000000000000 --wait --patience 10\n  \
                        factline operation 0198c0de-0000-7000-8000-000000000000 --cancel"
)]
pub(crate) struct Options {
    /// The operation's id
    id: String,
    /// Wait until the operation has ended
    #[arg(long)]
    wait: bool,
    /// Ask to cancel the operation first, and wait until that is decided
    #[arg(long)]
    cancel: bool,
    /// Maximum time to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Address of the store, as clients use it
    #[arg(long, env = "FACTLINE_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
}

pub(crate) async fn run(options: Options, output: &Output) -> Result<()> {
    let client = Client::new(&options.url, Duration::from_secs(options.patience))?;
    let id = options.id.trim_start_matches('/');
    let location = format!("operations/{}", id.trim_start_matches("operations/"));
    if options.cancel {
        cancel(&client, &location, output).await?;
    }
    if !options.wait {
        let operation = during("asking", client.operation(&location)).await?;
        return show(&operation, *output);
    }
    let operation = during("waiting", client.wait(&location)).await?;
    show(&operation, *output)?;
    let is_as_asked = if options.cancel {
        operation.state == State::Cancelled
    } else {
        operation.success == Some(true)
    };
    if !is_as_asked {
        bail!("operation {id} is {}", operation.state.as_str());
    }
    Ok(())
}

/// Asks to cancel an operation, and waits until that is decided. A refusal is shown, and an error.
async fn cancel(client: &Client, location: &str, output: &Output) -> Result<()> {
    let accepted = during("cancelling", client.cancel(location)).await?;
    let request = during("waiting", client.wait(&accepted.location)).await?;
    if request.success != Some(true) {
        show(&request, *output)?;
        let reason = request.reason.unwrap_or_default();
        let state = request.state.as_str();
        bail!("{location} is not cancelled: the request is {state}: {reason}");
    }
    Ok(())
}

/// Prints an operation. For programs it is unchanged JSON. For people the operations that it led to
/// are below it, each level indented further.
fn show(operation: &Operation, output: Output) -> Result<()> {
    let mut shown = serde_json::to_value(operation)?;
    if output.is_for_programs() {
        return output.document(&shown);
    }
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("children");
        fields.remove("steps");
    }
    output.document(&shown)?;
    if !operation.steps.is_empty() {
        output.line(&(Value::Null, Vec::new()))?;
        let step = |step: &WorkflowStep| {
            let operation = cell(&step.operation.clone().into());
            let texts = [&step.command, &step.state].map(|text| cell(&text.clone().into()));
            (Value::Null, [texts.to_vec(), vec![operation]].concat())
        };
        let rows: Vec<Row> = operation.steps.iter().map(step).collect();
        output.table(&["step", "state", "operation"], &rows)?;
    }
    if operation.children.is_empty() {
        return Ok(());
    }
    output.line(&(Value::Null, Vec::new()))?;
    let mut rows = Vec::new();
    draw(&operation.children, 0, &mut rows);
    output.table(
        &["led to", "kind", "state", "code", "resource", "operation"],
        &rows,
    )
}

fn draw(operations: &[Operation], depth: usize, rows: &mut Vec<Row>) {
    for operation in operations {
        let text = |text: &Option<String>| cell(&text.clone().into());
        let cells = vec![
            format!(
                "{}{}",
                "  ".repeat(depth),
                cell(&operation.name.clone().into())
            ),
            operation.kind.as_str().to_owned(),
            operation.state.as_str().to_owned(),
            text(&operation.code),
            text(&operation.resource),
            cell(&operation.id.clone().into()),
        ];
        rows.push((Value::Null, cells));
        draw(&operation.children, depth + 1, rows);
    }
}
