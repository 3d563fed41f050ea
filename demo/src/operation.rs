//! Operations, from accepted to ended.

use anyhow::{Context as _, Result};
use factline::Position;
use factline_client::{Client, Operation};
use indicatif::ProgressBar;

use crate::sample::Sent;
use crate::workers;

/// A purchase whose operation has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The purchase's source.
    pub source: String,
    /// Its operation.
    pub operation: Operation,
}

/// Waits for the end of every operation.
///
/// # Errors
///
/// If an accepted operation is unknown, or does not end within the patience; the error names it.
pub async fn wait(
    client: &Client,
    sent: Vec<Sent>,
    concurrency: usize,
    bar: &ProgressBar,
) -> Result<Vec<Ended>> {
    let (client, bar) = (client.clone(), bar.clone());
    workers::each(sent, concurrency, move |sent| {
        let (client, bar) = (client.clone(), bar.clone());
        async move {
            let ended = client.wait(&sent.operation).await;
            let operation = ended.with_context(|| sent.source.clone())?;
            bar.inc(1);
            Ok(Ended {
                source: sent.source,
                operation,
            })
        }
    })
    .await
}

/// Returns the position at which a read includes the ends of all these operations.
pub fn furthest(ended: &[Ended]) -> Result<Position> {
    let mut furthest = Position::default();
    for operation in ended.iter().map(|ended| &ended.operation) {
        if let Some(position) = &operation.position {
            let id = &operation.id;
            furthest.merge(
                &position
                    .parse()
                    .with_context(|| format!("position of operation {id}"))?,
            );
        }
    }
    Ok(furthest)
}
