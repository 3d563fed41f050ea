//! Connections to the database of views.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use factline_kafka::tools::servers::PATIENCE;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

/// Maximum time of all queries of a command.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to PostgreSQL. An error names the address, and never the password.
pub(crate) async fn connect(url: &str) -> Result<PgConnection> {
    let options: PgConnectOptions = url.parse().context("--database-url is not valid")?;
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let named = |error: anyhow::Error| {
        anyhow!(
            "no answer from PostgreSQL at {place}: {error:#} (--database-url or \
             FACTLINE_DATABASE_URL sets the address)"
        )
    };
    let connecting = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options));
    match connecting.await {
        Ok(connected) => connected.map_err(|error| named(error.into())),
        Err(late) => Err(named(late.into())),
    }
}
